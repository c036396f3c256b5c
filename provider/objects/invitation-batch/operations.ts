import type { dynamic } from "@pulumi/pulumi";
import { defaultConnection } from "../../common/base-url";
import { limitLines } from "../../common/limit-lines";
import { csvPlacesInput, originOf } from "../../common/origin";
import { normalizeUuid } from "../../common/pk";
import { unknownValue } from "../../common/reserved-strings";
import { hasSecretInput, type SecretInputs } from "../../common/secret-inputs";
import { stripWhitespace } from "../../common/whitespace";
import { configure, connect } from "../../lifecycle/connections";
import { trackPk } from "../../lifecycle/creation";
import { errorsAtPreview, UserError, withUserErrors, withUserErrorsAndSettingsHint } from "../../lifecycle/user-error";
import { separateHidden, toCheckFailures } from "../../lifecycle/validation";
import { isJsonObject, isSameJson } from "../../values/json";
import { isKnownString, type Properties, pick, withoutUndefined } from "../../values/properties";
import { isSecretValue, protectNewSecrets, protectOutputs } from "../../values/secrets";
import { importInvitation } from "../invitation/apply";
import { normalizeEmail } from "../invitation/email";
import type { InvitationInputs } from "../invitation/inputs";
import { endedAtOnce, endsAtOnce, isRetired } from "../invitation/plan";
import { emailSupportErrors } from "../invitation/send";
import { invitationBatch } from "./declaration";
import { deleteInvitations, executePlan } from "./execute";
import { type BatchInputs, toInvitationInputs, validateBatch } from "./inputs";
import { entryPath } from "./names";
import { batchId, entryOrigin, nextRevision } from "./origin";
import { needsEmails, type PlannedAction, planBatch } from "./plan";
import { reportPlan } from "./preview";
import { recoverBatch } from "./recovery";
import { refreshBatch } from "./refresh";
import { type BatchState, toBatchInputs, toBatchState, toInvitationStates } from "./state";

export const batchOperations = {
  configure,
  recover: recoverBatch,

  async check(olds: Properties, news: Properties): Promise<dynamic.CheckResult> {
    const { hidden, isCreated, ...all } = separateHidden(olds, news);
    const { [csvPlacesInput]: places, ...inputs } = all.inputs;
    const existing = isJsonObject(olds["invitations"]) ? olds["invitations"] : {};
    const isExisting = (key: string): boolean => Object.hasOwn(existing, key);
    const entries = isJsonObject(inputs["invitations"]) ? Object.entries(inputs["invitations"]) : undefined;
    const invitations = entries?.map(([key, entry]) => [key, checkEntry(entry, isExisting(key))]);
    const errors = validateBatch(inputs, (key) => !isExisting(key), isJsonObject(places) ? places : {});
    const declared = withoutUndefined({
      ...inputs,
      ...(invitations && { invitations: Object.fromEntries(invitations) }),
      ...hidden,
    });
    if (errors.length === 0) errors.push(...(await importEntryErrors(declared, existing)));
    // The engine asks for the diff of an existing batch only.
    if (isCreated && errors.length === 0 && isKnown(declared)) errors.push(...(await reportCreation(declared)));
    return { inputs: protectNewSecrets(declared, olds), failures: toCheckFailures(errors) };
  },

  async diff(_id: string, olds: Properties, news: Properties): Promise<dynamic.DiffResult> {
    const state = olds as unknown as BatchState;
    const isMoved = (news["connection"] ?? defaultConnection) !== (state.connection ?? defaultConnection);
    if (isMoved) {
      if (isKnown(news)) throwErrors(await reportCreation(news));
      return { changes: true, replaces: ["connection"], deleteBeforeReplace: false };
    }
    if (!isKnown(news)) return { changes: true };
    const inputs = news as unknown as BatchInputs;
    const plan = await planBatch(state, inputs);
    throwErrors(endedEntryErrors(plan));
    if (needsEmails(plan)) throwErrors(await emailSupportErrors(state.connection));
    reportPlan(inputs, plan);
    const isChanged = [...plan.values()].some(
      ({ action, isChanged, isLinkChanged }) => action !== "keep" || isChanged || isLinkChanged,
    );
    const isSecretAdded = emailedToIsSecret(inputs) && !emailedToIsSecret(state);
    if (!isChanged && !isSecretAdded && state.__obsolete === undefined) return { changes: false };
    // The engine compares the inputs itself, and shows only the keys that differ. It would show every key with `changes: true`.
    const ignored = [...plan].flatMap(([key, { action, state: kept }]) =>
      action === "keep" && kept !== undefined && isRetired(kept) ? [key] : [],
    );
    return (await hasOwnChanges(state, inputs, ignored)) ? { replaces: [] } : { changes: true };
  },

  create(properties: Properties): Promise<dynamic.CreateResult> {
    return withUserErrors(async () => {
      const inputs = properties as unknown as BatchInputs;
      const id = batchId(inputs);
      return { id, outs: await executePlan(id, inputs, await planBatch(undefined, inputs), originOf(inputs), []) };
    });
  },

  read(id: string, properties: Properties = {}): Promise<dynamic.ReadResult> {
    return withUserErrorsAndSettingsHint(async () => {
      const batch = properties as unknown as BatchState;
      if (!("pks" in properties)) {
        throw new UserError(
          "An InvitationBatch cannot be read by an id. Import its invitations with import, by entry.",
        );
      }
      const states = await toInvitationStates(batch);
      for (const { pk } of states.values()) trackPk(pk);
      const origin = originOf(batch);
      const refreshed = await refreshBatch(connect(batch.connection), stripWhitespace(batch.name), states, (key) =>
        entryOrigin(origin, key),
      );
      const inputs = { ...batch, invitations: batch.__invitations };
      const state = await toBatchState(inputs, refreshed, batch.__obsolete ?? []);
      return { id, props: protectOutputs(state), inputs: await toBatchInputs(state) };
    });
  },

  update(id: string, olds: Properties, news: Properties): Promise<dynamic.UpdateResult> {
    return withUserErrors(async () => {
      const state = olds as unknown as BatchState;
      const inputs = news as unknown as BatchInputs;
      const plan = await planBatch(state, inputs);
      const next = { ...inputs, __revision: nextRevision(state) };
      return { outs: await executePlan(id, next, plan, originOf(state), state.__obsolete ?? []) };
    });
  },

  delete(_id: string, properties: Properties): Promise<void> {
    return withUserErrorsAndSettingsHint(async () => {
      await deleteInvitations(properties as unknown as BatchState);
    });
  },
};

