import * as pulumi from "@pulumi/pulumi";
import { defaultConnection, isPrivate } from "../common/base-url";
import { configuredBaseUrl } from "../common/link";

/** Who is emailed an invitation's link. Requires authentik 2026.5 or later. */
export interface InvitationEmail {
  /**
   * Email addresses, at least one. Each gets an email of its own, once per link: when the invitation is issued or reissued, or when the address is
   * added. Removing an address has no effect.
   */
  to: pulumi.Input<pulumi.Input<string>[]>;
  /** Addresses that get a copy of each email to an address in `to`. */
  cc?: pulumi.Input<pulumi.Input<string>[]>;
  /** Addresses that get a blind copy of each email to an address in `to`. */
  bcc?: pulumi.Input<pulumi.Input<string>[]>;
  /**
   * authentik's name of the email template.
   *
   * @default "email/invitation.html"
   */
  template?: pulumi.Input<string>;
}

const warnedConnections = new Set<string>();

/**
 * Warns at preview, once per connection, if invitees cannot open the link in authentik's emails: it has the host of authentik's URL, which may be
 * reachable only from machines nearby, and lacks its path.
 */
export function warnAboutUrl(connection: pulumi.Input<string> | undefined): void {
  if (!pulumi.runtime.isDryRun()) return;
  pulumi.output(connection).apply(async (name = defaultConnection) => {
    const url = configuredBaseUrl(name);
    if (warnedConnections.has(name) || url === undefined) return;
    warnedConnections.add(name);
    const { host, pathname } = new URL(url);
    if (isPrivate(url)) {
      await pulumi.log.warn(
        `${name}:url is ${url}, so authentik's emails contain links to ${host}, which invitees may not be able to open. Set it to the URL under which invitees reach authentik.`,
      );
    }
    if (pathname !== "/") {
      await pulumi.log.warn(
        `${name}:url has the path ${pathname}, which authentik leaves out of the links in its emails. Send the output link instead of setting email.`,
      );
    }
  });
}
