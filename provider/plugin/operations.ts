import { createHash } from "node:crypto";
import type { dynamic } from "@pulumi/pulumi";
import { log } from "../common/log";
import { createNonce, createTag, formatOrigin, originInput } from "../common/origin";
import { invitationId } from "../common/pk";
import { secretInputsInput } from "../common/secret-inputs";
import { parseUrn } from "../common/urn";
import { importInput } from "../lifecycle/adoption";
import { PartialError } from "../lifecycle/user-error";
import { toCheckFailures } from "../lifecycle/validation";
import { type Properties, pick, unknownValue, withoutUndefined } from "../values/properties";
import { isSecretValue } from "../values/secrets";
import { compareProperties, type PropertyChange } from "./detailed-diff";
import { findKind, type ResourceKind } from "./resources";
import { outputNames, secretOutputNames } from "./schema";
import { markSecretInputs, markSecretOutputs, secretInputNames } from "./secrets";
import type { Decoded } from "./struct";

/** A resource, as each request names it. */
export interface Resource {
  readonly urn: string;
  readonly type: string;
  readonly name: string;
  readonly kind: ResourceKind;
}

export function toResource(urn: string): Resource {
  const { type, name } = parseUrn(urn);
  return { urn, type, name, kind: findKind(type) };
}

/** Inputs of the dynamic resources that the plugin has other means for. */
const dynamicInputs = {
  connection:
    "connection: is an input of the dynamic resources only. Use an explicit provider (resource option provider) for another authentik",
  [importInput]: "import: is an option of the resource, not an input",
} as const;

export interface CheckResult {
  readonly inputs: Properties;
  readonly failures: readonly { readonly property: string; readonly reason: string }[];
}

/** Validates inputs, and adds defaults and the hidden inputs that the dynamic resources add in the program. */
export async function checkInputs(
  { urn, name, kind }: Resource,
  olds: Properties,
  news: Decoded,
  randomSeed: Uint8Array,
): Promise<CheckResult> {
  const { connection, [importInput]: importOption, ...inputs } = news.properties;
  const unsupported = [
    ...(isSet(connection) ? [dynamicInputs.connection] : []),
    ...(isSet(importOption) ? [dynamicInputs[importInput]] : []),
  ];
  // The title of a flow defaults to its name, which may be a secret.
  const defaults = Object.entries(kind.defaults(name, markSecretInputs(inputs, news.secrets)));
  const secrets = [...news.secrets, ...defaults.flatMap(([input, value]) => (isSecretValue(value) ? [[input]] : []))];
  const checked = await kind.operations.check(withoutConnection(olds), {
    ...inputs,
    ...kind.defaults(name, inputs),
    [originInput]: toOrigin(urn, nonceFrom(randomSeed)),
    [secretInputsInput]: secretInputNames(secrets),
  });
  return {
    inputs: markSecretInputs(checked.inputs as Properties, secrets),
    failures: [...toCheckFailures(unsupported), ...(checked.failures ?? [])],
  };
}

function isSet(value: unknown): boolean {
  return value !== undefined && value !== null;
}

/** The plugin has one connection. Resources that were dynamic ones may have the name of theirs in the state. */
function withoutConnection({ connection: _, ...properties }: Properties): Properties {
  return properties;
}

function toOrigin(urn: string, nonce: string): string {
  return formatOrigin({ stack: parseUrn(urn).stack, tag: createTag(urn), nonce });
}

/** The engine keeps the seed in a plan, so that the update that carries the plan out has the same nonce. */
function nonceFrom(randomSeed: Uint8Array): string {
  const nonce = createNonce();
  return randomSeed.length === 0 ? nonce : createHash("sha256").update(randomSeed).digest("hex").slice(0, nonce.length);
}

export interface DiffResult {
  readonly isChanged: boolean;
  readonly changes: readonly (PropertyChange & { readonly replaces: boolean; readonly isInput: boolean })[];
  readonly replaces: readonly string[];
  readonly deleteBeforeReplace: boolean;
}

/** Says what an update would do. `oldInputs` are undefined if the engine does not pass them. */
export async function diffResource(
  { kind }: Resource,
  id: string,
  olds: Properties,
  oldInputs: Properties | undefined,
  { properties, secrets }: Decoded,
): Promise<DiffResult> {
  const state = withoutConnection(olds);
  const result = await kind.operations.diff(id, state, properties);
  const warning = kind.describeDiff?.(state, properties);
  if (warning !== undefined) log.warn(warning);
  const replaces = result.replaces ?? [];
  const deleteBeforeReplace = result.deleteBeforeReplace ?? false;
  const isChanged = result.changes !== false || replaces.length > 0;
  if (!isChanged) return { isChanged, changes: [], replaces, deleteBeforeReplace };
  const news = markSecretInputs(properties, secrets);
  const changed = compareProperties(withoutConnection(oldInputs ?? {}), news);
  const isInput = oldInputs !== undefined && changed.length > 0;
  // After a partial failure, the inputs in the state are those of the program, and only the outputs say what is missing.
  const stored = { invitations: olds["__invitations"], ...olds };
  const changes = isInput ? changed : compareProperties(pick(stored, Object.keys(news)), news);
  const unlisted = replaces.filter((name) => !changes.some(({ property }) => property === name));
  return {
    isChanged,
    changes: [
      ...changes.map((change) => ({ ...change, replaces: replaces.includes(change.property), isInput })),
      ...unlisted.map((name) => ({ path: name, property: name, kind: "update" as const, replaces: true, isInput })),
    ],
    replaces,
    deleteBeforeReplace,
  };
}

