import { mostFrequent } from "../../common/most-frequent";
import { invitationId } from "../../common/pk";
import { hasSecretInput, secretInputsInput } from "../../common/secret-inputs";
import { isJsonObject, isSameJson } from "../../values/json";
import { ownValue, pick, withoutUndefined } from "../../values/properties";
import { protectChangedInputs, toSecret } from "../../values/secrets";
import { withoutUnsent } from "../invitation/email";
import type { InvitationInputs } from "../invitation/inputs";
import { addressesToEmail, changedInputs } from "../invitation/plan";
import { type InvitationState, resourceInputs, toInputs } from "../invitation/state";
import { type EntryInputs, invitationBatch } from "./declaration";
import { type BatchInputs, entrySecretInputs, toInvitationInputs } from "./inputs";

const detailNames = [
  "issuedAt",
  "expires",
  "retiredAt",
  "gone",
  "flowPk",
  "flowSlug",
  "createdBy",
  "__declaredExpires",
  "__unsentTo",
  "drifted",
] as const;

/** What a state has of an invitation, apart from its inputs, pk and status. */
type Details = Pick<InvitationState, Exclude<(typeof detailNames)[number], "drifted">> & {
  /** The inputs that differ from the declared ones, because they were changed outside Pulumi, or because an update failed. */
  readonly drifted?: Partial<InvitationInputs>;
};

/**
 * A batch's outputs in Pulumi's state. To keep thousands of invitations small, details that most of them share are stored once, and
 * derivable ones not at all. Pulumi does not display properties that start with `__`.
 */
export interface BatchState extends Omit<BatchInputs, "invitations"> {
  /** The entries of the invitations that exist, as configured. Not an output, because a refresh would print all of them. */
  readonly __invitations: BatchInputs["invitations"];
  /** Secret. */
  readonly pks: Readonly<Record<string, string>>;
  /** Secret. Without the invitations that have no flow; missing in the states of earlier versions. */
  readonly links?: Readonly<Record<string, string>>;
  readonly ids: Readonly<Record<string, string>>;
  readonly statuses: Readonly<Record<string, InvitationState["status"]>>;
  /** Missing if no invitation was used or has expired, and in the states of earlier versions. */
  readonly retiredAt?: Readonly<Record<string, string>>;
  /** Secret if the entries, or the `email` of one, are a secret in the program. Missing if no link was emailed. */
  readonly emailedTo?: Readonly<Record<string, readonly string[]>>;
  /** Details that an invitation has unless `__details` says otherwise. */
  readonly __common: Partial<Details>;
  readonly __details: Readonly<Record<string, Partial<Record<keyof Details, unknown>>>>;
  readonly __revision?: number;
  /** Secret. Pks of replaced invitations that could not be deleted yet. */
  readonly __obsolete?: readonly string[];
}

export async function toInvitationStates(batch: BatchState): Promise<Map<string, InvitationState>> {
  const inputs = await toInvitationInputs({ ...batch, invitations: batch.__invitations });
  return new Map(
    [...inputs].map(([key, declared]) => {
      const { drifted, ...details } = detailsOf(batch, key);
      const stored = {
        pk: ownValue(batch.pks, key),
        status: ownValue(batch.statuses, key),
        emailedTo: ownValue(batch.emailedTo, key),
        link: ownValue(batch.links, key),
      };
      const state = { ...declared, ...drifted, ...details, ...stored };
      return [key, withoutUndefined(state) as unknown as InvitationState];
    }),
  );
}

function detailsOf({ __common, __details }: BatchState, key: string): Details {
  const own = ownValue(__details, key) ?? {};
  // Null marks a shared detail that this invitation does not have.
  const entries = detailNames.map((name) => [name, name in own ? (own[name] ?? undefined) : __common[name]]);
  return withoutUndefined(Object.fromEntries(entries)) as unknown as Details;
}

/** The batch's outputs. `inputs` are as configured; `states` are the invitations that exist, by key. */
export async function toBatchState(
  inputs: BatchInputs,
  states: ReadonlyMap<string, InvitationState>,
  obsolete: readonly string[],
): Promise<BatchState> {
  const invitations = Object.fromEntries(
    [...states.keys()].map((key) => [key, withoutImport(ownValue(inputs.invitations, key))]),
  );
  const declared = await toInvitationInputs({ ...inputs, invitations });
  const details = new Map([...states].map(([key, state]) => [key, toDetails(state, declared.get(key))]));
  const common = commonDetails([...details.values()]);
  const own = [...details].flatMap(([key, detail]) => {
    const differing = detailNames.filter((name) => !isSameJson(detail[name], common[name]));
    if (differing.length === 0) return [];
    return [[key, Object.fromEntries(differing.map((name) => [name, detail[name] ?? null]))] as const];
  });
  const byKey = <T>(select: (state: InvitationState) => T | undefined): Record<string, T> => {
    const values = [...states].map(([key, state]) => [key, select(state)] as const);
    return Object.fromEntries(values.filter(([, value]) => value !== undefined)) as Record<string, T>;
  };
  const { invitations: _, ...shared } = inputs;
  return withoutUndefined({
    ...shared,
    __invitations: invitations,
    pks: byKey(({ pk }) => pk),
    links: byKey(({ link }) => link),
    ids: byKey(({ pk }) => invitationId(pk)),
    statuses: byKey(({ status }) => status),
    retiredAt: ifAny(byKey(({ retiredAt }) => retiredAt)),
    emailedTo: ifAny(byKey(({ emailedTo }) => emailedTo)),
    __common: common,
    __details: Object.fromEntries(own),
    __obsolete: obsolete.length > 0 ? obsolete : undefined,
  }) as unknown as BatchState;
}