/** An entry that exists imports nothing. */
function checkEntry(entry: unknown, exists: boolean): unknown {
  if (!isJsonObject(entry)) return entry ?? {};
  const { import: importOption, ...others } = entry;
  const email = normalizeEmail(others["email"]);
  return withoutUndefined({ ...others, email, import: exists ? undefined : importOption });
}

/** Whether the keys of the entries are known, and so what has to be done. */
function isKnown({ name, invitations }: Properties): boolean {
  return name !== unknownValue && invitations !== unknownValue;
}

/** Reports what a creation has to do. Returns why it would fail. */
async function reportCreation(declared: Properties): Promise<string[]> {
  const inputs = declared as unknown as BatchInputs;
  const plan = await planBatch(undefined, inputs);
  reportPlan(inputs, plan);
  return needsEmails(plan) ? await emailSupportErrors(inputs.connection) : [];
}

/** Why entries that are not in the state yet cannot be imported. */
async function importEntryErrors(declared: Properties, existing: Properties): Promise<string[]> {
  if (!isKnown(declared)) return [];
  const batch = declared as unknown as BatchInputs;
  const invitations = Object.entries(batch.invitations).filter(
    ([key, { import: pk }]) => isKnownString(pk) && !Object.hasOwn(existing, key),
  );
  if (invitations.length === 0) return [];
  const inputs = await toInvitationInputs(batch);
  const errors = await Promise.all(
    invitations.map(async ([key, { import: pk = "" }]) => {
      const entry = inputs.get(key) as InvitationInputs;
      const reasons = await errorsAtPreview(() => importInvitation(entry, undefined, normalizeUuid(pk) ?? "", true));
      return reasons.map((reason) => `${entryPath(key)}: ${reason}`);
    }),
  );
  return limitLines(errors.flat(), "errors");
}

function endedEntryErrors(plan: ReadonlyMap<string, PlannedAction>): string[] {
  const errors = [...plan].flatMap(([key, { state, inputs }]) =>
    state && inputs && endsAtOnce(state, { ...inputs }) ? [`${entryPath(key)}: ${endedAtOnce}`] : [],
  );
  return limitLines(errors, "errors");
}

function throwErrors(errors: readonly string[]): void {
  if (errors.length > 0) throw new UserError(errors.join("\n"));
}

function emailedToIsSecret(properties: SecretInputs): boolean {
  return hasSecretInput(properties, "invitations", "invitations.email");
}

/**
 * Whether the engine sees that inputs changed. It knows the ignored changes of these entries, which the state does not have, from the last run.
 */
async function hasOwnChanges(state: BatchState, inputs: BatchInputs, ignored: readonly string[]): Promise<boolean> {
  const old = await toBatchInputs(state);
  const own = ({ invitations, ...properties }: Properties): unknown => {
    const entries = Object.entries((isSecretValue(invitations) ? invitations.value : invitations) ?? {});
    return withoutUndefined({
      ...pick(properties, Object.keys(invitationBatch.properties)),
      invitations: Object.fromEntries(entries.filter(([key]) => !ignored.includes(key))),
    });
  };
  return !isSameJson(own(old), own({ ...inputs }));
}
