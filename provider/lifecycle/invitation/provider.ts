import type { dynamic } from "@pulumi/pulumi";
import type { Client } from "../../authentik/client";
import { NotFoundError, ValidationError } from "../../authentik/errors";
import {
  createInvitation,
  deleteInvitation,
  type InvitationFields,
  listInvitations,
  retrieveInvitation,
  type StoredInvitation,
  updateInvitation,
} from "../../authentik/invitations";
import { toPrintableLine } from "../../authentik/printable";
import { type Origin, originInput, parseOrigin } from "../../common/origin";
import { invitationId, normalizeUuid } from "../../common/pk";
import { stripWhitespace } from "../../common/whitespace";
import {
  formatImportMismatch,
  importedPk,
  importInput,
  isAdopted,
  recordAdoption,
  validateImport,
} from "../engine/adoption";
import { reportChange, reportFlowRemoval } from "../engine/attribution";
import { configure, connect } from "../engine/connections";
import { warnAboutEarlierCreation } from "../engine/earlier-creations";
import { createExactlyOnce } from "../engine/lost-response";
import { UserError, withUserErrors, withUserErrorsAndSettingsHint } from "../engine/user-error";
import { isCreate, toCheckFailures, toDiff } from "../engine/validation";
import { addDuration, formatInstant, isSameInstant, parseDuration } from "../values/instant";
import { isSameJson } from "../values/json";
import { type Properties, withoutUndefined } from "../values/properties";
import { capitalize } from "../values/strings";
import { type InvitationInputs, validateInvitation } from "./inputs";
import { changedInputs, changedPaths, isRetired, markExpiredOutsidePulumi, planChange } from "./plan";
import { recoverInvitation } from "./recovery";
import { classifyMissing, refreshGone } from "./retirement";
import { type InvitationState, refersToFlow, toApiFields, toInputs, toState } from "./state";

/** Pks already tracked in state. A lost create response cannot have produced any of these. */
const knownPks = new Set<string>();

/** Create requests of this process without a response yet. */
const pendingCreates = new Set<{ readonly name: string; readonly request: Promise<StoredInvitation> }>();

/** The dynamic provider of `Invitation`. */
export const invitationProvider = {
  configure,
  recover: recoverInvitation,

  async check(olds: Properties, news: Properties): Promise<dynamic.CheckResult> {
    const { [importInput]: importOption, [originInput]: newOrigin, ...inputs } = withoutUndefined(news);
    const isCreated = isCreate(olds);
    const origin = isCreated ? newOrigin : olds[originInput];
    const adoption = validateImport(importOption, isCreated);
    const isIssued = isCreated && adoption.pk === undefined;
    return {
      inputs: withoutUndefined({
        fixedData: {},
        singleUse: false,
        ...inputs,
        [importInput]: adoption.pk,
        [originInput]: origin,
      }),
      failures: toCheckFailures([...adoption.errors, ...validateInvitation(inputs, isIssued)]),
    };
  },

  async diff(_id: string, olds: Properties, news: Properties): Promise<dynamic.DiffResult> {
    return toDiff(planChange(trackState(olds), news));
  },

  create(properties: Properties): Promise<dynamic.CreateResult> {
    return withUserErrors(async () => {
      const inputs = properties as unknown as InvitationInputs;
      const pk = importedPk(properties);
      const state = pk === undefined ? await issue(inputs) : await adopt(inputs, pk);
      return { id: invitationId(state.pk), outs: state };
    });
  },

  read(_id: string, properties: Properties = {}): Promise<dynamic.ReadResult> {
    return withUserErrorsAndSettingsHint(async () => {
      // `Invitation.get` passes only the pk and the connection.
      const configured = properties as Partial<InvitationState>;
      const pk = normalizeUuid(configured.pk ?? "");
      if (pk === undefined) {
        throw new UserError(
          "The pk of the invitation must be a UUID. Use Invitation.get(name, pk) or the resource option import, not the option id.",
        );
      }
      knownPks.add(pk);
      const state = configured.status === undefined ? undefined : trackState(properties);
      // An invitation that authentik has deleted does not come back: no request is needed.
      const refreshed = state?.gone ? refreshGone(state) : await refresh(pk, configured, state);
      return refreshed ? { id: invitationId(pk), props: refreshed, inputs: toInputs(refreshed) } : {};
    });
  },

  update(_id: string, olds: Properties, news: Properties): Promise<dynamic.UpdateResult> {
    return withUserErrors(async () => {
      const state = trackState(olds);
      const inputs = news as unknown as InvitationInputs;
      if (changedInputs(state, news).length === 0) {
        // Only `onRetired`, or the spelling of a value, changed: authentik already matches.
        return { outs: withoutUndefined({ ...state, onRetired: undefined, validFor: undefined, ...news }) };
      }
      const connection = connect(state.connection);
      const client = connection.clientOf(originOf(state));
      // The pk of the current flow is known, so it needs no lookup.
      const flow = inputs.flow !== undefined && refersToFlow(inputs.flow, state) ? state.flowPk : inputs.flow;
      const fields = await toApiFields({ ...inputs, flow }, state.issuedAt, connection);
      try {
        const stored = await updateInvitation(client, state.pk, fields);
        return { outs: toState(inputs, stored, state.issuedAt) };
      } catch (error) {
        if (error instanceof ValidationError && "flow" in error.fields && flow !== inputs.flow) {
          throw new UserError(
            `flow: authentik rejected the stored pk of the flow "${inputs.flow}": ${error.fields.flow?.join(" ")} The flow may have been deleted and recreated. Run \`pulumi up --refresh\`.`,
            { cause: error },
          );
        }
        if (!(error instanceof NotFoundError)) throw error;
        throw new UserError(`Invitation "${inputs.name}" no longer exists in authentik. Run \`pulumi up --refresh\`.`, {
          cause: error,
        });
      }
    });
  },

  delete(_id: string, properties: Properties): Promise<void> {
    return withUserErrorsAndSettingsHint(async () => {
      const state = trackState(properties);
      if (isAdopted(state.pk)) {
        console.warn(
          toPrintableLine(`Invitation "${state.name}": not deleted, because another resource adopted it in this run.`),
        );
        return;
      }
      if (!state.gone) await deleteInvitation(connect(state.connection).clientOf(originOf(state)), state.pk);
    });
  },
};

