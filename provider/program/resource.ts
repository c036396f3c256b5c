import { createRequire } from "node:module";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { defaultConnection, parseBaseUrl } from "../common/base-url";
import { readBaseUrl, readSetting } from "../common/configuration";
import { createNonce, createTag, formatOrigin, originInput } from "../common/origin";
import { dynamicType, providerSource, type ResourceName } from "../common/provider-source";
import { unknownValue } from "../common/reserved-strings";
import { hasStack, perRun } from "../common/run";
import { secretInputsInput } from "../common/secret-inputs";
import { exposureWarnings } from "../common/setting-warnings";
import { configuration } from "./configuration";
import { requireSettings } from "./explicit-provider";
import { claimEntryImports, claimImport, protectEntryImports } from "./imports";
import { whenKnown } from "./inputs";
import { findSecretInputs } from "./secret-inputs";

export { dynamicType };

/**
 * The base class of this package's resources. It does not extend `dynamic.Resource`, which serializes a closure of about 2 kB into each
 * resource's state.
 */
export abstract class AuthentikResource extends pulumi.CustomResource {
  constructor(
    resource: ResourceName,
    name: string,
    args: object,
    /** All outputs: one that is missing here never resolves. */
    outputs: readonly string[],
    secretOutputs: readonly string[],
    opts: pulumi.CustomResourceOptions = {},
  ) {
    requireProvider();
    // The engine cannot import dynamic resources, so the option becomes an input of `create`. It is secret, because an invitation's pk is.
    const { import: importedPk, ...otherOptions } = opts;
    const options = {
      ...otherOptions,
      additionalSecretOutputs: [...(otherOptions.additionalSecretOutputs ?? []), ...secretOutputs],
    };
    const importer = {
      name: `${resource} "${name}"`,
      connection: (args as { connection?: pulumi.Input<string> }).connection,
    };
    super(
      dynamicType(resource),
      name,
      {
        ...Object.fromEntries(outputs.map((output) => [output, undefined])),
        ...toPrintableArgs(
          "invitations" in args ? { ...args, invitations: protectEntryImports(args.invitations) } : args,
        ),
        // What `get` reads has neither.
        ...(opts.id === undefined
          ? {
              [secretInputsInput]: findSecretInputs(args, importer.name),
              [originInput]: origin(dynamicType(resource), name, opts.parent),
            }
          : {}),
        import: importedPk === undefined ? undefined : pulumi.secret(claimImport(importer, importedPk)),
        __provider: providerSource(resource),
      },
      options,
    );
    requireSettings(importer.name, this.getProvider(dynamicType(resource)), importer.connection);
    if ("invitations" in args) claimEntryImports(importer, args.invitations);
    whenKnown(importer.connection, warnAboutSettings);
  }
}

const resolvedProviders = new Set<string>();

/**
 * Pulumi's provider process resolves the package from the program's directory. A library elsewhere in a workspace may have the package although
 * that directory has none: say so before anything is created. Not in unit tests, nor for inline programs of the Automation API, whose provider
 * process has another directory.
 */
function requireProvider(): void {
  const folder = process.cwd();
  if (resolvedProviders.has(folder) || !hasStack() || process.env.PULUMI_CONFIG_SECRET_KEYS === undefined) return;
  try {
    createRequire(`${folder}/`).resolve("pulumi-authentik-invitations/provider");
  } catch {
    throw new pulumi.RunError(
      `The package pulumi-authentik-invitations cannot be resolved from the program's folder, from which Pulumi loads the provider. A library that the program uses has the package, but that is not enough. Add pulumi-authentik-invitations to the dependencies in ${join(folder, "package.json")}, in the version that the library uses, and install them.`,
    );
  }
  resolvedProviders.add(folder);
}

/** Pulumi converts each argument to a string for its debugging labels, and fails if that is an object with a key `toString`. A promise has none. */
function toPrintableArgs(args: object): object {
  return Object.fromEntries(
    Object.entries(args).map(([name, value]) => [name, isPrintable(value) ? value : Promise.resolve(value)]),
  );
}

function isPrintable(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(isPrintable);
  return typeof value !== "object" || value === null || typeof value.toString === "function";
}

/**
 * Where a resource's requests come from. Unknown at preview, because the nonce is different in the update: `check` keeps the value of a resource
 * that exists, and a new one must not contradict the plan of a `pulumi up --plan`.
 */
