import * as pulumi from "@pulumi/pulumi";
import { expiresWithinDay, expiryWarning } from "../common/expiry-warning";
import { formatLink } from "../common/pk";
import { pick, withoutUndefined } from "../values/properties";
import { configuredPublicUrl } from "./configuration";
import type { Invitation, InvitationArgs } from "./invitation";
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

/**
 * Warns about an invitation that expires soon, and about ignored changes to a retired one. The warnings are attached to the resource, which
 * only the program can do. Depends on as few outputs as possible, because each one costs time for every invitation.
 */
function warnAboutLifecycle(invitation: Invitation, args: Partial<InvitationArgs>): void {
  pulumi.all([invitation.status, invitation.expires]).apply(async ([status, expires]) => {
    // Unit test mocks, and states that this package did not write, may have neither.
    if (typeof status !== "string" || typeof expires !== "string") return;
    if (status !== "pending") await warnAboutIgnoredChanges(invitation, args);
    else if (!pulumi.runtime.isDryRun() && expiresWithinDay(expires)) warnAboutExpiry(invitation, expires);
  });
}

function warnAboutExpiry(invitation: Invitation, expires: string): void {
  invitation.issuedAt.apply(async (issuedAt) => {
    // What `get` reads has no time of issue.
    if (issuedAt === undefined) return;
    const warning = expiryWarning({ issuedAt, expires }, await pulumi.isSecret(invitation.expires));
    if (warning !== undefined) await pulumi.log.warn(warning, invitation);
  });
}

async function warnAboutIgnoredChanges(invitation: Invitation, args: Partial<InvitationArgs>): Promise<void> {
  // Loaded only when needed, because it delays the program.
  const { comparedNames, describeIgnoredChanges } = await import("../objects/invitation/plan.js");
  // At preview, an output that is missing in the state is unknown, and nothing that depends on it runs. Without a flow, two are missing.
  const isWithoutFlow = pulumi.runtime.isDryRun() && args.flow === undefined;
  const flow = isWithoutFlow ? {} : { flowPk: invitation.flowPk, flowSlug: invitation.flowSlug };
  const email = args.email === undefined ? {} : { email: invitation.email };
  const compared = { ...pick({ ...invitation }, comparedNames), ...flow, ...email };
  pulumi.all([pulumi.output(compared), pulumi.output(args)]).apply(async ([outputs, declared]) => {
    const state = outputs as unknown as Parameters<typeof describeIgnoredChanges>[0];
    const warning = describeIgnoredChanges(state, { name: state.name, ...withoutUndefined({ ...declared }) });
    if (warning !== undefined) await pulumi.log.warn(warning, invitation);
  });
}
