import { defaultConnection } from "../common/base-url";
import type { Configuration } from "../common/configuration";
import { log } from "../common/log";
import { suggestName } from "../common/nearest";
import { toPrintableLine } from "../common/printable";
import { unknownValue } from "../common/reserved-strings";
import { exposureWarnings } from "../common/setting-warnings";
import { isExplicitProviderName, parseUrn } from "../common/urn";
import { readSettings } from "../lifecycle/settings";
import { UserError } from "../lifecycle/user-error";
import type { Properties } from "../values/properties";
import { packageName, providerInputNames } from "./schema";

/** Inputs of the provider, which are also the settings in its configuration namespace. The schema is generated from them. */
export interface ProviderArgs {
  /** URL of authentik, such as `https://authentik.example.com`. Defaults to the environment variable `AUTHENTIK_URL`. */
  url?: string;
  /** API token. Secret. Defaults to the environment variable `AUTHENTIK_TOKEN`. */
  token?: string;
  /**
   * Base URL of links, under which invitees reach authentik.
   *
   * @default the URL
   */
  publicUrl?: string;
  /** Whether to accept any TLS certificate. Defaults to the environment variable `AUTHENTIK_INSECURE`, or else to `false`. */
  insecure?: boolean;
  /** HTTP headers to send with each request, for example for a proxy that requires authentication. Secret. */
  headers?: Record<string, string>;
  /**
   * Whether messages about drift name the user who caused it, with one request to authentik's event log for each object that drifted.
   *
   * @default true
   */
  attribution?: boolean;
}

/** The engine adds these to the inputs of providers. */
const engineInputs = new Set(["version", "pluginDownloadURL", "pluginChecksums"]);

/** The configuration in the inputs of the provider with this URN. */
export function toConfiguration(inputs: Properties, urn: string): Configuration {
  const { name } = parseUrn(urn);
  return {
    namespace: packageName,
    ...(isExplicitProviderName(name)
      ? { nameOf: (setting: string) => toPrintableLine(`the property ${setting} of provider "${name}"`) }
      : {}),
    get(key) {
      const value = inputs[key.slice(`${packageName}:`.length)];
      if (value === undefined || value === null) return undefined;
      // SDKs pass everything but strings as JSON, and so does the engine with the stack's configuration.
      return typeof value === "string" ? value : JSON.stringify(value);
    },
  };
}

/** Validates the provider's inputs. Returns the errors, which contain no values. */
export function checkSettings(inputs: Properties, urn: string): string[] {
  const names = Object.keys(inputs).filter((name) => !engineInputs.has(name) && !name.startsWith("__"));
  const unknown = names.filter((name) => !providerInputNames.includes(name));
  const errors = unknown.map(
    (name) => `${name}: unknown property. ${suggestName(name, providerInputNames, "The properties are")}`,
  );
  // What is unknown at preview is validated by the update.
  if (Object.values(inputs).includes(unknownValue)) return errors;
  try {
    const { url, insecure, settingNames: sources } = readSettings(toConfiguration(inputs, urn), defaultConnection);
    for (const warning of exposureWarnings({ url, source: sources.url }, insecure ? sources.insecure : undefined)) {
      log.warn(warning);
    }
    return errors;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return [...errors, error.message];
  }
}
