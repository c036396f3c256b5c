import type { dynamic } from "@pulumi/pulumi";
import { NotFoundError } from "../../authentik/errors";
import { log } from "../../common/log";
import { type Origin, originInput, parseOrigin } from "../../common/origin";
import { invitationId, normalizeUuid } from "../../common/pk";
import { toPrintableLine } from "../../common/printable";
import { hasSecretInput, secretInputsInput } from "../../common/secret-inputs";
import { importedPk, importInput, isAdopted, validateImport } from "../../lifecycle/adoption";
import { readEvents, reportChange, reportDeletionFromEvents, reportFlowRemoval } from "../../lifecycle/attribution";
import { type Connection, configure, connect } from "../../lifecycle/connections";
import { trackPk } from "../../lifecycle/creation";
import {
  errorsAtPreview,
  PartialError,
  UserError,
  withUserErrors,
  withUserErrorsAndSettingsHint,
} from "../../lifecycle/user-error";
import { isCreate, toCheckFailures, toDiff } from "../../lifecycle/validation";
import { formatInstant } from "../../values/instant";
import { differingKeys } from "../../values/json";
import { type Properties, unknownValue, withoutUndefined } from "../../values/properties";
import { protectChangedInputs, protectNewSecrets, protectOutputs } from "../../values/secrets";
import { capitalize } from "../../values/strings";
import { defaultsOf } from "../declaration";
import { changeInvitation } from "./change";
import { invitation } from "./declaration";
import { detectDrift, observeFlow, observeInvitation } from "./drift";
import { normalizeEmail } from "./email";
import { type InvitationInputs, validateInvitation } from "./inputs";
import { adoptInvitation, currentIssuedAt, issueInvitation, readImported } from "./issue";
import { hasCurrentLink } from "./link";
import { addressesToEmail, changedInputs, endedAtOnce, endsAtOnce, isRetired, planChange } from "./plan";
import { readerOf } from "./reader";
import { recoverInvitation } from "./recovery";
import { invitations, type StoredInvitation } from "./requests";
import { classifyMissing, needsEvents, refreshGone } from "./retirement";
import { type EmailResult, emailInvitation, emailSupportErrors, reportUnsent, requireEmailSupport } from "./send";
import { describeInvitation, type InvitationState, keepState, toInputs, toState } from "./state";

