import type { dynamic } from "@pulumi/pulumi";
import { defaultConnection } from "../../common/base-url";
import { csvPlacesInput } from "../../common/csv-places";
import { limitLines } from "../../common/limit-lines";
import { type Origin, originInput, parseOrigin } from "../../common/origin";
import { invitationId, normalizeUuid } from "../../common/pk";
import { hasSecretInput, type SecretInputs, secretEmailInput, secretInputsInput } from "../../common/secret-inputs";
import { stripWhitespace } from "../../common/whitespace";
import { isAdopted } from "../../lifecycle/adoption";
import { type Connection, configure, connect } from "../../lifecycle/connections";
import { trackPk } from "../../lifecycle/creation";
import {
  errorsAtPreview,
  PartialError,
  reportedMessage,
  UserError,
  withUserErrors,
  withUserErrorsAndSettingsHint,
} from "../../lifecycle/user-error";
import { isCreate, toCheckFailures } from "../../lifecycle/validation";
import { isJsonObject, isSameJson } from "../../values/json";
import {
  formatPath,
  isKnownString,
  ownValue,
  type Properties,
  unknownValue,
  withoutUndefined,
} from "../../values/properties";
import { protectNewSecrets, protectOutputs } from "../../values/secrets";
import { changeInvitation } from "../invitation/change";
import { normalizeEmail } from "../invitation/email";
import type { InvitationInputs } from "../invitation/inputs";
import { adoptInvitation, currentIssuedAt, issueInvitation, readImported } from "../invitation/issue";
import { endedAtOnce, endsAtOnce, isRetired } from "../invitation/plan";
import { readerOf } from "../invitation/reader";
import { invitations } from "../invitation/requests";
import { type EmailResult, emailInvitation, emailSupportErrors, requireEmailSupport } from "../invitation/send";
import { type InvitationState, keepState } from "../invitation/state";
import { type BatchInputs, type EntryInputs, toInvitationInputs, validateBatch } from "./inputs";
import { batchId, entryOrigin, nextRevision } from "./origin";
import { type PlannedAction, planBatch } from "./plan";
import { reportPlan } from "./preview";
import { forEachKey } from "./progress";
import { recoverBatch } from "./recovery";
import { refreshBatch } from "./refresh";
import { type BatchState, toBatchInputs, toBatchState, toInvitationStates } from "./state";

