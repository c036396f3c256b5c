import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { unknownValue } from "../../provider/common/reserved-strings";
import type { Authentik } from "../../sandbox";
import { strip as stripWhitespace } from "../../sandbox/fields";
import { type Json, stringifyJson } from "../../sandbox/json";
import { catchError } from "../unit/support/catch-error";
import { type Door, type Provider, providerOf, type Kind as ResourceName } from "../unit/support/doors";
import {
  duration,
  hostileString,
  type Inputs,
  instant,
  jsonObject,
  padded,
  slug,
  storableString,
  strangeInstant,
  weighted,
} from "./values";

/** A kind of resource, with inputs most of which are valid. */
export interface Kind {
  readonly name: ResourceName;
  readonly door: Door;
  readonly provider: Provider;
  readonly properties: readonly string[];
  inputs(server: Authentik): fc.Arbitrary<Inputs>;
  /** The object in the server's database, in the names of the inputs; `undefined` if it does not exist. */
  stored(server: Authentik, pk: string): Inputs | undefined;
  /** What the server must store for the inputs. */
  expected(server: Authentik, inputs: Inputs, outputs: Inputs): Inputs;
}

const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(arbitrary, { nil: undefined });
const boolean = maybe(fc.boolean());
/** The configuration is the same for each of them. */
const connection = maybe(fc.constantFrom("authentik", "authentik-staging", "x_1"));

const strip = (value: unknown): string => stripWhitespace(String(value));

function pick(row: object, names: readonly string[]): Inputs {
  return Object.fromEntries(Object.entries(row).filter(([name]) => names.includes(name)));
}

/** The flow that other objects refer to. */
export function target(server: Authentik): { pk: string; slug: string } {
  const { flows } = server.instance;
  return (
    flows.findBySlug("target") ??
    flows.add({ name: "Target", slug: "target", title: "Target", designation: "enrollment" })
  );
}

/** The stage that bindings refer to. */
function stagePk(server: Authentik): string {
  const { stages } = server.instance;
  return ([...stages.all()].find(({ name }) => name === "bound") ?? stages.add({ name: "bound" })).pk;
}

/** Spellings of a reference to a flow that `check` must accept. */
function flowReference(server: Authentik): fc.Arbitrary<string> {
  const { pk, slug: flowSlug } = target(server);
  return padded(fc.constantFrom(flowSlug, pk, pk.toUpperCase(), pk.replaceAll("-", "")));
}

const milliseconds = 1000n;

/** Microseconds since 1970 of an RFC 3339 timestamp. The server truncates further digits. */
export function microseconds(timestamp: unknown): bigint {
  const text = String(timestamp).toUpperCase();
  const [fraction = ""] = /(?<=\.)\d+/.exec(text) ?? [];
  return BigInt(Date.parse(text.replace(/\.\d+/, ""))) * milliseconds + BigInt(fraction.slice(0, 6).padEnd(6, "0"));
}

function input(weight: number, name: string, arbitrary: fc.Arbitrary<string>): ReturnType<typeof weighted<Inputs>> {
  return weighted(
    weight,
    arbitrary.map((value) => ({ [name]: value })),
  );
}

const asJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

export const invitation: Kind = {
  name: "Invitation",
  door: "dynamic",
  provider: providerOf("dynamic", "Invitation"),
  properties: "name expires validFor fixedData singleUse flow onRetired keepers connection email import".split(" "),
  inputs: (server) =>
    fc
      .record({
        name: slug,
        expiry: fc.oneof(
          input(4, "expires", instant),
          input(1, "expires", strangeInstant),
          input(4, "validFor", duration),
        ),
        fixedData: maybe(jsonObject),
        singleUse: boolean,
        flow: maybe(flowReference(server)),
        onRetired: maybe(fc.constantFrom("keep", "keep", "reissue")),
        keepers: maybe(jsonObject),
        connection,
      })
      .map(({ expiry, ...others }): Inputs => ({ ...expiry, ...others })),
  stored: (server, pk) => {
    const row = server.instance.invitations.find(pk);
    return (
      row && {
        ...pick(row, ["name", "singleUse"]),
        expires: microseconds(row.expires),
        fixedData: JSON.parse(stringifyJson(row.fixedData as Json)),
        flow: row.flow?.pk,
      }
    );
  },
  expected: (server, { name, expires, fixedData, singleUse, flow }, outputs) => ({
    name: strip(name),
    // A duration counts from the time of issue, which only the outputs have.
    expires: microseconds(expires ?? outputs["expires"]),
    fixedData: asJson(fixedData ?? {}),
    singleUse: singleUse ?? false,
    flow: flow === undefined ? undefined : target(server).pk,
  }),
};