/** The operations on `Invitation`. */
export const invitationOperations = {
  configure,
  recover: recoverInvitation,

  async check(olds: Properties, news: Properties): Promise<dynamic.CheckResult> {
    const {
      [importInput]: importOption,
      [originInput]: newOrigin,
      [secretInputsInput]: secretInputs,
      ...inputs
    } = withoutUndefined(news);
    const isCreated = isCreate(olds);
    const origin = isCreated ? newOrigin : olds[originInput];
    const adoption = validateImport(importOption, isCreated);
    const isIssued = isCreated && adoption.pk === undefined;
    const declared = withoutUndefined({
      ...defaultsOf(invitation.properties),
      ...inputs,
      email: normalizeEmail(inputs["email"]),
      [importInput]: adoption.pk,
      [originInput]: origin,
      [secretInputsInput]: secretInputs,
    });
    const errors = [...adoption.errors, ...validateInvitation(inputs, isIssued)];
    if (errors.length === 0 && isCreated) errors.push(...(await creationErrors(declared, adoption.pk)));
    return { inputs: protectNewSecrets(declared, olds), failures: toCheckFailures(errors) };
  },

  async diff(_id: string, olds: Properties, news: Properties): Promise<dynamic.DiffResult> {
    const state = trackState(olds);
    if (endsAtOnce(state, news)) throw new UserError(`${capitalize(describeInvitation(state))}: ${endedAtOnce}`);
    const change = planChange(state, news);
    if (isRetired(state)) return toDiff(change);
    const isEmailed = addressesToEmail(state, news).length > 0 || (change.replaces.length > 0 && "email" in news);
    if (isEmailed) for (const error of await emailSupportErrors(state.connection)) throw new UserError(error);
    const unsent = change.inputs.length === 0 ? addressesToEmail(state, news) : [];
    if (unsent.length > 0) reportUnsent(state, unsent);
    const isSecretChanged = hasSecretInput(state, "email") !== hasSecretInput(news, "email");
    const isLinkChanged = change.inputs.length === 0 && !hasCurrentLink(state);
    if (isLinkChanged) reportNewLink(state);
    // None changes an input that the engine compares.
    return unsent.length > 0 || isSecretChanged || isLinkChanged
      ? { changes: true, replaces: [...change.replaces] }
      : toDiff(change);
  },

  create(properties: Properties): Promise<dynamic.CreateResult> {
    return withUserErrors(async () => {
      const inputs = properties as unknown as InvitationInputs;
      const origin = originOf(inputs);
      const pk = importedPk(properties);
      const connection = connect(inputs.connection);
      if (pk !== undefined) {
        const state = await adoptInvitation(inputs, origin, pk);
        readerOf(connection).reset();
        return complete(properties, { state });
      }
      if (inputs.email !== undefined) await requireEmailSupport(connection);
      const state = await issueInvitation(inputs, origin, currentIssuedAt());
      readerOf(connection).reset();
      return complete(properties, await emailInvitation(state, inputs.email?.to ?? [], origin));
    });
  },

  read(_id: string, properties: Properties = {}): Promise<dynamic.ReadResult> {
    return withUserErrorsAndSettingsHint(async () => {
      // `Invitation.get` passes only the pk and the connection.
      const configured = properties as Partial<InvitationState>;
      const pk = normalizeUuid(configured.pk ?? "");
      if (pk === undefined) {
        throw new UserError(
          "The pk of the invitation must be a UUID. Use Invitation.get(name, id) or the resource option import, not the option id.",
        );
      }
      trackPk(pk);
      const state = configured.status === undefined ? undefined : trackState(properties);
      // An invitation that authentik has deleted does not come back: no request is needed.
      const refreshed = state?.gone ? refreshGone(state) : await refresh(pk, configured, state);
      if (refreshed === undefined) return {};
      const inputs = toInputs(refreshed);
      // What `get` reads has no origin. Its inputs come from authentik, so no input of the program marks its secrets.
      const isManaged = refreshed[originInput] !== undefined;
      const changed = isManaged
        ? differingKeys(inputs, state === undefined ? {} : toInputs(state))
        : Object.keys(inputs);
      const shown = protectChangedInputs(inputs, changed, refreshed);
      return { id: invitationId(pk), props: protectOutputs(refreshed), inputs: shown };
    });
  },

  update(_id: string, olds: Properties, news: Properties): Promise<dynamic.UpdateResult> {
    return withUserErrors(async () => {
      const state = trackState(olds);
      const inputs = news as unknown as InvitationInputs;
      // The engine also updates what is unchanged, after an email failed. A retired invitation is kept as it is.
      if (isRetired(state)) return { outs: protectOutputs(state) };
      const addresses = addressesToEmail(state, news);
      if (addresses.length > 0) await requireEmailSupport(connect(state.connection));
      const changed = await applyChanges(state, inputs);
      return complete(news, await emailInvitation(changed, addresses, originOf(state)));
    });
  },

  delete(_id: string, properties: Properties): Promise<void> {
    return withUserErrorsAndSettingsHint(async () => {
      const state = trackState(properties);
      if (isAdopted(state.pk)) {
        log.warn(
          toPrintableLine(
            `${capitalize(describeInvitation(state))}: not deleted, because another resource adopted it in this run.`,
          ),
        );
        return;
      }
      const connection = connect(state.connection);
      readerOf(connection).reset();
      if (!state.gone) await invitations.delete(connection.clientOf(originOf(state)), state.pk);
    });
  },
};

/** Why a creation would fail, as far as authentik can say at preview. */
async function creationErrors(declared: Properties, pk: string | undefined): Promise<string[]> {
  const inputs = declared as unknown as InvitationInputs;
  if (pk === undefined) return inputs.email === undefined ? [] : await emailSupportErrors(inputs.connection);
  return pk === unknownValue ? [] : await errorsAtPreview(() => readImported(inputs, originOf(inputs), pk, true));
}

/** Makes authentik match the inputs, with no request if only the state has to change: for `onRetired`, `email`, or the spelling of a value. */
async function applyChanges(state: InvitationState, inputs: InvitationInputs): Promise<InvitationState> {
  if (changedInputs(state, { ...inputs }).length === 0) return keepState(state, inputs);
  readerOf(connect(state.connection)).reset();
  return await changeInvitation(state, inputs, originOf(state));
}

/** The result of a creation or an update. If the link could not be emailed, the invitation is kept in the state nevertheless. */
function complete(inputs: Properties, { state, error }: EmailResult): dynamic.CreateResult {
  const id = invitationId(state.pk);
  const outs = protectOutputs(state);
  if (error !== undefined) throw new PartialError(id, inputs, outs, [error]);
  return { id, outs };
}

function trackState(properties: Properties): InvitationState {
  const state = properties as unknown as InvitationState;
  trackPk(state.pk);
  return state;
}

function originOf(properties: { readonly [originInput]?: string }): Origin | undefined {
  return parseOrigin(properties[originInput]);
}

/** Says in a preview what the diff does not show, because no input changed. */
function reportNewLink(state: InvitationState): void {
  log.info(
    toPrintableLine(
      `${capitalize(describeInvitation(state))}: the link changes, because the slug of its flow or the URL in the configuration changed.`,
    ),
  );
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
