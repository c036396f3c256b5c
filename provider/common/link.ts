import * as pulumi from "@pulumi/pulumi";
import { defaultConnection, parseBaseUrl } from "./base-url";

/** The URL that the program's configuration sets for a connection; `undefined` if it is missing or not valid. */
export function configuredBaseUrl(connection: string = defaultConnection): string | undefined {
  const configured =
    pulumi.runtime.getConfig(`${connection}:url`) ??
    (connection === defaultConnection ? process.env.AUTHENTIK_URL : undefined);
  const baseUrl = configured === undefined ? undefined : parseBaseUrl(configured);
  return baseUrl && "url" in baseUrl ? baseUrl.url : undefined;
}

/** The link that the invitee opens; `undefined` without a flow or a valid base URL. */
export function formatLink(baseUrl: string | undefined, flowSlug: string | undefined, pk: string): string | undefined {
  return flowSlug === undefined || baseUrl === undefined ? undefined : `${baseUrl}/if/flow/${flowSlug}/?itoken=${pk}`;
}
