import { NotFoundError, ValidationError } from "../../authentik/errors";
import type { Origin } from "../../common/origin";
import { invitationId } from "../../common/pk";
import { hasSecretInput } from "../../common/secret-inputs";
import { readImported } from "../../lifecycle/adoption";
import { connect } from "../../lifecycle/connections";
import { createExactlyOnce, trackPk } from "../../lifecycle/creation";
import { goneError, UserError } from "../../lifecycle/user-error";
import { formatInstant, formatSecond } from "../../values/instant";
import type { InvitationInputs } from "./inputs";
import { changedPaths } from "./plan";
import { invitations, type StoredInvitation } from "./requests";
import { describeInvitation, type InvitationState, issuedAtFrom, refersToFlow, toApiFields, toState } from "./state";

export async function issueInvitation(
  inputs: InvitationInputs,
  origin: Origin | undefined,
  issuedAt: string = formatSecond(Date.now()),
): Promise<InvitationState> {
  const connection = connect(inputs.connection);
  const fields = await toApiFields(inputs, { issuedAt }, connection);
  const stored = await createExactlyOnce(connection, origin, {
    object: describeInvitation(inputs),
    model: "invitation",
    id: invitationId,
    create: (client) => invitations.create(client.withholdingText(hasSecretInput(inputs)), fields),
    retrieve: invitations.retrieve,
  });
  return toState(inputs, stored, issuedAt);
}

/** Takes an existing invitation into the state, or checks whether that is possible. Fails if it differs from the inputs. Writes nothing. */
export async function importInvitation(
  inputs: InvitationInputs,
  origin: Origin | undefined,
  pk: string,
  isCheck = false,
): Promise<InvitationState> {
  const stored = await readImported(pk, isCheck, {
    object: describeInvitation(inputs),
    connection: inputs.connection,
    missing: "invitation with the pk in the resource option import. Correct the pk, or remove the option.",
    retrieve: () => invitations.retrieve(connect(inputs.connection).clientOf(origin), pk),
    compare: (found) => changedPaths(toImportedState(inputs, found), inputs),
  });
  if (!isCheck) trackPk(pk);
  return toImportedState(inputs, stored);
}

/** The state of an invitation that the program imports. It counts as emailed to the addresses in the program. */
export function toImportedState(inputs: InvitationInputs, stored: StoredInvitation): InvitationState {
  return toState(inputs, stored, estimateIssuedAt(inputs, stored));
}

/** When an adopted invitation was issued, which authentik does not return: `validFor` before its expiry if that is in the past, otherwise now. */
function estimateIssuedAt(inputs: InvitationInputs, stored: StoredInvitation): string {
  const issuedAt = issuedAtFrom(inputs.validFor, stored.expires);
  return issuedAt !== undefined && Date.parse(issuedAt) <= Date.now() ? issuedAt : formatInstant(Date.now());
}

export async function changeInvitation(
  state: InvitationState,
  inputs: InvitationInputs,
  origin: Origin | undefined,
): Promise<InvitationState> {
  const connection = connect(state.connection);
  // The pk of the current flow is known, so it needs no lookup.
  const flow = inputs.flow !== undefined && refersToFlow(inputs.flow, state) ? state.flowPk : inputs.flow;
  const fields = await toApiFields({ ...inputs, flow }, state, connection);
  try {
    const client = connection.clientOf(origin).withholdingText(hasSecretInput(inputs));
    const stored = await invitations.update(client, state.pk, fields);
    return toState({ ...inputs, emailedTo: state.emailedTo, __unsentTo: state.__unsentTo }, stored, state.issuedAt);
  } catch (error) {
    if (error instanceof ValidationError && "flow" in error.fields && flow !== inputs.flow) {
      throw new UserError(
        `flow: authentik rejected the stored pk of the flow${hasSecretInput(inputs, "flow") ? "" : ` "${inputs.flow}"`}: ${error.fields.flow?.join(" ")} The flow may have been deleted and recreated. Run \`pulumi up --refresh\`.`,
        { cause: error },
      );
    }
    throw error instanceof NotFoundError ? goneError(describeInvitation(inputs), error) : error;
  }
}
