import { defaultConnection, parseBaseUrl } from "../common/base-url";
import { limitLines } from "../common/limit-lines";
import { isProviderSource } from "../common/provider-source";
import { parseUrn } from "../common/urn";
import { packageName, publication } from "../plugin/schema";
import type { Properties } from "../values/properties";
import { readConfiguration } from "./pulumi";
import {
  isExplicitProvider,
  isOfPlugin,
  kindOf,
  operationsOf,
  providerUrnOf,
  resourcesOf,
  type State,
  type StateResource,
  unwrapSecrets,
} from "./state";
import { warn } from "./terminal";

/** What a run executes or connects to because the state says so. Each finding is a line for the user. */
export interface StateCode {
  /** Contradicts what this package writes, so that someone else wrote it. */
  readonly rejected: readonly string[];
  /** Written by other packages, which this one does not know. */
  readonly unknown: readonly string[];
}

type Finding = readonly [kind: keyof StateCode, line: string];

/** Exit code of a command that rejects the state. */
export const rejectedExitCode = 3;

const providerType = "pulumi:providers:pulumi-nodejs";
const pluginProviderType = `pulumi:providers:${packageName}`;
const sourceProperty = "__provider";

/**
 * Finds code in a state. Pulumi runs the source code of a dynamic resource's provider, which the state contains, with the credentials of the run:
 * whoever can write the state can run code in the next `pulumi up`. The state must have been exported with `--show-secrets`, because Pulumi also
 * runs source code that is a secret.
 */
export async function findCode(state: State, stack: string | undefined): Promise<StateCode> {
  const resources = [...resourcesOf(state), ...operationsOf(state).map(({ resource }) => resource)];
  const urls = await inspectUrls(state, resources.filter(downloadsPlugin), stack);
  const findings = [...resources.flatMap(inspectResource), ...urls];
  const linesOf = (kind: keyof StateCode): string[] => [
    ...new Set(findings.filter((finding) => finding[0] === kind).map(([, line]) => line)),
  ];
  return { rejected: linesOf("rejected"), unknown: linesOf("unknown") };
}

function inspectResource(resource: StateResource): Finding[] {
  const { urn, type } = resource;
  const urnType = parseUrn(urn).type;
  const name = kindOf(resource) ?? kindOf({ type: urnType });
  const sources = (["inputs", "outputs"] as const).flatMap((place) => {
    const properties = (unwrapSecrets(resource[place]) ?? {}) as Properties;
    return Object.hasOwn(properties, sourceProperty) ? { place, source: properties[sourceProperty] } : [];
  });
  const findings: Finding[] = [];
  if (name !== undefined) {
    const foreign = sources.filter(({ source }) => !isProviderSource(source, name)).map(({ place }) => place);
    if (foreign.length > 0) findings.push(["rejected", `${urn}: other source code in ${foreign.join(" and ")}`]);
    if (type !== urnType) findings.push(["rejected", `${urn}: its type is ${type}`]);
    const provider = providerUrnOf(resource) ?? "";
    const expectedType = isOfPlugin(resource) ? pluginProviderType : providerType;
    if (provider !== "" && parseUrn(provider).type !== expectedType) {
      findings.push(["rejected", `${urn}: its provider is ${provider}`]);
    }
  } else if (sources.length > 0) findings.push(["unknown", urn]);
  if (type.startsWith("pulumi:providers:") && type !== pluginProviderType && downloadUrlsOf(resource).length > 0) {
    const rejected = `${urn}: Pulumi would download its plugin from another server`;
    findings.push(type === providerType ? ["rejected", rejected] : ["unknown", formatDownload(resource)]);
  }
  return findings;
}

/** The URLs in the state from which Pulumi downloads a provider's plugin. */
function downloadUrlsOf({ inputs = {} }: StateResource): unknown[] {
  const internal = unwrapSecrets(inputs["__internal"]) ?? {};
  return [inputs, internal as Properties].flatMap((values) =>
    Object.hasOwn(values, "pluginDownloadURL") ? [unwrapSecrets(values["pluginDownloadURL"])] : [],
  );
}

/** Whether this is a provider of this package whose plugin does not come from the package's releases. */
function downloadsPlugin(resource: StateResource): boolean {
  const { pluginDownloadURL } = publication();
  return resource.type === pluginProviderType && downloadUrlsOf(resource).some((url) => url !== pluginDownloadURL);
}

function formatDownload({ urn }: StateResource): string {
  return `${urn} (downloads its plugin from another server)`;
}

