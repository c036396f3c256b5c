import * as z from "zod";
import type { SettingNames } from "../authentik/errors";
import type { TransportOptions } from "../authentik/transport";
import { defaultConnection, parseBaseUrl } from "../common/base-url";
import type { UrlSetting } from "../common/setting-warnings";
import { SettingsError } from "./user-error";

/** The configuration as Pulumi passes it to `configure`. */
export interface Configuration {
  /** The namespace of the default connection. Defaults to `authentik`. */
  readonly namespace?: string;
  get(key: string): string | undefined;
  /** The name of a setting in messages, for those that are not in the configuration of a stack. */
  nameOf?(setting: string): string;
}

/** The settings of one connection. */
export interface Settings extends TransportOptions {
  readonly settingNames: SettingNames;
  /** Whether messages about drift name the user who caused it. */
  readonly attribution: boolean;
  /** The setting with the token, if `AUTHENTIK_TOKEN` is set to another one, which is ignored. */
  readonly overridingToken: string | undefined;
  /** The base URL of links, under which invitees reach authentik. Defaults to `url`. */
  readonly publicUrl: string;
}

/** A value, and the setting or the variable that it comes from. */
interface Setting {
  readonly value: string;
  readonly source: string;
}

const booleanSetting = z.stringbool({ truthy: ["true", "1", "yes"], falsy: ["false", "0", "no", ""] });
const headersSetting = z.record(
  z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/),
  z.string().regex(/^[\t\x20-\x7e\x80-\xff]*$/),
);
/** Headers that the provider sets, and headers that control the connection: undici rejects every request that sets one of those. */
const reservedHeaders = new Set([
  "authorization",
  "user-agent",
  "accept",
  "content-type",
  "content-length",
  "host",
  "connection",
  "keep-alive",
  "transfer-encoding",
  "upgrade",
  "expect",
]);

/** Reads the settings of a connection. Only the default connection falls back to environment variables. */
export function readSettings(configuration: Configuration, connection: string): Settings {
  const isDefault = connection === defaultConnection;
  const nameOf = settingNamesOf(configuration, connection);
  const read = settingReader(configuration, connection);
  const describeMissing = (setting: string, command: string, variable: string): string => {
    const how = configuration.nameOf ? `Set ${nameOf(setting)}` : `Set it with \`pulumi config set ${command}\``;
    return `${how}${isDefault ? ` or ${configuration.nameOf ? "" : "in "}${variable}` : ""}.`;
  };

  const url = read("url", "AUTHENTIK_URL");
  if (!url) {
    const command = `${nameOf("url")} https://authentik.example.com`;
    throw new SettingsError(`authentik's URL is not set. ${describeMissing("url", command, "AUTHENTIK_URL")}`);
  }
  const baseUrl = parseUrl(url, nameOf("headers"));
  const publicUrl = read("publicUrl");

  const token = read("token", "AUTHENTIK_TOKEN");
  if (!token) {
    const command = `--secret ${nameOf("token")} …`;
    throw new SettingsError(
      `authentik's API token is not set. ${describeMissing("token", command, "AUTHENTIK_TOKEN")}`,
    );
  }
  if (!/^[\x21-\x7e]+$/.test(token.value.trim())) {
    throw new SettingsError(`${token.source} is not an API token: it must be printable ASCII without spaces.`);
  }

  // Providers for several servers have different tokens on purpose.
  const variable = isDefault && configuration.nameOf === undefined ? process.env["AUTHENTIK_TOKEN"]?.trim() : undefined;
  const insecure = read("insecure", "AUTHENTIK_INSECURE");

  const headersHint = configuration.nameOf
    ? ""
    : ` Set it with \`pulumi config set --secret --path '${nameOf("headers")}.X-My-Header' …\`.`;
  return {
    url: baseUrl,
    publicUrl: publicUrl === undefined ? baseUrl : parseUrl(publicUrl, nameOf("headers")),
    token: token.value.trim(),
    overridingToken: variable && variable !== token.value.trim() ? token.source : undefined,
    insecure: parseBoolean(insecure?.source ?? "", insecure?.value, false),
    settingNames: {
      url: url.source,
      token: token.source,
      insecure: insecure?.source ?? (url.source === nameOf("url") ? nameOf("insecure") : "AUTHENTIK_INSECURE"),
      headers: nameOf("headers"),
    },
    headers: parseHeaders(nameOf("headers"), read("headers")?.value, headersHint),
    attribution: parseBoolean(nameOf("attribution"), read("attribution")?.value, true),
  };
}

/** The base URL of links. Unlike {@link readSettings}, this works without a token; `undefined` if the setting is missing or not valid. */
export function readPublicUrl(configuration: Configuration, connection: string): UrlSetting | undefined {
  const read = settingReader(configuration, connection);
  const setting = read("publicUrl") ?? read("url", "AUTHENTIK_URL");
  const parsed = parseBaseUrl(setting?.value ?? "");
  return setting !== undefined && "url" in parsed ? { url: parsed.url, source: setting.source } : undefined;
}

/** The names of a connection's settings in messages. */
export function settingNamesOf(configuration: Configuration, connection: string): (setting: string) => string {
  return configuration.nameOf ?? ((setting) => `${namespaceOf(configuration, connection)}:${setting}`);
}

/** The configuration namespace of a connection: its name, except for the default connection of the plugin. */
function namespaceOf(configuration: Configuration, connection: string): string {
  return (connection === defaultConnection ? configuration.namespace : undefined) ?? connection;
}

/** Reads a setting of a connection, or else, for the default connection, the variable. */
function settingReader(configuration: Configuration, connection: string) {
  const namespace = namespaceOf(configuration, connection);
  return (key: string, variable?: string): Setting | undefined => {
    const configured = configuration.get(`${namespace}:${key}`);
    if (configured !== undefined) return { value: configured, source: settingNamesOf(configuration, connection)(key) };
    const value = connection === defaultConnection && variable !== undefined ? process.env[variable] : undefined;
    return variable === undefined || !value ? undefined : { value, source: variable };
  };
}

function parseUrl({ value, source }: Setting, headersSetting: string): string {
  const parsed = parseBaseUrl(value, headersSetting);
  if ("problem" in parsed) throw new SettingsError(`${source} ${parsed.problem}.`);
  return parsed.url;
}

function parseBoolean(source: string, value: string | undefined, defaultValue: boolean): boolean {
  if (value === undefined) return defaultValue;
  const parsed = booleanSetting.safeParse(value.trim());
  if (!parsed.success) throw new SettingsError(`${source} must be true or false.`);
  return parsed.data;
}

function parseHeaders(source: string, value: string | undefined, hint: string): Record<string, string> {
  if (value === undefined || value.trim() === "") return {};
  let json: unknown;
  try {
    json = JSON.parse(value);
  } catch {
    throw new SettingsError(`${source} must be a JSON object of header names and values.${hint}`);
  }
  const parsed = headersSetting.safeParse(json);
  if (!parsed.success)
    throw new SettingsError(`${source} must be a JSON object of valid HTTP header names and string values.${hint}`);
  const reserved = Object.keys(parsed.data).find((header) => reservedHeaders.has(header.toLowerCase()));
  if (reserved) throw new SettingsError(`${source} must not set ${reserved}, which is a reserved header.`);
  return parsed.data;
}
