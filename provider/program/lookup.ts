import * as pulumi from "@pulumi/pulumi";
import { toPrintableLine } from "../common/printable";
import { hasStack, perRun } from "../common/run";
import type { Connection } from "../lifecycle/connections";
import type { Lookup } from "../objects/lookup";
import { configuration } from "./configuration";
import { warnAboutLinkHost } from "./link-warnings";

/** The connections of each run, so that a long process of the Automation API neither reuses what an earlier run found nor keeps it. */
const connectionsOfRun = perRun(() => new Map<string, Connection>());

/**
 * Runs a lookup from the program, at previews as well, once per run and `key`. The HTTP client is loaded by the first lookup, so that
 * programs without lookups start faster.
 */
export async function lookup<T>(
  connectionName: string | undefined,
  key: string,
  load: (connection: Connection) => Promise<T>,
): Promise<T> {
  const { configure, connect } = await import("../lifecycle/connections.js");
  return await withRunErrors(async () => {
    // Without `await`: another program of the process could configure its own in between.
    void configure({
      config: configuration,
      program: { project: pulumi.getProject(), stack: pulumi.getStack() },
      connections: connectionsOfRun(),
    });
    const connection = connect(connectionName);
    // Equal lookups fail with the same error, which Pulumi prints once.
    return await connection.cached(key, async () => await withRunErrors(async () => await load(connection)));
  });
}

/** The result of a lookup in a unit test with mocks, which must not send requests: that of the mock `call`. Otherwise `undefined`. */
export async function callMock<Result>(
  functionName: string,
  args: object,
  opts: pulumi.InvokeOptions = {},
): Promise<Partial<Result> | undefined> {
  if (hasStack()) return undefined;
  const monitor = pulumi.runtime.getMonitor();
  if (monitor === undefined || !("mocks" in monitor)) return undefined;
  return await pulumi.runtime.invoke(`authentik:index:${functionName}`, { ...args }, opts);
}

/** Runs a lookup. Pulumi prints errors that users can fix as they are, without a stack and not as "unhandled exception". */
async function withRunErrors<T>(load: () => Promise<T>): Promise<T> {
  const { UserError, withLookupErrors } = await import("../lifecycle/user-error.js");
  try {
    return await withLookupErrors(load);
  } catch (error) {
    throw error instanceof UserError ? toRunError(error.message, error.cause) : error;
  }
}

function toRunError(message: string, cause?: unknown): pulumi.RunError {
  const error = new pulumi.RunError(toPrintableLine(message));
  error.cause = cause;
  error.stack = "";
  return error;
}

/** Options that choose a provider plugin. A lookup runs in the program, so they would be ignored. */
const providerOptions = ["provider", "version", "pluginDownloadURL"] as const;

/** Validates a lookup's options. `parent` and `async` need no support: both choose what a lookup does not have. */
function validateOptions(functionName: string, opts: pulumi.InvokeOutputOptions): void {
  const ignored = providerOptions.find((name) => opts[name] !== undefined);
  if (ignored !== undefined) {
    throw toRunError(
      `${functionName}: the option ${ignored} has no effect, because lookups run in the program. Remove it. To select a server, set connection.`,
    );
  }
  if (opts.dependsOn !== undefined) {
    throw toRunError(`${functionName}: the option dependsOn has no effect. Use ${functionName}Output.`);
  }
}

/** Calls the lookup of this name, also for programs in JavaScript. */
export async function invokeLookup<Result>(
  name: string,
  args: { readonly connection?: string },
  opts: pulumi.InvokeOptions,
): Promise<Result> {
  validateOptions(name, opts);
  const { argumentError, hasLink, lookupKey, lookups, protectSecrets } = await import("../objects/lookups.js");
  const declared = lookups.get(name) as Lookup;
  const error = argumentError(declared, { ...args }, ["connection"]);
  if (error !== undefined) throw toRunError(error);
  const { list } = declared;
  const { connection, ...strings } = args;
  const protect = (item: object): object => protectSecrets(declared, item, pulumi.secret);
  const mocked = await callMock<Record<string, unknown>>(name, args, opts);
  if (mocked !== undefined) {
    const items = (mocked[list ?? ""] ?? []) as readonly object[];
    return (list === undefined ? protect(mocked) : items.map(protect)) as Result;
  }
  const found = await lookup(connection, lookupKey(declared, strings), (connected) => declared.run(connected, strings));
  const toResult = (item: object): object => {
    if (hasLink(declared, item)) warnAboutLinkHost(connection);
    return protect(item);
  };
  return (Array.isArray(found) ? found.map(toResult) : toResult(found)) as Result;
}

/**
 * Runs a lookup as Pulumi invokes a function with outputs: after the resources that the arguments depend on, and those in `dependsOn`. At a preview
 * that creates one of them, the result is unknown.
 */
export function lookupOutput<Args, Result>(
  args: pulumi.Input<Args>,
  { dependsOn, ...opts }: pulumi.InvokeOutputOptions,
  run: (args: Args, opts: pulumi.InvokeOptions) => Promise<Result>,
): pulumi.Output<pulumi.Unwrap<Result>> {
  return whenCreated(args, dependsOn).apply((resolved) => pulumi.output(run(resolved as Args, opts)));
}

/** The value, after the resources that it depends on. Unknown at a preview that creates one of them. */
export function whenCreated<T>(
  value: pulumi.Input<T>,
  dependsOn?: pulumi.InvokeOutputOptions["dependsOn"],
): pulumi.Output<pulumi.Unwrap<T>> {
  const resolved = pulumi.output(value);
  const ids = pulumi.output(dependsOn).apply(async (explicit) => {
    const implicit = await pulumi.getAllResources(resolved);
    const resources = [explicit ?? []].flat().concat([...implicit]) as pulumi.Resource[];
    return pulumi.all(resources.flatMap(idsOf));
  });
  return pulumi.all([resolved, ids]).apply(([known]) => known) as pulumi.Output<pulumi.Unwrap<T>>;
}

/** The ids of a resource, or of the resources of a component. */
function idsOf(resource: pulumi.Resource): pulumi.Output<string>[] {
  if (!pulumi.Resource.isInstance(resource))
    throw new pulumi.RunError("dependsOn must be a resource or a list of resources.");
  if (pulumi.CustomResource.isInstance(resource)) return [resource.id ?? resource.urn];
  // What a resource that depends on a component waits for. The SDK has no public name for it.
  const { __childResources: children = [] } = resource as { readonly __childResources?: Iterable<pulumi.Resource> };
  return [...children].flatMap(idsOf);
}
