import * as z from "zod";
import type { SettingNames } from "../authentik/errors";
import type { TransportOptions } from "../authentik/transport";
import { defaultConnection, parseBaseUrl } from "../common/base-url";
import { type Configuration, readSetting, type Setting, settingNamesOf } from "../common/configuration";
import { SettingsError } from "./user-error";

export interface Settings extends TransportOptions {
  readonly settingNames: SettingNames;
  /** Whether messages about drift name the user who caused it. */
  readonly attribution: boolean;
  /** The setting with the token, if `AUTHENTIK_TOKEN` is set to another one, which is ignored. */
  readonly overridingToken: string | undefined;
  /** The base URL of links, under which invitees reach authentik. Defaults to `url`. */
  readonly publicUrl: string;
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
  const read = (setting: string, variable?: string) => readSetting(configuration, connection, setting, variable);
  const requireSetting = (noun: string, setting: string, variable: string, command: string): Setting => {
    const found = read(setting, variable);
    if (found !== undefined) return found;
    const how = configuration.nameOf ? `Set ${nameOf(setting)}` : `Set it with \`pulumi config set ${command}\``;
    const or = isDefault ? ` or ${configuration.nameOf ? "" : "in "}${variable}` : "";
    throw new SettingsError(`authentik's ${noun} is not set. ${how}${or}.`);
  };

  const url = requireSetting("URL", "url", "AUTHENTIK_URL", `${nameOf("url")} https://authentik.example.com`);
  const baseUrl = parseUrl(url, nameOf("headers"));
  const publicUrl = read("publicUrl");
  const token = requireSetting("API token", "token", "AUTHENTIK_TOKEN", `--secret ${nameOf("token")} …`);
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