/** The outputs of a resource that does not exist yet, as far as a preview knows them. */
export function previewCreate({ type }: Resource, inputs: Decoded): Properties {
  const { properties } = inputs;
  const computed = outputNames(type).filter((name) => !(name in properties));
  const unknown = Object.fromEntries(computed.map((name) => [name, unknownValue]));
  return markSecretOutputs({ ...unknown, ...properties }, secretOutputNames(type), inputs.secrets);
}

/** The outputs after an update, as far as a preview knows them. */
export function previewUpdate({ type, kind }: Resource, olds: Properties, news: Decoded): Properties {
  const { properties } = news;
  const changed = compareProperties(pick(olds, Object.keys(properties)), properties).map(({ property }) => property);
  // If no input changed, the slug of the flow or the URL of links did.
  const causes = changed.length > 0 ? changed : ["flow"];
  const derived = kind.derivedOutputs(causes);
  const unknown = Object.fromEntries(derived.map((name) => [name, unknownValue]));
  return markSecretOutputs(
    { ...withoutConnection(olds), ...unknown, ...properties },
    secretOutputNames(type),
    news.secrets,
  );
}

export interface CreateResult {
  readonly id: string;
  readonly outputs: Properties;
}

export async function createResource({ type, kind }: Resource, inputs: Decoded): Promise<CreateResult> {
  const mark = (outputs: object): Properties =>
    markSecretOutputs({ ...outputs }, secretOutputNames(type), inputs.secrets);
  const { id, outs } = await withMarkedState(mark, () => kind.operations.create(inputs.properties));
  return { id, outputs: mark(outs as object) };
}

export async function updateResource(
  { type, kind }: Resource,
  id: string,
  olds: Properties,
  news: Decoded,
): Promise<Properties> {
  const mark = (outputs: object): Properties =>
    markSecretOutputs({ ...outputs }, secretOutputNames(type), news.secrets);
  const { outs } = await withMarkedState(mark, () =>
    kind.operations.update(id, withoutConnection(olds), news.properties),
  );
  return mark(outs as object);
}

/** Marks the secrets in the state that a partial failure keeps. */
async function withMarkedState<T>(mark: (outputs: object) => Properties, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    if (!(error instanceof PartialError)) throw error;
    throw new PartialError(error.id, {}, mark(withoutUndefined({ ...error.properties })), error.reasons);
  }
}

export interface ReadResult extends CreateResult {
  readonly inputs: Properties;
}

/** Reads a resource in the state, or for an import and for `get`, the object with the pk or id `id`. Returns `undefined` if it does not exist. */
export async function readResource(
  resource: Resource,
  id: string,
  state: Decoded,
  inputs: Decoded,
  isImport: boolean,
): Promise<ReadResult | undefined> {
  // For `get`, the engine passes what the program says about the state as the inputs as well.
  const isInState = Object.keys(state.properties).some((name) => !(name in inputs.properties));
  const read = isInState
    ? await resource.kind.operations.read(id, withoutConnection(state.properties))
    : await readExisting(resource, id, isImport);
  if (read.id === undefined) return undefined;
  const secretOutputs = [...secretOutputNames(resource.type), ...topLevel(state)];
  return {
    id: read.id,
    outputs: markSecretOutputs({ ...(read.props as object) }, secretOutputs, inputs.secrets),
    inputs: markSecretInputs({ ...(read.inputs as object) }, inputs.secrets),
  };
}

/** Reads an object that is not in the state. */
async function readExisting({ urn, kind }: Resource, id: string, isImport: boolean): Promise<dynamic.ReadResult> {
  // No input of a program says which of the values that authentik returns are secrets.
  const hidden = { ...kind.getHints, ...(isImport ? { [originInput]: toOrigin(urn, createNonce()) } : {}) };
  if (kind.findPk === undefined) return await kind.operations.read(id, hidden);
  const pk = await kind.findPk(id);
  if (isImport && id !== invitationId(pk)) {
    log.warn(
      `imported by its pk, which lets anyone enroll. With the resource option import, the state has it in plaintext until the option is removed. Import it by its id instead: ${invitationId(pk)}`,
    );
  }
  return await kind.operations.read(invitationId(pk), { ...hidden, pk });
}

/** The properties that are secrets as a whole. */
function topLevel({ secrets }: Decoded): string[] {
  return secrets.flatMap((path) => (path.length === 1 ? path : []));
}

export async function deleteResource({ kind }: Resource, id: string, state: Properties): Promise<void> {
  await kind.operations.delete(id, withoutConnection(state));
}
