import type { dynamic } from "@pulumi/pulumi";
import { logAbout } from "../../common/log";
import { originInput, originOf } from "../../common/origin";
import { invitationId, normalizeUuid } from "../../common/pk";
import { capitalize } from "../../common/printable";
import { unknownValue } from "../../common/reserved-strings";
import { hasSecretInput } from "../../common/secret-inputs";
import {
  type Adoption,
  asRead,
  importedPk,
  importInput,
  isAdoptedWithWarning,
  separateImport,
} from "../../lifecycle/adoption";
import { configure, connect } from "../../lifecycle/connections";
import { trackPk, trackState } from "../../lifecycle/creation";
import {
  errorsAtPreview,
  PartialError,
  UserError,
  withUserErrors,
  withUserErrorsAndSettingsHint,
} from "../../lifecycle/user-error";
import { separateHidden, toCheckFailures, toDiff } from "../../lifecycle/validation";
import { differingKeys, isSameJson } from "../../values/json";
import { type Properties, pick, withoutUndefined } from "../../values/properties";
import { protectChangedInputs, protectNewSecrets, protectOutputs } from "../../values/secrets";
import { defaultsOf } from "../declaration";
import { changeInvitation, importInvitation, issueInvitation, toImportedState } from "./apply";
import { invitation } from "./declaration";
import { normalizeEmail } from "./email";
import { type InvitationInputs, validateInvitation } from "./inputs";
import { addressesToEmail, changedInputs, changedPaths, endedAtOnce, endsAtOnce, isRetired, planChange } from "./plan";
import { readerOf } from "./reader";
import { recoverInvitation } from "./recovery";
import { refreshGone, refreshInvitation } from "./refresh";
import { invitations } from "./requests";
import { type EmailResult, emailInvitation, emailSupportErrors, reportUnsent, requireEmailSupport } from "./send";
import { describeInvitation, hasCurrentLink, type InvitationState, keepState, toInputs } from "./state";

export const invitationOperations = {
  configure,
  recover: recoverInvitation,

  async check(olds: Properties, news: Properties): Promise<dynamic.CheckResult> {
    const { hidden, isCreated, ...all } = separateHidden(olds, news);
    const { inputs, pk, errors: importErrors } = separateImport(all.inputs, isCreated);
    const declared = withoutUndefined({
      ...defaultsOf(invitation.properties),
      ...inputs,
      email: normalizeEmail(inputs["email"]),
      [importInput]: pk,
      ...hidden,
    });
    const errors = [...importErrors, ...validateInvitation(inputs, isCreated && pk === undefined)];
    if (errors.length === 0 && isCreated) errors.push(...(await creationErrors(declared, pk)));
    return { inputs: protectNewSecrets(declared, olds), failures: toCheckFailures(errors) };
  },

  adopt(olds: Properties, news: Properties): Adoption {
    const { flowPk = null, flowSlug, expires = null, createdBy, ...others } = olds as unknown as InvitationState;
    const stored = { ...others, flow: flowPk, flowSlug, expires, createdBy };
    const read = asRead(news) as unknown as InvitationInputs;
    const object = describeInvitation(read);
    const differing = changedPaths(toImportedState(read, stored), read);
    const own = ["validFor", "onRetired", "keepers", "email"].filter((name) => news[name] !== undefined);
    const changed = ["name", "fixedData"].filter((name) => !isSameJson(news[name], others[name as "name"]));
    const inputs = news as unknown as InvitationInputs;
    const state = toImportedState(inputs, { ...stored, ...pick(news, changed) });
    return { object, differing, state: { ...state }, added: [...own, ...changed] };
  },

  async diff(_id: string, olds: Properties, news: Properties): Promise<dynamic.DiffResult> {
    const state = trackState<InvitationState>(olds);
    if (endsAtOnce(state, news)) throw new UserError(`${capitalize(describeInvitation(state))}: ${endedAtOnce}`);
    const change = planChange(state, news);
    if (isRetired(state)) return toDiff(change);
    const addresses = addressesToEmail(state, news);
    const isEmailed = addresses.length > 0 || (change.replaces.length > 0 && "email" in news);
    if (isEmailed) for (const error of await emailSupportErrors(state.connection)) throw new UserError(error);
    const unsent = change.inputs.length === 0 ? addresses : [];
    if (unsent.length > 0) reportUnsent(state, unsent);
    const isSecretChanged = hasSecretInput(state, "email") !== hasSecretInput(news, "email");
    const isLinkChanged = change.inputs.length === 0 && !hasCurrentLink(state);
    if (isLinkChanged) {
      const cause = "because the slug of its flow or the URL in the configuration changed";
      logAbout(describeInvitation(state), "info", `the link changes, ${cause}.`);
    }
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
        const state = await importInvitation(inputs, origin, pk);
        readerOf(connection).reset();
        return complete(properties, { state });
      }
      if (inputs.email !== undefined) await requireEmailSupport(connection);
      const state = await issueInvitation(inputs, origin);
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
          "The id that Invitation.get reads must be the pk of the invitation, a UUID. To adopt one that exists, use the resource option import, not the option id.",
        );
      }
      trackPk(pk);
      const state = configured.status === undefined ? undefined : trackState<InvitationState>(properties);
      // An invitation that authentik has deleted does not come back: no request is needed.
      const refreshed = state?.gone ? refreshGone(state) : await refreshInvitation(pk, configured, state);
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
      const state = trackState<InvitationState>(olds);
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
      const state = trackState<InvitationState>(properties);
      if (isAdoptedWithWarning(state.pk, state.connection, describeInvitation(state))) return;
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
  return pk === unknownValue ? [] : await errorsAtPreview(() => importInvitation(inputs, originOf(inputs), pk, true));
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