function origin(type: string, name: string, parent: pulumi.Resource | undefined): pulumi.Input<string> {
  if (pulumi.runtime.isDryRun()) return unknownValue;
  const stack = pulumi.getStack();
  const format = (urn: string): string => formatOrigin({ stack, tag: createTag(urn), nonce: createNonce() });
  // Without a parent no Output is needed, which is measurable across thousands of resources.
  if (parent === undefined) return format(`urn:pulumi:${stack}::${pulumi.getProject()}::${type}::${name}`);
  return promiseOf(pulumi.createUrn(name, type, parent)).then(format);
}

/** The value of an output without its dependencies: a resource that depends on its parent component would wait for itself. */
function promiseOf<T>(output: pulumi.Output<T>): Promise<T> {
  return (output as unknown as { promise(): Promise<T> }).promise();
}

/** Replaces an output of a resource by one that is made when the program uses it: few programs with many invitations use each link. */
export function defineUsed<Name extends string, Value>(
  resource: { readonly [name in Name]: Value },
  name: Name,
  get: () => Value,
): void {
  Object.defineProperty(resource, name, { enumerable: true, get });
}

export function orDefault(
  defaultValue: pulumi.Input<string>,
  value: pulumi.Input<string> | undefined,
): pulumi.Input<string> {
  if (value === undefined || typeof value === "string") return value ?? defaultValue;
  return pulumi
    .all([defaultValue, value])
    .apply(([resolvedDefault, resolved]: [string, string | undefined]) => resolved ?? resolvedDefault);
}

/**
 * Validates the arguments of `get`, also for programs in JavaScript: without an id, a resource would be created instead of read, and anything else
 * in the state would have no effect.
 */
export function validateGet(
  resource: ResourceName,
  id: unknown,
  state: object | undefined,
  properties: readonly string[],
): void {
  if (id === undefined || id === null || id === "") throw new pulumi.RunError(`${resource}.get: id is required.`);
  const unknown = Object.entries(state ?? {}).find(
    ([name, value]) => value !== undefined && !properties.includes(name),
  );
  if (unknown !== undefined) {
    throw new pulumi.RunError(
      `${resource}.get: unknown property ${unknown[0]} of state. The properties are ${properties.join(", ")}. Resource options are the fourth argument.`,
    );
  }
}

/** The UUID of an object: that of a resource, or the value itself. */
export function idOf(value: pulumi.Input<string> | pulumi.CustomResource): pulumi.Input<string> {
  return pulumi.CustomResource.isInstance(value) ? value.id : value;
}

const checkedConnections = perRun(() => new Set<string>());

/** Warns, once per connection, about settings that expose the token or the invitations. */
function warnAboutSettings(connection: string = defaultConnection): void {
  if (checkedConnections().has(connection)) return;
  checkedConnections().add(connection);
  const configured = readBaseUrl(configuration, connection);
  const insecure = readSetting(configuration, connection, "insecure", "AUTHENTIK_INSECURE");
  const isInsecure = /^\s*(?:true|1|yes)\s*$/i.test(insecure?.value ?? "");
  for (const warning of configured ? exposureWarnings(configured, isInsecure ? insecure?.source : undefined) : []) {
    pulumi.log.warn(warning);
  }
  const publicUrl = `${connection}:publicUrl`;
  const parsedPublicUrl = parseBaseUrl(pulumi.runtime.getConfig(publicUrl) ?? "https://unset", `${connection}:headers`);
  // Without a request, the provider process would not report it, and there would be no links.
  if ("problem" in parsedPublicUrl) pulumi.log.error(`${publicUrl} ${parsedPublicUrl.problem}.`);
  const token = `${connection}:token`;
  if (pulumi.runtime.getConfig(token) !== undefined && !isSecret(token)) {
    pulumi.log.warn(
      `${token} is stored in plaintext in the stack's configuration and state. Set it with \`pulumi config set --secret ${token} …\`.`,
    );
  }
}

/** Whether a setting was set with `--secret`. Assumed if Pulumi does not report it, as for inline programs of the Automation API. */
function isSecret(key: string): boolean {
  const secretKeys = process.env.PULUMI_CONFIG_SECRET_KEYS;
  return secretKeys === undefined || (JSON.parse(secretKeys) as string[]).includes(key);
}
