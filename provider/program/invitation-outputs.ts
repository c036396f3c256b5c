import * as pulumi from "@pulumi/pulumi";
import { formatLink } from "../common/pk";
import { configuredPublicUrl } from "./configuration";
import type { Invitation, InvitationArgs } from "./invitation";
import { warnAboutLifecycle } from "./invitation-warnings";
import { warnAboutEmailedLinks, warnAboutLinkHost } from "./link-warnings";
import { defineUsed } from "./resource";

/** Adds what only the program can: a link for the states of earlier versions, and warnings on the resource. */
export function completeInvitation(invitation: Invitation, args: Partial<InvitationArgs>, isRead: boolean): void {
  const { link } = invitation;
  defineUsed(invitation, "link", () => {
    warnAboutLinkHost(args.connection);
    return orBuilt(link, invitation, args.connection);
  });
  if (args.email !== undefined) warnAboutEmailedLinks(args.connection);
  if (!isRead) warnAboutLifecycle(invitation, args);
}

/** The link in the state, or one that the program builds: the state of an earlier version has none until a refresh or an update writes it. */
function orBuilt(
  link: pulumi.Output<string | undefined>,
  { pk, flowSlug }: Invitation,
  connection: pulumi.Input<string> | undefined,
): pulumi.Output<string | undefined> {
  const built = pulumi
    .all([link, pk, flowSlug, connection])
    .apply(([stored, ...parts]) => stored ?? formatLink(configuredPublicUrl(parts[2])?.url, parts[1], parts[0]));
  return pulumi.secret(built);
}
