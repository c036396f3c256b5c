import * as pulumi from "@pulumi/pulumi";
import { defaultConnection } from "../common/base-url";
import { type Configuration, readPublicUrl, type UrlSetting } from "../common/configuration";

/** The configuration of the stack that the program runs in. */
export const configuration: Configuration = { get: (key) => pulumi.runtime.getConfig(key) };

/** The URL of a connection's links: `publicUrl`, or else the URL of its requests. */
export function configuredPublicUrl(connection: string = defaultConnection): UrlSetting | undefined {
  return readPublicUrl(configuration, connection);
}
