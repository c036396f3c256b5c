import * as z from "zod";
import { type Origin, originInput, parseOrigin } from "../common/origin";
import { dynamicType } from "../common/provider-source";
import { signatureKey } from "../common/reserved-strings";
import { inputNameAt, type SecretInputs, secretInputsOf } from "../common/secret-inputs";
import { isExplicitProviderName, parseUrn } from "../common/urn";
import { UserError } from "../lifecycle/user-error";
import { pluginType } from "../plugin/schema";
import { isSecretValue, secretSignature } from "../values/secrets";

const resourceSchema = z.looseObject({
  urn: z.string(),
  type: z.string(),
  id: z.string().optional(),
  /** URN and id of the provider resource, joined by `::`. */
  provider: z.string().optional(),
  /** Waits for its deletion, because another resource replaced it. */
  delete: z.boolean().optional(),
  /** Read by `get`, not managed. */
  external: z.boolean().optional(),
  created: z.string().optional(),
  /** Former URNs, for example the one that a resource of the plugin had as a dynamic one. */
  aliases: z.array(z.string()).nullish(),
  parent: z.string().optional(),
  dependencies: z.array(z.string()).nullish(),
  inputs: z.record(z.string(), z.unknown()).optional(),
  outputs: z.record(z.string(), z.unknown()).optional(),
  additionalSecretOutputs: z.array(z.string()).optional(),
});

const operationSchema = z.looseObject({ resource: resourceSchema, type: z.string() });

const stateSchema = z.looseObject({
  deployment: z.looseObject({
    resources: z.array(resourceSchema).nullish(),
    pending_operations: z.array(operationSchema).nullish(),
  }),
});

/** A stack's state, as `pulumi stack export` writes it. */
export type State = z.infer<typeof stateSchema>;
export type StateResource = z.infer<typeof resourceSchema>;
export type Operation = z.infer<typeof operationSchema>;

/** Parses the output of `pulumi stack export`. `source` names it in errors. */
export function parseState(json: string, source: string): State {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw new UserError(`${source} is not JSON. Write it with \`pulumi stack export\`.`);
  }
  const parsed = stateSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new UserError(
    `${source} is not the output of \`pulumi stack export\`: ${issue?.path.join(".")}: ${issue?.message}.`,
  );
}

/** The class name of a resource of this package, dynamic or of the plugin; `undefined` for a resource of another package. */
export function kindOf({ type }: Pick<StateResource, "type">): string | undefined {
  const prefix = [dynamicType(""), pluginType("")].find((start) => type.startsWith(start));
  return prefix === undefined ? undefined : type.slice(prefix.length);
}

export function isOfPlugin({ type }: Pick<StateResource, "type">): boolean {
  return type.startsWith(pluginType(""));
}

/** The URN of the provider that a resource belongs to, without its id. */
export function providerUrnOf({ provider }: StateResource): string | undefined {
  return provider?.slice(0, provider.lastIndexOf("::"));
}

export function providerOf(resource: StateResource, state: State): StateResource | undefined {
  const providerUrn = providerUrnOf(resource);
  return resourcesOf(state).find(({ urn }) => urn === providerUrn);
}

/** Whether a program declares a provider. The engine creates the default ones: `default`, or `default_1_0_0` for a version. */
export function isExplicitProvider({ urn }: StateResource): boolean {
  return isExplicitProviderName(parseUrn(urn).name);
}

export function resourcesOf(state: State): StateResource[] {
  return state.deployment.resources ?? [];
}

/** The operations that were interrupted. */
export function operationsOf(state: State): Operation[] {
  return state.deployment.pending_operations ?? [];
}

/** The resource that an operation changes or replaces. It has a former URN if the operation also moves it. */
export function indexOfCurrent(resources: readonly StateResource[], { urn, aliases }: StateResource): number {
  const urns = new Set([urn, ...(aliases ?? [])]);
  return resources.findIndex((other) => urns.has(other.urn) && !other.delete);
}

/** `project/stack` of a state, from its resources' URNs. Undefined if it has none. */
export function stackOf(state: State): string | undefined {
  const [first] = [...resourcesOf(state), ...operationsOf(state).map(({ resource }) => resource)];
  const { stack, project } = parseUrn(first?.urn ?? "");
  return stack === "" ? undefined : `${project}/${stack}`;
}

/** The operations of this package's resources that were interrupted. */
export function pendingOperationsOf(state: State): Operation[] {
  return operationsOf(state).filter(({ resource }) => kindOf(resource) !== undefined);
}

export function originInState({ inputs }: StateResource): Origin | undefined {
  return parseOrigin(inputs?.[originInput]);
}

/** The ids of the invitations that a stack manages, with the dynamic resources or with the plugin. */
export function invitationIdsOf(state: State): string[] {
  return resourcesOf(state).flatMap((resource) => {
    if (resource.external) return [];
    const name = kindOf(resource);
    if (name === "Invitation") return resource.id ?? [];
    const ids = name === "InvitationBatch" ? resource.outputs?.["ids"] : undefined;
    return typeof ids === "object" && ids !== null ? Object.values(ids).map(String) : [];
  });
}

export function toStateSecret(value: unknown): unknown {
  return { [signatureKey]: secretSignature, plaintext: JSON.stringify(value) };
}

/** Whether a value is a secret, or contains one. */
export function containsSecret(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return isSecretValue(value) || Object.values(value).some(containsSecret);
}

/** The names of the inputs that contain secrets. Older versions of this package did not store them. */
export function secretInputNamesInState(inputs: Readonly<Record<string, unknown>> = {}): string[] {
  const names = secretInputsOf(unwrapSecrets(inputs) as SecretInputs);
  return [...new Set([...names, ...secretPaths(inputs, [])])].sort();
}

function secretPaths(value: unknown, path: readonly string[]): string[] {
  if (typeof value !== "object" || value === null) return [];
  if (isSecretValue(value)) return [inputNameAt(path)];
  return Object.entries(value).flatMap(([key, item]) => secretPaths(item, [...path, key]));
}

/** Replaces secrets by their values. The state must have been exported with `--show-secrets`. */
export function unwrapSecrets(value: unknown): unknown {
  if (isSecretValue(value))
    return value.plaintext === undefined ? undefined : unwrapSecrets(JSON.parse(value.plaintext));
  if (Array.isArray(value)) return value.map(unwrapSecrets);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, unwrapSecrets(item)]));
}
