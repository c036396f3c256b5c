import { defaultConnection, parseBaseUrl } from "./base-url";

/** The configuration of a stack or of an explicit provider. */
export interface Configuration {
  /** The namespace of the default connection. Defaults to `authentik`. */
  readonly namespace?: string;
  get(key: string): string | undefined;
  /** The name of a setting in messages, for those that are not in the configuration of a stack. */
  nameOf?(setting: string): string;
}

/** A value, and the setting or the variable that it comes from. */
export interface Setting {
  readonly value: string;
  readonly source: string;
}

/** A valid URL, and the setting or the variable that it comes from. */
export interface UrlSetting {
  readonly url: string;
  readonly source: string;
}

export function settingNamesOf(configuration: Configuration, connection: string): (setting: string) => string {
  return configuration.nameOf ?? ((setting) => `${namespaceOf(configuration, connection)}:${setting}`);
}

/** The configuration namespace of a connection: its name, except for the default connection of the plugin. */
function namespaceOf(configuration: Configuration, connection: string): string {
  return (connection === defaultConnection ? configuration.namespace : undefined) ?? connection;
}

/** A setting of a connection, or else, for the default connection, the variable. */
export function readSetting(
  configuration: Configuration,
  connection: string,
  name: string,
  variable?: string,
): Setting | undefined {
  const value = configuration.get(`${namespaceOf(configuration, connection)}:${name}`);
  if (value !== undefined) return { value, source: settingNamesOf(configuration, connection)(name) };
  const fallback = connection === defaultConnection && variable !== undefined ? process.env[variable] : undefined;
  return variable === undefined || !fallback ? undefined : { value: fallback, source: variable };
}

/** The URL of a connection's requests; `undefined` if it is missing or not valid. */
export function readBaseUrl(configuration: Configuration, connection: string): UrlSetting | undefined {
  return toUrl(readSetting(configuration, connection, "url", "AUTHENTIK_URL"));
}

/** Identifies the server of a connection: two connections can lead to one server. A clone of a server has the same pks, but is another server. */
export function serverOf(configuration: Configuration, connection: string): string {
  return readBaseUrl(configuration, connection)?.url ?? connection;
}

/** The URL of a connection's links: `publicUrl`, or else the URL of its requests. */
export function readPublicUrl(configuration: Configuration, connection: string): UrlSetting | undefined {
  const setting = readSetting(configuration, connection, "publicUrl");
  return setting === undefined ? readBaseUrl(configuration, connection) : toUrl(setting);
}

function toUrl(setting: Setting | undefined): UrlSetting | undefined {
  const parsed = parseBaseUrl(setting?.value ?? "");
  return setting !== undefined && "url" in parsed ? { url: parsed.url, source: setting.source } : undefined;
}
