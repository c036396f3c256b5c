import * as pulumi from "@pulumi/pulumi";
import { defaultConnection } from "../common/base-url";
import type { UrlSetting } from "../common/configuration";
import { perRun } from "../common/run";
import { emailedLinkWarning, linkHostWarning } from "../common/setting-warnings";
import { configuredPublicUrl } from "./configuration";

const warned = perRun(() => new Set<string>());

/**
 * Warns at preview, once per connection, if invitees may not be able to open its links: their host may be reachable only from the local network.
 */
export function warnAboutLinkHost(connection: pulumi.Input<string> | undefined): void {
  warnOnce("host", connection, (name, configured) => linkHostWarning(configured, `${name}:publicUrl`));
}

/** Warns at preview, once per connection, about the links in authentik's emails: as {@link warnAboutLinkHost}, and because they have no path. */
export function warnAboutEmailedLinks(connection: pulumi.Input<string> | undefined): void {
  warnAboutLinkHost(connection);
  warnOnce("path", connection, (_name, configured) => emailedLinkWarning(configured));
}

function warnOnce(
  kind: string,
  connection: pulumi.Input<string> | undefined,
  describe: (name: string, configured: UrlSetting) => string | undefined,
): void {
  if (!pulumi.runtime.isDryRun()) return;
  pulumi.output(connection).apply(async (name = defaultConnection) => {
    const configured = configuredPublicUrl(name);
    if (configured === undefined || warned().has(`${kind} ${name}`)) return;
    warned().add(`${kind} ${name}`);
    const warning = describe(name, configured);
    if (warning !== undefined) await pulumi.log.warn(warning);
  });
}
