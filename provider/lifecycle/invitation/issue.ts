import type { Client } from "../../authentik/client";
import { NotFoundError } from "../../authentik/errors";
import {
  createInvitation,
  type InvitationFields,
  listInvitations,
  retrieveInvitation,
  type StoredInvitation,
} from "../../authentik/invitations";
import type { Origin } from "../../common/origin";
import { invitationId } from "../../common/pk";
import { hasSecretInput } from "../../common/secret-inputs";
import { stripWhitespace } from "../../common/whitespace";
import { formatImportMismatch, recordAdoption } from "../engine/adoption";
import { connect } from "../engine/connections";
import { warnAboutEarlierCreation } from "../engine/earlier-creations";
import { createExactlyOnce } from "../engine/lost-response";
import { UserError } from "../engine/user-error";
import { addDuration, formatInstant, formatSecond, isSameInstant, parseDuration } from "../values/instant";
import { isSameJson } from "../values/json";
import { capitalize } from "../values/strings";
import type { InvitationInputs } from "./inputs";
import { changedPaths } from "./plan";
import { describeInvitation, type InvitationState, toApiFields, toState } from "./state";

/** Pks that this process has seen in a state, or created. A lost create response cannot have produced any of these. */
const knownPks = new Set<string>();

/** Create requests of this process without a response yet. */
const pendingCreates = new Set<{ readonly name: string; readonly request: Promise<StoredInvitation> }>();

/** Remembers the pk of an invitation in the state. */
export function trackPk(pk: string): void {
  knownPks.add(pk);
}

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
  const fields = await toApiFields(inputs, issuedAt, connection);
  const object = describeInvitation(inputs);
  const model = "invitation";
  const [stored] = await Promise.all([
    createExactlyOnce(connection, origin, {
      object,
      model,
      create: (client) => sendCreate(client.withholdingText(hasSecretInput(inputs)), fields),
      retrieve: retrieveInvitation,
      // An expiry that was counted from this very second is this request's. Any other content may be another stack's as well.
      ...(inputs.validFor === undefined ? {} : { findByContent: (client) => findCreated(client, fields) }),
    }),
    warnAboutEarlierCreation(connection, origin, {
      name: object,
      model,
      isInState: (pk) => knownPks.has(pk),
      id: invitationId,
      retrieve: retrieveInvitation,
    }),
  ]);
  trackPk(stored.pk);
  return toState(inputs, stored, issuedAt);
}

async function sendCreate(client: Client, fields: InvitationFields): Promise<StoredInvitation> {
  const request = createInvitation(client, fields).then((stored) => {
    trackPk(stored.pk);
    return stored;
  });
  const pending = { name: stripWhitespace(fields.name), request };
  pendingCreates.add(pending);
  return await request.finally(() => pendingCreates.delete(pending));
}

/** Invitations that equal the request body and whose pk this process has not seen. Names are not unique. */
async function findCreated(client: Client, fields: InvitationFields): Promise<StoredInvitation[]> {
  // Wait for concurrent creates with the same name: otherwise theirs could be mistaken for this one.
  const sameName = [...pendingCreates].filter(({ name }) => name === stripWhitespace(fields.name));
  await Promise.allSettled(sameName.map(({ request }) => request));
  const candidates = await listInvitations(client, { name: stripWhitespace(fields.name) });
  return candidates.filter(
    (stored) =>
      !knownPks.has(stored.pk) &&
      stored.expires !== null &&
      isSameInstant(stored.expires, fields.expires) &&
      stored.singleUse === fields.singleUse &&
      stored.flow === fields.flow &&
      isSameJson(stored.fixedData, fields.fixedData),
  );
}

/** Takes an existing invitation into the state. Fails if it differs from the inputs, and writes nothing. */
export async function adoptInvitation(
  inputs: InvitationInputs,
  origin: Origin | undefined,
  pk: string,
): Promise<InvitationState> {
  const object = describeInvitation(inputs);
  let stored: StoredInvitation;
  try {
    stored = await retrieveInvitation(connect(inputs.connection).clientOf(origin), pk);
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
  recordAdoption(pk);
  trackPk(pk);
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
