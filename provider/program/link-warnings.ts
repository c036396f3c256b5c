import * as pulumi from "@pulumi/pulumi";
import { defaultConnection, isPrivate } from "../common/base-url";
import { configuredPublicUrl } from "../common/configured-url";
import { perRun } from "../common/run";

const warned = perRun(() => new Set<string>());

/**
 * Warns at preview, once per connection, if invitees may not be able to open its links: their host may be reachable only from the local network.
 */
export function warnAboutLinkHost(connection: pulumi.Input<string> | undefined): void {
  warnOnce("host", connection, (name, { url, source }) => {
    if (!isPrivate(url)) return undefined;
    return `${source} is ${url}, so links to invitations have the host ${new URL(url).host}, which invitees may not be able to open. Set ${name}:publicUrl to the URL under which invitees reach authentik.`;
  });
}

/** Warns at preview, once per connection, about the links in authentik's emails: as {@link warnAboutLinkHost}, and because they have no path. */
export function warnAboutEmailedLinks(connection: pulumi.Input<string> | undefined): void {
  warnAboutLinkHost(connection);
  warnOnce("path", connection, (_name, { url, source }) => {
    const { pathname } = new URL(url);
    if (pathname === "/") return undefined;
    return `${source} has the path ${pathname}, which authentik leaves out of the links in its emails. Send the output link instead of setting email.`;
  });
}

function warnOnce(
  kind: string,
  connection: pulumi.Input<string> | undefined,
  describe: (name: string, configured: { url: string; source: string }) => string | undefined,
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
