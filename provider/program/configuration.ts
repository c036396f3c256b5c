import * as pulumi from "@pulumi/pulumi";
import { defaultConnection } from "../common/base-url";
import { type Configuration, readBaseUrl, readPublicUrl, type UrlSetting } from "../common/configuration";

/** The configuration of the stack that the program runs in. */
export const configuration: Configuration = { get: (key) => pulumi.runtime.getConfig(key) };

/** The URL that the program's configuration sets for a connection's requests; `undefined` if it is missing or not valid. */
export function configuredBaseUrl(connection: string = defaultConnection): UrlSetting | undefined {
  return readBaseUrl(configuration, connection);
}

/** The URL of a connection's links: `publicUrl`, or else the URL of its requests. */
export function configuredPublicUrl(connection: string = defaultConnection): UrlSetting | undefined {
  return readPublicUrl(configuration, connection);
}
