/** The operations on a resource, from the engine's request to the response. */
import { createHash } from "node:crypto";
import type { dynamic } from "@pulumi/pulumi";
import {
  type CheckRequest,
  type CheckResponse,
  type CreateRequest,
  CreateResponse,
  type DeleteRequest,
  type DiffRequest,
  DiffResponse,
  type ReadRequest,
  ReadResponse,
  type UpdateRequest,
  UpdateResponse,
} from "@pulumi/pulumi/proto/provider_pb";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import type { Struct } from "google-protobuf/google/protobuf/struct_pb";
import { log } from "../common/log";
import { createNonce, createTag, formatOrigin, originInput } from "../common/origin";
import { invitationId, normalizeUuid } from "../common/pk";
import { unknownValue } from "../common/reserved-strings";
import { secretInputsInput } from "../common/secret-inputs";
import { parseUrn } from "../common/urn";
import { type Adoption, claimImport, claimObject, importInput, requireSame } from "../lifecycle/adoption";
import { PartialError, withUserErrorsAndSettingsHint } from "../lifecycle/user-error";
import { isJsonObject } from "../values/json";
import { type Properties, pick, withoutUndefined } from "../values/properties";
import { isSecretValue } from "../values/secrets";
import { compareProperties } from "./detailed-diff";
import { findKind, type ResourceKind } from "./resources";
import { toCheckResponse, toDiffResponse } from "./responses";
import { outputNames, secretOutputNames } from "./schema";
import { markSecretInputs, markSecretOutputs, secretInputNames } from "./secrets";
import { type Decoded, decodeStruct, encodeStruct } from "./struct";

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

/** Validates inputs, and adds defaults and the hidden inputs that the dynamic resources add in the program. */
export async function checkResource(resource: Resource, request: CheckRequest): Promise<CheckResponse> {
  const { urn, name, kind } = resource;
  const news = decodeStruct(request.getNews());
  const { connection, [importInput]: importOption, ...inputs } = withoutUndefined(news.properties);
  const unsupported = [
    ...(connection === undefined ? [] : [dynamicInputs.connection]),
    ...(importOption === undefined ? [] : [dynamicInputs[importInput]]),
  ];
  // The title of a flow defaults to its name, which may be a secret.
  const defaults = Object.entries(kind.defaults(name, markSecretInputs(inputs, news.secrets)));
  const secrets = [...news.secrets, ...defaults.flatMap(([input, value]) => (isSecretValue(value) ? [[input]] : []))];
  const checked = await kind.operations.check(decodeOutputs(request.getOlds()), {
    ...inputs,
    ...kind.defaults(name, inputs),
    [originInput]: toOrigin(urn, nonceFrom(request.getRandomseed_asU8())),
    [secretInputsInput]: secretInputNames(secrets),
  });
  const reasons = (checked.failures ?? []).map(({ reason }) => reason);
  const marked = markSecretInputs(checked.inputs, [...secrets, ...entryImports(checked.inputs)]);
  return toCheckResponse(marked, [...unsupported, ...reasons]);
}

/** The paths of the pks that entries of a batch import. Languages mark only inputs of the resource itself as secrets by the schema. */
function entryImports({ invitations }: Properties): string[][] {
  const entries = isJsonObject(invitations) ? Object.entries(invitations) : [];
  return entries.flatMap(([key, entry]) =>
    isJsonObject(entry) && entry[importInput] !== undefined ? [["invitations", key, importInput]] : [],
  );
}