/** The dynamic provider of `InvitationBatch`. */
export const batchProvider = {
  configure,
  recover: recoverBatch,

  async check(olds: Properties, news: Properties): Promise<dynamic.CheckResult> {
    const {
      [originInput]: newOrigin,
      [secretInputsInput]: secretInputs,
      [csvPlacesInput]: places,
      ...inputs
    } = withoutUndefined(news);
    const isCreated = isCreate(olds);
    const existing = isJsonObject(olds["invitations"]) ? olds["invitations"] : {};
    const invitations = inputs["invitations"];
    const checked = isJsonObject(invitations)
      ? Object.fromEntries(
          Object.entries(invitations).map(([key, entry]) => [key, checkEntry(entry, Object.hasOwn(existing, key))]),
        )
      : invitations;
    const errors = validateBatch(inputs, (key) => !Object.hasOwn(existing, key), isJsonObject(places) ? places : {});
    const declared = withoutUndefined({
      ...inputs,
      invitations: checked,
      [originInput]: isCreated ? newOrigin : olds[originInput],
      [secretInputsInput]: secretInputs,
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
    return (await hasOwnChanges(state, inputs)) ? { replaces: [] } : { changes: true };
  },

  create(properties: Properties): Promise<dynamic.CreateResult> {
    return withUserErrors(async () => {
      const inputs = properties as unknown as BatchInputs;
      const origin = parseOrigin(inputs[originInput]);
      const id = batchId(inputs);
      const plan = await planBatch(undefined, inputs);
      return { id, outs: await execute(id, inputs, plan, origin, []) };
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
      const origin = parseOrigin(batch[originInput]);
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
      return { outs: await execute(id, next, plan, parseOrigin(state[originInput]), state.__obsolete ?? []) };
    });
  },

  delete(_id: string, properties: Properties): Promise<void> {
    return withUserErrorsAndSettingsHint(async () => {
      const batch = properties as unknown as BatchState;
      const states = await toInvitationStates(batch);
      const connection = connect(batch.connection);
      const live = new Map([...states].filter(([, { gone, pk }]) => !gone && !isAdopted(pk)));
      const origin = parseOrigin(batch[originInput]);
      readerOf(connection).reset();
      const { errors } = await forEachKey(batch.name, "deleted", [...live.keys()], async (key) => {
        await invitations.delete(connection.clientOf(entryOrigin(origin, key)), live.get(key)?.pk ?? "");
      });
      const replaced = await forEachKey(batch.name, "deleted", batch.__obsolete ?? [], async (pk) => {
        await invitations.delete(connection.clientOf(origin), pk);
      });
      const reasons = [...describeErrors(errors), ...describeErrors(replaced.errors, replacedName)];
      if (reasons.length > 0) throw new UserError(reasons.join("\n"));
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
      const imported = normalizeUuid(pk) ?? "";
      const reasons = await errorsAtPreview(() =>
        readImported(inputs.get(key) as InvitationInputs, undefined, imported, true),
      );
      return reasons.map((reason) => `${entryPath(key)}: ${reason}`);
    }),
  );
  return limitLines(errors.flat(), "errors");
}

function endedEntryErrors(plan: ReadonlyMap<string, PlannedAction>): string[] {
  const ended = [...plan].filter(
    ([, { state, inputs }]) => state !== undefined && inputs !== undefined && endsAtOnce(state, { ...inputs }),
  );
  return limitLines(
    ended.map(([key]) => `${entryPath(key)}: ${endedAtOnce}`),
    "errors",
  );
}

function needsEmails(plan: ReadonlyMap<string, PlannedAction>): boolean {
  return [...plan.values()].some(({ addresses }) => addresses.length > 0);
}

function throwErrors(errors: readonly string[]): void {
  if (errors.length > 0) throw new UserError(errors.join("\n"));
}

function emailedToIsSecret(properties: SecretInputs): boolean {
  return hasSecretInput(properties, "invitations", "invitations.email");
}

/** Whether inputs changed that need no request, so that only the state has to be written. */
async function hasOwnChanges(state: BatchState, inputs: BatchInputs): Promise<boolean> {
  const old = await toBatchInputs(state);
  const own = (properties: Properties): unknown => {
    const {
      [originInput]: _,
      [secretInputsInput]: __,
      [secretEmailInput]: ___,
      connection: ____,
      ...others
    } = withoutUndefined(properties);
    return others;
  };
  return !isSameJson(own(old), own({ ...inputs }));
}

/** Executes a plan. Keeps what succeeded if something fails, and names the keys that failed. */
async function execute(
  id: string,
  inputs: BatchInputs & Pick<BatchState, "__revision">,
  plan: ReadonlyMap<string, PlannedAction>,
  origin: Origin | undefined,
  obsolete: readonly string[],
): Promise<BatchState> {
  const connection = connect(inputs.connection);
  readerOf(connection).reset();
  if (needsEmails(plan)) await requireEmailSupport(connection);
  const issuedAt = currentIssuedAt();
  const toDelete = new Set(obsolete);
  const keys = [...plan].flatMap(([key, { action }]) => (action === "keep" ? [] : [key]));
  const { values, errors } = await forEachKey(inputs.name, verbFor(plan), keys, async (key) => {
    const planned = plan.get(key) as PlannedAction;
    const entry = ownValue(inputs.invitations, key) ?? {};
    return await executeEntry(
      connection,
      entry,
      planned,
      entryOrigin(origin, key, inputs.__revision),
      issuedAt,
      toDelete,
    );
  });
  const replaced = await forEachKey(inputs.name, "replaced", [...toDelete], async (pk) => {
    await invitations.delete(connection.clientOf(origin), pk);
  });
  const states = new Map<string, InvitationState>();
  for (const [key, { action, state, inputs: declared }] of plan) {
    const executed = action === "keep" ? keepEntry(state, declared) : values.get(key)?.state;
    const result = errors.has(key) ? state : executed;
    if (result !== undefined) states.set(key, result);
  }
  const outs = protectOutputs(await toBatchState(inputs, states, [...replaced.errors.keys()]));
  const unsent = new Map([...values].flatMap(([key, result]) => (result?.error ? [[key, result.error] as const] : [])));
  const reasons = [
    ...describeErrors(errors),
    ...describeErrors(unsent),
    ...describeErrors(replaced.errors, replacedName),
  ];
  if (reasons.length > 0) throw new PartialError(id, inputs as unknown as Properties, outs, reasons);
  return outs;
}

/** Returns the new state and why its link was not emailed, `undefined` after a deletion. */
async function executeEntry(
  connection: Connection,
  entry: EntryInputs,
  { action, state, inputs, addresses }: PlannedAction,
  origin: Origin | undefined,
  issuedAt: string,
  toDelete: Set<string>,
): Promise<EmailResult | undefined> {
  const client = connection.clientOf(origin);
  if (action === "delete" && state) {
    if (!state.gone && !isAdopted(state.pk)) await invitations.delete(client, state.pk);
    return undefined;
  }
  if (inputs === undefined) return state && { state };
  if (state && (action === "update" || action === "email")) {
    const changed = action === "update" ? await changeInvitation(state, inputs, origin) : keepState(state, inputs);
    return await emailInvitation(changed, addresses, origin);
  }
  const pk = action === "create" && entry.import !== undefined ? normalizeUuid(entry.import) : undefined;
  if (pk !== undefined) return { state: await adoptInvitation(inputs, origin, pk) };
  const issued = await issueInvitation(inputs, origin, issuedAt);
  if (state && !state.gone) toDelete.add(state.pk);
  return await emailInvitation(issued, addresses, origin);
}

/** The state of an invitation that needs no request, with inputs as configured. */
function keepEntry(
  state: InvitationState | undefined,
  inputs: InvitationInputs | undefined,
): InvitationState | undefined {
  return state === undefined || inputs === undefined || isRetired(state) ? state : keepState(state, inputs);
}

function verbFor(plan: ReadonlyMap<string, PlannedAction>): string {
  const actions = new Set([...plan.values()].map(({ action }) => action));
  actions.delete("keep");
  const [only] = actions.size === 1 ? actions : [];
  const verbs = {
    create: "created",
    update: "updated",
    email: "emailed",
    reissue: "reissued",
    delete: "deleted",
    keep: "",
  };
  return only === undefined ? "changed" : verbs[only];
}

function replacedName(pk: string): string {
  return `the replaced invitation with the id ${invitationId(pk)}`;
}

function entryPath(key: string): string {
  return formatPath(["invitations", key]);
}

function describeErrors(errors: ReadonlyMap<string, unknown>, name = entryPath): string[] {
  const reasons = [...errors].map(([key, error]) => `${name(key)}: ${reportedMessage(error)}`);
  return limitLines(reasons, "invitations failed");
}