export const stage: Kind = {
  name: "InvitationStage",
  door: "dynamic",
  provider: providerOf("dynamic", "InvitationStage"),
  properties: ["name", "continueFlowWithoutInvitation", "connection", "import"],
  inputs: () =>
    fc.record({ name: fc.oneof(storableString, hostileString), continueFlowWithoutInvitation: boolean, connection }),
  stored: (server, pk) => {
    const row = server.instance.stages.find(pk);
    return row && pick(row, ["name", "continueFlowWithoutInvitation"]);
  },
  expected: (_server, { name, continueFlowWithoutInvitation }) => ({
    name: strip(name),
    continueFlowWithoutInvitation: continueFlowWithoutInvitation ?? false,
  }),
};

export const flowDefaults = {
  authentication: "none",
  deniedAction: "message_continue",
  layout: "stacked",
  policyEngineMode: "any",
  compatibilityMode: false,
};

export const flow: Kind = {
  name: "Flow",
  door: "dynamic",
  provider: providerOf("dynamic", "Flow"),
  properties:
    "name slug title designation authentication deniedAction layout policyEngineMode compatibilityMode connection import".split(
      " ",
    ),
  inputs: () =>
    fc.record({
      name: fc.oneof(storableString, hostileString),
      slug,
      title: fc.oneof(storableString, slug),
      designation: fc.constantFrom("authentication", "enrollment", "stage_configuration"),
      authentication: maybe(fc.constantFrom("none", "require_authenticated", "require_outpost")),
      deniedAction: maybe(fc.constantFrom("message_continue", "message", "continue")),
      layout: maybe(fc.constantFrom("stacked", "sidebar_left")),
      policyEngineMode: maybe(fc.constantFrom("all", "any")),
      compatibilityMode: boolean,
      connection,
    }),
  stored: (server, pk) => {
    const row = server.instance.flows.find(pk);
    return row && pick(row, ["name", "slug", "title", "designation", ...Object.keys(flowDefaults)]);
  },
  expected: (_server, { name, slug: flowSlug, title, connection: _, __origin, ...others }) => ({
    ...flowDefaults,
    ...others,
    name: strip(name),
    slug: strip(flowSlug),
    title: strip(title),
  }),
};

export const bindingDefaults = {
  evaluateOnPlan: false,
  reEvaluatePolicies: true,
  invalidResponseAction: "retry",
  policyEngineMode: "any",
};

export const binding: Kind = {
  name: "FlowStageBinding",
  door: "dynamic",
  provider: providerOf("dynamic", "FlowStageBinding"),
  properties:
    "target stage order evaluateOnPlan reEvaluatePolicies invalidResponseAction policyEngineMode connection import".split(
      " ",
    ),
  inputs: (server) => {
    const pk = stagePk(server);
    return fc.record({
      target: flowReference(server),
      stage: padded(fc.constantFrom(pk, pk.toUpperCase(), pk.replaceAll("-", ""), `{${pk}}`)),
      order: fc.oneof(fc.constantFrom(0, -0, -1, 2 ** 31 - 1, -(2 ** 31)), fc.integer()),
      evaluateOnPlan: boolean,
      reEvaluatePolicies: boolean,
      invalidResponseAction: maybe(fc.constantFrom("retry", "restart", "restart_with_context")),
      policyEngineMode: maybe(fc.constantFrom("all", "any")),
      connection,
    });
  },
  stored: (server, pk) => {
    const row = server.instance.bindings.find(pk);
    const names = ["order", ...Object.keys(bindingDefaults)];
    return row && { target: row.target.pk, stage: row.stage.pk, ...pick(row, names) };
  },
  expected: (server, { order, connection: _, __origin, ...others }) => ({
    ...bindingDefaults,
    ...others,
    order: order === 0 ? 0 : order,
    target: target(server).pk,
    stage: stagePk(server),
  }),
};

/** The kinds by the dynamic door. */
export const kinds: readonly Kind[] = [invitation, stage, flow, binding];