function ifAny<T>(record: Record<string, T>): Record<string, T> | undefined {
  return Object.keys(record).length > 0 ? record : undefined;
}

function withoutImport({ import: _, ...entry }: EntryInputs = {}): EntryInputs {
  return entry;
}

function toDetails(state: InvitationState, declared: InvitationInputs | undefined): Details {
  const inputs = toInputs(state);
  const changed = declared === undefined ? [] : changedInputs(state, { ...declared });
  // A reissue that failed must be due in the next run as well.
  if (declared !== undefined && !isSameJson(declared.keepers ?? {}, state.keepers ?? {})) changed.push("keepers");
  const unsent = declared === undefined ? [] : addressesToEmail(state, { ...declared });
  return withoutUndefined({
    ...pick({ ...state }, detailNames),
    // With `expires`, the declared value says it already.
    expires: declared?.expires === state.expires ? undefined : state.expires,
    __unsentTo: unsent.length > 0 ? unsent : undefined,
    drifted: ifAny(Object.fromEntries(changed.map((name) => [name, inputs[name] ?? null]))),
  }) as unknown as Details;
}

/** For each detail, the value that most invitations have. */
function commonDetails(details: readonly Details[]): Partial<Details> {
  const entries = detailNames.flatMap((name) => {
    const values = details.map(({ [name]: value }) => (value === undefined ? "" : JSON.stringify(value)));
    const value = mostFrequent(values) ?? "";
    return value === "" ? [] : [[name, JSON.parse(value) as unknown] as const];
  });
  return Object.fromEntries(entries) as Partial<Details>;
}

/**
 * The inputs that correspond to a state, so that a refresh shows which line of which key drifted. A drifted entry shows its values in
 * authentik; everything else is as configured.
 */
export async function toBatchInputs(state: BatchState): Promise<Record<string, unknown>> {
  const { __invitations } = state;
  const shared = [...Object.keys(invitationBatch.properties), ...resourceInputs];
  const isWhole = hasSecretInput(state, "invitations");
  const secrets = { [secretInputsInput]: entrySecretInputs(state) };
  const invitations = Object.fromEntries(
    Object.keys(state.pks).map((key) => {
      const { drifted, __unsentTo } = detailsOf(state, key);
      const declared = ownValue(__invitations, key) ?? {};
      const changes = {
        ...(__unsentTo ? { email: withoutUnsent(declared.email, { __unsentTo }) } : {}),
        ...(drifted ? shownDrift(declared, drifted, state) : {}),
      };
      const entry = Object.entries({ ...declared, ...changes }).filter(([, value]) => value !== undefined);
      // What differs is below a path that is no secret, even if what it differs from is one.
      const changed = isWhole ? [] : Object.keys(changes);
      return [key, protectChangedInputs(Object.fromEntries(entry), changed, secrets)];
    }),
  );
  return { ...pick({ ...state }, shared), invitations: isWhole ? toSecret(invitations) : invitations };
}

/** Drifted inputs as an entry shows them: of `fixedData`, only what its entry declares or what differs from the batch's. */
function shownDrift(
  entry: EntryInputs,
  drifted: Partial<InvitationInputs>,
  batch: BatchState,
): Record<string, unknown> {
  const { fixedData, keepers: _, ...others } = drifted;
  return fixedData === undefined
    ? others
    : { ...others, fixedData: unmerge(batch.fixedData ?? {}, entry.fixedData ?? {}, fixedData) };
}

function unmerge(shared: unknown, own: unknown, stored: unknown): unknown {
  if (!isJsonObject(shared) || !isJsonObject(stored)) return stored;
  const ownRecord = isJsonObject(own) ? own : {};
  const entries = [...new Set([...Object.keys(shared), ...Object.keys(stored)])].flatMap((key) => {
    if (!Object.hasOwn(stored, key)) return [[key, null] as const];
    if (!Object.hasOwn(shared, key)) return [[key, stored[key]] as const];
    if (!Object.hasOwn(ownRecord, key) && isSameJson(shared[key], stored[key])) return [];
    return [[key, unmerge(shared[key], ownValue(ownRecord, key), stored[key])] as const];
  });
  return Object.fromEntries(entries);
}
