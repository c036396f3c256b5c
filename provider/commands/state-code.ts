import { defaultConnection, parseBaseUrl } from "../common/base-url";
import { limitLines } from "../common/limit-lines";
import { toPrintableLine } from "../common/printable";
import { isProviderSource } from "../common/provider-source";
import { packageName, publication } from "../plugin/schema";
import type { Properties } from "../values/properties";
import { readConfiguration } from "./pulumi";
import {
  isExplicitProvider,
  isOfPlugin,
  kindOf,
  providerUrnOf,
  resourcesOf,
  type State,
  type StateResource,
  typeOfUrn,
  unwrapSecrets,
} from "./state";

/** What a run executes or connects to because the state says so. Each finding is a line for the user. */
export interface StateCode {
  /** Contradicts what this package writes, so that someone else wrote it. */
  readonly rejected: readonly string[];
  /** Written by other packages, which this one does not know. */
  readonly unknown: readonly string[];
}

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
  const pending = (state.deployment.pending_operations ?? []).map(({ resource }) => resource);
  const resources = [...resourcesOf(state), ...pending];
  const found = resources.map(inspectResource);
  const urls = await inspectUrls(state, resources.filter(downloadsPlugin), stack);
  const merge = (kind: keyof StateCode): string[] => [...new Set([...found, urls].flatMap((code) => code[kind]))];
  return { rejected: merge("rejected"), unknown: merge("unknown") };
}

function inspectResource(resource: StateResource): StateCode {
  const { urn, type } = resource;
  const name = kindOf(resource) ?? kindOf({ type: typeOfUrn(urn) });
  const sourcesIn = (["inputs", "outputs"] as const).flatMap((place) => {
    const properties = unwrapSecrets(resource[place]) ?? {};
    if (!Object.hasOwn(properties, sourceProperty)) return [];
    return { place, source: (properties as Properties)[sourceProperty] };
  });
  const rejected: string[] = [];
  const unknown: string[] = [];
  if (name !== undefined) {
    const foreign = sourcesIn.filter(({ source }) => !isProviderSource(source, name)).map(({ place }) => place);
    if (foreign.length > 0) rejected.push(`${urn}: other source code in ${foreign.join(" and ")}`);
    if (type !== typeOfUrn(urn)) rejected.push(`${urn}: its type is ${type}`);
    const provider = providerUrnOf(resource) ?? "";
    const expectedType = isOfPlugin(resource) ? pluginProviderType : providerType;
    if (provider !== "" && typeOfUrn(provider) !== expectedType) rejected.push(`${urn}: its provider is ${provider}`);
  } else if (sourcesIn.length > 0) {
    unknown.push(urn);
  }
  if (type.startsWith("pulumi:providers:") && type !== pluginProviderType && downloadUrlsOf(resource).length > 0) {
    if (type === providerType) rejected.push(`${urn}: Pulumi would download its plugin from another server`);
    else unknown.push(formatDownload(resource));
  }
  return { rejected, unknown };
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
): Promise<StateCode> {
  const urls = resourcesOf(state).flatMap(urlsOf);
  if (urls.length === 0 && downloading.length === 0) return { rejected: [], unknown: [] };
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
  const format = ({ urn, key }: ProviderUrl): string =>
    `${urn}: its ${key} is neither the stack's nor that of AUTHENTIK_URL`;
  const isRejected = ({ key, hasToken, isExplicit }: ProviderUrl): boolean =>
    !hasToken && !isExplicit && !isConfigured(key) && Boolean(process.env["AUTHENTIK_TOKEN"]);
  return {
    rejected: others.filter(isRejected).map(format),
    unknown: [...others.filter((url) => !isRejected(url)).map(format), ...downloads.map(formatDownload)],
  };
}

/** A URL in the inputs of a provider. */
interface ProviderUrl {
  readonly urn: string;
  /** The setting that it comes from, unless the provider is explicit. */
  readonly key: string;
  readonly url: unknown;
  readonly hasToken: boolean;
  /** Whether the program declares the provider, and may have computed the URL. */
  readonly isExplicit: boolean;
}

function urlsOf(provider: StateResource): ProviderUrl[] {
  const { urn, type, inputs = {} } = provider;
  if (type === pluginProviderType && Object.hasOwn(inputs, "url")) {
    const hasToken = Object.hasOwn(inputs, "token");
    const isExplicit = isExplicitProvider(provider);
    return [{ urn, key: `${packageName}:url`, url: unwrapSecrets(inputs["url"]), hasToken, isExplicit }];
  }
  if (type !== providerType) return [];
  return Object.keys(inputs).flatMap((key) => {
    const [, namespace] = /^(.+):url$/.exec(key) ?? [];
    const hasToken = Object.hasOwn(inputs, `${namespace}:token`);
    if (!hasToken && namespace !== defaultConnection) return [];
    return { urn, key, url: unwrapSecrets(inputs[key]), hasToken, isExplicit: false };
  });
}

function normalize(url: unknown): unknown {
  const baseUrl = typeof url === "string" ? parseBaseUrl(url) : undefined;
  return baseUrl && "url" in baseUrl ? baseUrl.url : url;
}

/** Prints what was found to standard error. Returns whether the state can be used. */
export function reportCode({ rejected, unknown }: StateCode, stack: string | undefined, isStrict: boolean): boolean {
  const print = (lines: readonly string[]): void => {
    for (const line of lines) process.stderr.write(`${toPrintableLine(line)}\n`);
  };
  const name = stack === undefined ? "The state" : `The state of stack ${stack}`;
  if (unknown.length > 0) {
    print([
      `${name} contains code or URLs that this package did not write and cannot verify. Pulumi uses them with the credentials of the run:`,
      ...limitLines(unknown, "entries").map((line) => `- ${line}`),
      "Check that your program declares these resources and that the configuration was changed on purpose.",
      ...(isStrict ? ["The state is rejected because of --strict."] : []),
    ]);
  }
  if (rejected.length === 0) return unknown.length === 0 || !isStrict;
  print([
    `${name} was changed by someone else than this package. The next \`pulumi up\`, \`refresh\` or \`destroy\` could run their code or send them the token:`,
    ...limitLines(rejected, "entries").map((line) => `- ${line}`),
    "Do not run Pulumi on this stack. Find out who can write its state, and replace those credentials and all that a run has. Then restore an earlier version of the state with `pulumi stack import`.",
  ]);
  return false;
}