/** The plugin has one connection. Resources that were dynamic ones may have the name of theirs in the state. */
function decodeOutputs(struct: Struct | undefined): Properties {
  const { connection: _, ...properties } = decodeStruct(struct).properties;
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

/** Says what an update would do. */
export async function diffResource(resource: Resource, request: DiffRequest): Promise<DiffResponse> {
  const { kind } = resource;
  const olds = decodeOutputs(request.getOlds());
  const { properties, secrets } = decodeStruct(request.getNews());
  const adoption = adoptionOf(resource, olds, properties);
  if (adoption !== undefined) requireSame(adoption.object, adoption.differing);
  const { state = olds, added = [] } = adoption ?? {};
  const result = await kind.operations.diff(request.getId(), state, properties);
  const warning = kind.describeDiff?.(state, properties);
  if (warning !== undefined) log.warn(warning);
  const { replaces = [], deleteBeforeReplace = false } = result;
  const isUnchanged = result.changes === false && replaces.length === 0;
  if (isUnchanged && added.length === 0) return toDiffResponse([]);
  const news = markSecretInputs(properties, secrets);
  const changed = compareProperties(decodeOutputs(request.getOldInputs()), news);
  if (isUnchanged) return toDiffResponse(changed.filter(({ property }) => added.includes(property)));
  const isInput = request.hasOldInputs() && changed.length > 0;
  // After a partial failure, the inputs in the state are those of the program, and only the outputs say what is missing.
  const stored = { invitations: state["__invitations"], ...state };
  const changes = isInput ? changed : compareProperties(pick(stored, Object.keys(news)), news);
  const unlisted = replaces.filter((name) => !changes.some(({ property }) => property === name));
  return toDiffResponse([
    ...changes.map((change) => ({ ...change, replaces: replaces.includes(change.property), isInput })),
    ...unlisted.map((name) => ({ path: name, property: name, kind: "update" as const, replaces: true, isInput })),
  ])
    .setChanges(DiffResponse.DiffChanges.DIFF_SOME)
    .setReplacesList([...replaces])
    .setDeletebeforereplace(deleteBeforeReplace);
}

/** How the object of a resource that the engine has just imported becomes that of the program; `undefined` for any other resource. */
function adoptionOf(resource: Resource, olds: Properties, news: Properties): Adoption | undefined {
  const { pk } = olds;
  const isImported = typeof pk === "string" && claimObject(describeResource(resource), pk, undefined);
  return isImported ? resource.kind.operations.adopt?.(olds, news) : undefined;
}

/** A resource in messages: `Invitation "jane"`. */
function describeResource({ type, name }: Resource): string {
  return `${type.split(":").at(-1)} "${name}"`;
}

/** Creates a resource. A preview has the outputs as far as it knows them. */
export async function createResource(
  { type, kind }: Resource,
  request: CreateRequest,
  { properties, secrets }: Decoded,
): Promise<CreateResponse> {
  const mark = (outputs: object): Properties => markSecretOutputs({ ...outputs }, secretOutputNames(type), secrets);
  if (request.getPreview()) {
    const computed = outputNames(type).filter((name) => !(name in properties));
    return new CreateResponse().setProperties(encodeStruct(mark({ ...unknown(computed), ...properties })));
  }
  const { id, outs } = await withMarkedState(mark, () => kind.operations.create(properties));
  return new CreateResponse().setId(id).setProperties(encodeStruct(mark(outs)));
}

/** Updates a resource. A preview has the outputs as far as it knows them. */
export async function updateResource(
  resource: Resource,
  request: UpdateRequest,
  { properties, secrets }: Decoded,
): Promise<UpdateResponse> {
  const { type, kind } = resource;
  const olds = decodeOutputs(request.getOlds());
  const mark = (outputs: object): Properties => markSecretOutputs({ ...outputs }, secretOutputNames(type), secrets);
  if (request.getPreview()) {
    const changes = compareProperties(pick(olds, Object.keys(properties)), properties);
    // If no input changed, the slug of the flow or the URL of links did.
    const causes = changes.length > 0 ? changes.map(({ property }) => property) : ["flow"];
    const outputs = { ...olds, ...unknown(kind.derivedOutputs(causes)), ...properties };
    return new UpdateResponse().setProperties(encodeStruct(mark(outputs)));
  }
  const { state = olds } = adoptionOf(resource, olds, properties) ?? {};
  const { outs } = await withMarkedState(mark, () => kind.operations.update(request.getId(), state, properties));
  return new UpdateResponse().setProperties(encodeStruct(mark(outs)));
}

function unknown(names: readonly string[]): Properties {
  return Object.fromEntries(names.map((name) => [name, unknownValue]));
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

/** Reads a resource in the state, or for an import and for `get`, the object with the pk or id in the request. An empty response says that it does not exist. */
export async function readResource(resource: Resource, request: ReadRequest): Promise<ReadResponse> {
  const state = decodeStruct(request.getProperties());
  const inputs = decodeStruct(request.getInputs());
  // For `get`, the engine passes what the program says about the state as the inputs as well.
  const isInState = Object.keys(state.properties).some((name) => !(name in inputs.properties));
  const read = isInState
    ? await resource.kind.operations.read(request.getId(), decodeOutputs(request.getProperties()))
    : await readExisting(resource, request.getId(), !request.hasInputs());
  if (read.id === undefined) return new ReadResponse();
  const secretOutputs = [
    ...secretOutputNames(resource.type),
    ...state.secrets.filter(({ length }) => length === 1).flat(),
  ];
  return new ReadResponse()
    .setId(read.id)
    .setProperties(encodeStruct(markSecretOutputs({ ...read.props }, secretOutputs, inputs.secrets)))
    .setInputs(encodeStruct(markSecretInputs({ ...read.inputs }, inputs.secrets)));
}

/** Reads an object that is not in the state. */
async function readExisting(resource: Resource, id: string, isImport: boolean): Promise<dynamic.ReadResult> {
  const { urn, kind } = resource;
  const claim = (pk: string): void => {
    if (isImport) claimImport(describeResource(resource), pk, undefined);
  };
  // No input of a program says which of the values that authentik returns are secrets.
  const hidden = { ...kind.getHints, ...(isImport ? { [originInput]: toOrigin(urn, createNonce()) } : {}) };
  const { findPk } = kind;
  if (findPk === undefined) {
    claim(normalizeUuid(id) ?? id);
    return await kind.operations.read(id, hidden);
  }
  const pk = await withUserErrorsAndSettingsHint(() => findPk(id));
  claim(pk);
  if (isImport && id !== invitationId(pk)) {
    log.warn(
      `imported by its pk, which lets anyone enroll. With the resource option import, the state has it in plaintext until the option is removed. Import it by its id instead: ${invitationId(pk)}`,
    );
  }
  return await kind.operations.read(invitationId(pk), { ...hidden, pk });
}

export async function deleteResource({ kind }: Resource, request: DeleteRequest): Promise<Empty> {
  await kind.operations.delete(request.getId(), decodeOutputs(request.getProperties()));
  return new Empty();
}