/**
 * A refresh and the deletion of a resource use the configuration in the state, so that a URL in the state decides who receives the token. A token
 * from the environment must not go to a URL that nobody has configured. `downloading` are providers whose plugin comes from a URL, which the
 * configuration may have as well, for a mirror.
 */
async function inspectUrls(
  state: State,
  downloading: readonly StateResource[],
  stack: string | undefined,
): Promise<Finding[]> {
  const urls = resourcesOf(state).flatMap(urlsOf);
  if (urls.length === 0 && downloading.length === 0) return [];
  const configuration = await readConfiguration(stack, true);
  const isConfigured = (key: string): boolean => configuration[key]?.value !== undefined;
  const configured = Object.values(configuration).map(({ value }) => normalize(value));
  const usesVariable = (key: string): boolean => [defaultConnection, packageName].some((name) => key === `${name}:url`);
  const expected = (key: string): unknown =>
    configuration[key]?.value ?? (usesVariable(key) ? process.env["AUTHENTIK_URL"] : undefined);
  // A program passes its explicit providers a setting of any name.
  const others = urls.filter(
    ({ key, url, isExplicit }) =>
      normalize(url) !== normalize(expected(key)) && !(isExplicit && configured.includes(normalize(url))),
  );
  const isMirror = (url: unknown): boolean =>
    url === publication().pluginDownloadURL || configured.includes(normalize(url));
  const downloads = downloading.filter((provider) => !downloadUrlsOf(provider).every(isMirror));
  return [
    ...others.map(({ urn, key, hasToken, isExplicit }): Finding => {
      const isRejected = !hasToken && !isExplicit && !isConfigured(key) && Boolean(process.env["AUTHENTIK_TOKEN"]);
      const line = `${urn}: its ${key} is neither the stack's nor that of AUTHENTIK_URL`;
      return [isRejected ? "rejected" : "unknown", line];
    }),
    ...downloads.map((provider): Finding => ["unknown", formatDownload(provider)]),
  ];
}

/** The URLs of authentik in the inputs of a provider. */
function urlsOf(provider: StateResource) {
  const { urn, type, inputs = {} } = provider;
  const toUrl = (input: string, key: string, hasToken: boolean, isExplicit: boolean) => ({
    urn,
    /** The setting that it comes from, unless the provider is explicit. */
    key,
    url: unwrapSecrets(inputs[input]),
    hasToken,
    /** Whether the program declares the provider, and may have computed the URL. */
    isExplicit,
  });
  if (type === pluginProviderType && Object.hasOwn(inputs, "url")) {
    return [toUrl("url", `${packageName}:url`, Object.hasOwn(inputs, "token"), isExplicitProvider(provider))];
  }
  if (type !== providerType) return [];
  return Object.keys(inputs).flatMap((key) => {
    const [, namespace] = /^(.+):url$/.exec(key) ?? [];
    const hasToken = Object.hasOwn(inputs, `${namespace}:token`);
    return hasToken || namespace === defaultConnection ? toUrl(key, key, hasToken, false) : [];
  });
}

function normalize(url: unknown): unknown {
  const baseUrl = typeof url === "string" ? parseBaseUrl(url) : undefined;
  return baseUrl && "url" in baseUrl ? baseUrl.url : url;
}

/** Prints what was found to standard error. Returns whether the state can be used. */
export function reportCode({ rejected, unknown }: StateCode, stack: string | undefined, isStrict: boolean): boolean {
  const name = stack === undefined ? "The state" : `The state of stack ${stack}`;
  if (unknown.length > 0) {
    const lines = [
      `${name} contains code or URLs that this package did not write and cannot verify. Pulumi uses them with the credentials of the run:`,
      ...limitLines(unknown, "entries").map((line) => `- ${line}`),
      "Check that your program declares these resources and that the configuration was changed on purpose.",
      ...(isStrict ? ["The state is rejected because of --strict."] : []),
    ];
    lines.forEach(warn);
  }
  if (rejected.length === 0) return unknown.length === 0 || !isStrict;
  const lines = [
    `${name} was changed by someone else than this package. The next \`pulumi up\`, \`refresh\` or \`destroy\` could run their code or send them the token:`,
    ...limitLines(rejected, "entries").map((line) => `- ${line}`),
    "Do not run Pulumi on this stack. Find out who can write its state, and replace those credentials and all that a run has. Then restore an earlier version of the state with `pulumi stack import`.",
  ];
  lines.forEach(warn);
  return false;
}