function trackState(properties: Properties): InvitationState {
  const state = properties as unknown as InvitationState;
  knownPks.add(state.pk);
  return state;
}

function originOf(properties: { readonly [originInput]?: string }): Origin | undefined {
  return parseOrigin(properties[originInput]);
}

/** Reads the current state and reports drift. Returns `undefined` if the invitation was deleted and has to be recreated. */
async function refresh(
  pk: string,
  configured: Partial<InvitationState>,
  state: InvitationState | undefined,
): Promise<InvitationState | undefined> {
  const connection = connect(configured.connection);
  const origin = originOf(configured);
  let stored: StoredInvitation;
  try {
    stored = await retrieveInvitation(connection.clientOf(origin), pk);
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    if (state) return await classifyMissing(connection, state);
    // The engine would turn a resource that `get` does not find into one without outputs.
    throw new UserError(
      "Invitation.get: authentik has no invitation with this pk that the token's user is allowed to view (permission authentik_stages_invitation.view_invitation).",
      { cause: error },
    );
  }
  const refreshed = toState(configured, stored, configured.issuedAt ?? formatInstant(Date.now()));
  if (state === undefined) return refreshed;
  const drifted = changedInputs(refreshed, toInputs(state)).map((name) => (name === "validFor" ? "expires" : name));
  // A retired invitation is not repaired, so it has no drift, unless its expiry was extended.
  if (isRetired(state) && refreshed.status === "expired")
    return { ...state, status: "expired", retiredAt: state.__declaredExpires ?? state.expires };
  const object = { name: `invitation "${state.name}"`, pk, origin };
  if (drifted.length > 0) await reportChange(connection, object, drifted);
  if (state.flowPk !== undefined && refreshed.flowPk === undefined) {
    await reportFlowRemoval(connection, object, { name: `flow "${state.flowSlug}"`, pk: state.flowPk, origin });
  }
  return refreshed.status === "expired" ? markExpiredOutsidePulumi(refreshed, state) : refreshed;
}

async function issue(inputs: InvitationInputs): Promise<InvitationState> {
  const connection = connect(inputs.connection);
  const issuedAt = formatInstant(Math.floor(Date.now() / 1000) * 1000);
  const fields = await toApiFields(inputs, issuedAt, connection);
  const origin = originOf(inputs);
  const object = `invitation "${inputs.name}"`;
  const model = "invitation";
  const [stored] = await Promise.all([
    createExactlyOnce(connection, origin, {
      object,
      model,
      create: (client) => sendCreate(client, fields),
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
  knownPks.add(stored.pk);
  return toState(inputs, stored, issuedAt);
}

async function sendCreate(client: Client, fields: InvitationFields): Promise<StoredInvitation> {
  const request = createInvitation(client, fields).then((stored) => {
    knownPks.add(stored.pk);
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

async function adopt(inputs: InvitationInputs, pk: string): Promise<InvitationState> {
  const object = `invitation "${inputs.name}"`;
  let stored: StoredInvitation;
  try {
    stored = await retrieveInvitation(connect(inputs.connection).clientOf(originOf(inputs)), pk);
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    throw new UserError(
      `${capitalize(object)} cannot be imported: authentik has no invitation with the pk in the resource option import. Correct the pk, or remove the option.`,
      {
        cause: error,
      },
    );
  }
  const state = toState(inputs, stored, estimateIssuedAt(inputs, stored));
  const differing = changedPaths(state, inputs);
  if (differing.length > 0) throw new UserError(formatImportMismatch(object, differing));
  recordAdoption(pk);
  knownPks.add(pk);
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
