import type { dynamic } from "@pulumi/pulumi";
import { NotFoundError } from "../../authentik/errors";
import { deleteInvitation, type StoredInvitation } from "../../authentik/invitations";
import { toPrintableLine } from "../../authentik/printable";
import { type Origin, originInput, parseOrigin } from "../../common/origin";
import { invitationId, normalizeUuid } from "../../common/pk";
import { importedPk, importInput, isAdopted, validateImport } from "../engine/adoption";
import { readEvents, reportChange, reportDeletionFromEvents, reportFlowRemoval } from "../engine/attribution";
import { type Connection, configure, connect } from "../engine/connections";
import { UserError, withUserErrors, withUserErrorsAndSettingsHint } from "../engine/user-error";
import { isCreate, toCheckFailures, toDiff } from "../engine/validation";
import { formatInstant } from "../values/instant";
import { type Properties, withoutUndefined } from "../values/properties";
import { changeInvitation } from "./change";
import { detectDrift, observeFlow, observeInvitation } from "./drift";
import { type InvitationInputs, validateInvitation } from "./inputs";
import { adoptInvitation, currentIssuedAt, issueInvitation, trackPk } from "./issue";
import { changedInputs, planChange } from "./plan";
import { readerOf } from "./reader";
import { recoverInvitation } from "./recovery";
import { classifyMissing, needsEvents, refreshGone } from "./retirement";
import { type InvitationState, toInputs, toState } from "./state";

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
      const origin = originOf(inputs);
      const pk = importedPk(properties);
      const state =
        pk === undefined
          ? await issueInvitation(inputs, origin, currentIssuedAt())
          : await adoptInvitation(inputs, origin, pk);
      readerOf(connect(inputs.connection)).reset();
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
      trackPk(pk);
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
      readerOf(connect(state.connection)).reset();
      return { outs: await changeInvitation(state, inputs, originOf(state)) };
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
      const connection = connect(state.connection);
      readerOf(connection).reset();
      if (!state.gone) await deleteInvitation(connection.clientOf(originOf(state)), state.pk);
    });
  },
};

function trackState(properties: Properties): InvitationState {
  const state = properties as unknown as InvitationState;
  trackPk(state.pk);
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
    stored = await readerOf(connection).read(connection.clientOf(origin), pk);
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    if (state) return await refreshMissing(connection, state, origin);
    // The engine would turn a resource that `get` does not find into one without outputs.
    throw new UserError(
      "Invitation.get: authentik has no invitation with this pk that the token's user is allowed to view (permission authentik_stages_invitation.view_invitation).",
      { cause: error },
    );
  }
  if (state === undefined) return toState(configured, stored, configured.issuedAt ?? formatInstant(Date.now()));
  const drift = detectDrift(state, stored);
  const object = observeInvitation(state, origin);
  if (drift.changed.length > 0) await reportChange(connection, object, drift.changed);
  if (drift.isFlowRemoved) await reportFlowRemoval(connection, object, observeFlow(state, origin));
  return drift.state;
}

async function refreshMissing(
  connection: Connection,
  state: InvitationState,
  origin: Origin | undefined,
): Promise<InvitationState | undefined> {
  const object = observeInvitation(state, origin);
  const events = needsEvents(state) ? await readEvents(connection, object) : undefined;
  const retired = classifyMissing(state, events);
  if (retired === undefined) reportDeletionFromEvents(connection, object, events);
  return retired;
}
