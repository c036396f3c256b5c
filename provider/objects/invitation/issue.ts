import { NotFoundError } from "../../authentik/errors";
import type { Origin } from "../../common/origin";
import { invitationId } from "../../common/pk";
import { hasSecretInput } from "../../common/secret-inputs";
import { formatImportMismatch, recordAdoption, retrieveImported } from "../../lifecycle/adoption";
import { connect } from "../../lifecycle/connections";
import { createExactlyOnce, trackPk } from "../../lifecycle/creation";
import { UserError } from "../../lifecycle/user-error";
import { addDuration, formatInstant, formatSecond, parseDuration } from "../../values/instant";
import { capitalize } from "../../values/strings";
import type { InvitationInputs } from "./inputs";
import { changedPaths } from "./plan";
import { invitations, type StoredInvitation } from "./requests";
import { describeInvitation, type InvitationState, toApiFields, toState } from "./state";

/** When an invitation that is issued now counts as issued. */
export function currentIssuedAt(): string {
  return formatSecond(Date.now());
}

/** Creates an invitation in authentik. */
export async function issueInvitation(
  inputs: InvitationInputs,
  origin: Origin | undefined,
  issuedAt: string,
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

/** Takes an existing invitation into the state. Fails if it differs from the inputs, and writes nothing. */
export async function adoptInvitation(
  inputs: InvitationInputs,
  origin: Origin | undefined,
  pk: string,
): Promise<InvitationState> {
  const state = await readImported(inputs, origin, pk, false);
  recordAdoption(pk);
  trackPk(pk);
  return state;
}

/** The state of an existing invitation that matches the inputs, as far as they are known. Fails if it differs from them. */
export async function readImported(
  inputs: InvitationInputs,
  origin: Origin | undefined,
  pk: string,
  isCheck: boolean,
): Promise<InvitationState> {
  const object = describeInvitation(inputs);
  let stored: StoredInvitation;
  try {
    const client = connect(inputs.connection).clientOf(origin);
    stored = await retrieveImported(pk, isCheck, () => invitations.retrieve(client, pk));
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    throw new UserError(
      `${capitalize(object)} cannot be imported: authentik has no invitation with the pk in the resource option import. Correct the pk, or remove the option.`,
      { cause: error },
    );
  }
  const state = toState(inputs, stored, estimateIssuedAt(inputs, stored));
  const differing = changedPaths(state, inputs);
  if (differing.length > 0) throw new UserError(formatImportMismatch(object, differing));
  return state;
}

/** When an adopted invitation was issued, which authentik does not return: `validFor` before its expiry if that is in the past, otherwise now. */
function estimateIssuedAt(inputs: InvitationInputs, stored: StoredInvitation): string {
  const now = formatInstant(Date.now());
  const validFor = parseDuration(inputs.validFor ?? "");
  if (validFor === undefined || stored.expires === null) return now;
  const issuedAt = addDuration(stored.expires, -validFor);
  return Date.parse(issuedAt) <= Date.now() ? issuedAt : now;
}
