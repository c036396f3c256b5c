import * as pulumi from "@pulumi/pulumi";
import { defaultConnection, parseBaseUrl } from "./base-url";
import type { UrlSetting } from "./setting-warnings";

/** The URL that the program's configuration sets for a connection's requests; `undefined` if it is missing or not valid. */
export function configuredBaseUrl(connection: string = defaultConnection): UrlSetting | undefined {
  const source = `${connection}:url`;
  const configured = pulumi.runtime.getConfig(source);
  if (configured !== undefined) return parse(configured, source);
  const variable = connection === defaultConnection ? process.env.AUTHENTIK_URL : undefined;
  return variable ? parse(variable, "AUTHENTIK_URL") : undefined;
}

/** The URL of a connection's links: `publicUrl`, or else the URL of its requests. */
export function configuredPublicUrl(connection: string = defaultConnection): UrlSetting | undefined {
  const source = `${connection}:publicUrl`;
  const configured = pulumi.runtime.getConfig(source);
  return configured === undefined ? configuredBaseUrl(connection) : parse(configured, source);
}

/** The setting or the variable that makes a connection accept any TLS certificate; `undefined` if none does. */
export function configuredInsecure(connection: string = defaultConnection): string | undefined {
  const source = `${connection}:insecure`;
  const configured = pulumi.runtime.getConfig(source);
  if (configured !== undefined) return isTrue(configured) ? source : undefined;
  const variable = connection === defaultConnection ? process.env.AUTHENTIK_INSECURE : undefined;
  return isTrue(variable) ? "AUTHENTIK_INSECURE" : undefined;
}

function isTrue(value: string | undefined): boolean {
  return /^\s*(?:true|1|yes)\s*$/i.test(value ?? "");
}

function parse(configured: string, source: string): UrlSetting | undefined {
  const baseUrl = parseBaseUrl(configured);
  return "url" in baseUrl ? { url: baseUrl.url, source } : undefined;
}
