import type { ObjectEvent } from "../../authentik/events";
import { originOf } from "../../common/origin";
import { invitationId } from "../../common/pk";
import { type Connection, connect } from "../../lifecycle/connections";
import { findInterruptedCreation, type Recovery, type RecoveryOptions } from "../../lifecycle/creation";
import { formatInstant, formatSecond } from "../../values/instant";
import type { Properties } from "../../values/properties";
import type { InvitationInputs } from "./inputs";
import { addressesToEmail } from "./plan";
import { invitations, type StoredInvitation } from "./requests";
import { assumeEmailed } from "./send";
import { describeInvitation, type InvitationState, issuedAtFrom, toApiFields, toState } from "./state";

/** Finds the invitation that an interrupted run issued for these inputs. */
export async function recoverInvitation(properties: Properties, options: RecoveryOptions): Promise<Recovery> {
  const inputs = properties as unknown as InvitationInputs;
  if (options.outputs !== undefined) {
    // What an interrupted update may have emailed. The next refresh shows what else it did.
    const state = recoverAddedAddresses(options.outputs as unknown as InvitationState, inputs);
    return state === undefined ? { outcome: "not created" } : toRecovery(state, formatInstant(Date.now()));
  }
  const connection = connect(inputs.connection);
  const found = await findInterruptedCreation(connection, originOf(inputs), {
    object: describeInvitation(inputs),
    model: "invitation",
    retrieve: invitations.retrieve,
  });
  if (found.outcome !== "found") return found;
  return toRecovery(await toRecoveredState(connection, inputs, found.event, found.stored), found.event.created);
}

/** The state of an invitation that an interrupted run created. `stored` is undefined if it no longer exists. */
export async function toRecoveredState(
  connection: Connection,
  inputs: InvitationInputs,
  event: ObjectEvent,
  stored: StoredInvitation | undefined,
): Promise<InvitationState> {
  // It may have been used since. The next refresh determines what became of it; a new one would be a second link.
  const recovered = stored ?? (await asRequested(connection, inputs, event));
  const issuedAt = issuedAtFrom(inputs.validFor, recovered.expires) ?? formatSecond(Date.parse(event.created));
  const state = toState(inputs, recovered, issuedAt);
  return assumeEmailed(state, state.email?.to ?? []);
}

/** Counts the addresses that an interrupted update added as emailed. Undefined if it added none. */
export function recoverAddedAddresses(state: InvitationState, declared: InvitationInputs): InvitationState | undefined {
  const addresses = addressesToEmail(state, { ...declared });
  return addresses.length === 0 ? undefined : assumeEmailed({ ...state, email: declared.email }, addresses);
}

function toRecovery(state: InvitationState, created: string): Recovery {
  return { outcome: "created", id: invitationId(state.pk), outputs: state as unknown as Properties, created };
}

/** The invitation as the request created it, after it no longer exists. */
async function asRequested(
  connection: Connection,
  inputs: InvitationInputs,
  { pk, created, username: createdBy }: ObjectEvent,
): Promise<StoredInvitation> {
  const issuedAt = formatSecond(Date.parse(created));
  const fields = await toApiFields(inputs, { issuedAt }, connection);
  return { ...fields, pk, flowSlug: undefined, createdBy };
}