/**
 * The same kind by the plugin's door. It has neither the input `connection`, for which it has explicit providers, nor `import`, which is an option of
 * the engine. Its program calls the data of invitations secret.
 */
function byPlugin(kind: Kind): Kind {
  return {
    ...kind,
    door: "plugin",
    provider: providerOf("plugin", kind.name, kind.name === "Invitation" ? ["fixedData"] : []),
    inputs: (server) => kind.inputs(server).map(({ connection: _, ...inputs }) => inputs),
  };
}

const pluginKinds = kinds.map(byPlugin);

/** A kind by each door. */
export function doorsOf(kind: Kind): readonly Kind[] {
  return [kind, pluginKinds[kinds.indexOf(kind)] as Kind];
}

let configurations = 0;

/** Configures the provider for the server, with every connection name. */
export async function configure(server: { readonly url: string; readonly token: string }): Promise<void> {
  configurations += 1;
  // Connections with equal settings share caches.
  const settings: Record<string, string> = {
    url: server.url,
    token: server.token,
    headers: JSON.stringify({ "x-configuration": String(configurations) }),
  };
  // Both doors use the last configuration, in which the plugin has no other connections.
  for (const { provider } of [...pluginKinds, ...kinds])
    await provider.configure({ config: { get: (key) => settings[key.split(":")[1] ?? ""] } });
}

export function containsUnknown(value: unknown): boolean {
  if (value === unknownValue) return true;
  return typeof value === "object" && value !== null && Object.values(value).some(containsUnknown);
}

const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]|<\{%/u;
const longestMessage = 3000;

/** Fails unless the text is one line that a terminal prints as it is, of limited length. */
export function expectPrintable(line: string): void {
  if (line.length === 0 || line.length > longestMessage)
    throw new Error(`A message of ${line.length} characters: ${line.slice(0, 300)}`);
  const match = unprintable.exec(line);
  if (match)
    throw new Error(`A message contains ${JSON.stringify(match[0])} at ${match.index}: ${JSON.stringify(line)}`);
}

/** Expects an error for the user: a printable line without a stack trace. */
export async function expectError(operation: Promise<unknown>): Promise<void> {
  const error = await catchError(operation);
  if (error.stack !== "") throw error;
  expectPrintable(error.message);
}

/** Everything that the provider has printed since the last call. */
export function takeWarnings(): string[] {
  return printed.splice(0);
}

const printed: string[] = [];

/** For `beforeEach`: collects what is printed, for {@link takeWarnings}. */
export function collectWarnings(): void {
  printed.length = 0;
  for (const method of ["log", "info", "warn", "error", "debug"] as const) {
    jest.spyOn(console, method).mockImplementation((...args: unknown[]) => {
      printed.push(args.map(String).join(" "));
    });
  }
}

const uuid = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
const allowedPath = new RegExp(
  `^/api/v3/(stages/invitation/(invitations|stages)/(${uuid}/)?|flows/instances/([-\\w]+/)?|flows/bindings/(${uuid}/)?|stages/all/|events/events/|core/users/me/)$`,
);
const allowedParameters = new Set(
  "name slug flow_uuid stage_uuid target search action ordering page page_size flow__slug created_by__username expires".split(
    " ",
  ),
);

/** Fails if a request left the paths of the API that this package uses. Returns the number of requests since the last call. */
export function expectAllowedRequests(server: Authentik): number {
  for (const { method, path, query, status } of server.requests) {
    const parameters = [...new URLSearchParams(query).keys()];
    const isAllowed =
      allowedPath.test(path) &&
      parameters.every((name) => allowedParameters.has(name)) &&
      new Set(parameters).size === parameters.length;
    if (!isAllowed)
      throw new Error(`The provider sent ${method} ${JSON.stringify(path)} with ${JSON.stringify(query)}.`);
    if (status === 501) throw new Error(`${method} ${path}?${query} was not recorded on a real server.`);
  }
  return server.requests.splice(0).length;
}

/** Compares JSON documents: the order of keys and the sign of zero do not count. */
export function isSameDocument(a: unknown, b: unknown): boolean {
  const normalize = (value: unknown): unknown =>
    JSON.parse(JSON.stringify(value, (_key, item: unknown) => (typeof item === "bigint" ? `${item}n` : item)));
  return isDeepStrictEqual(normalize(a), normalize(b));
}
