import * as pulumi from "@pulumi/pulumi";
import { expiresWithinDay, expiryWarning } from "../common/expiry-warning";
import { pick, withoutUndefined } from "../values/properties";

/** The outputs of an invitation that its warnings depend on. */
interface WatchedInvitation extends pulumi.Resource {
  readonly expires: pulumi.Output<string>;
  readonly issuedAt: pulumi.Output<string>;
  readonly status: pulumi.Output<string>;
  readonly flowPk: pulumi.Output<string | undefined>;
  readonly flowSlug: pulumi.Output<string | undefined>;
  readonly email: pulumi.Output<unknown>;
}

/** The arguments of an invitation, of which only these are read by name. */
interface WatchedArgs {
  readonly flow?: unknown;
  readonly connection?: unknown;
  readonly email?: unknown;
}

/**
 * Warns about an invitation that expires soon, and about ignored changes to a retired one. The warnings are attached to the resource, which
 * only the program can do. Depends on as few outputs as possible, because each one costs time for every invitation.
 */
export function warnAboutLifecycle(invitation: WatchedInvitation, args: WatchedArgs): void {
  pulumi.all([invitation.status, invitation.expires]).apply(async ([status, expires]) => {
    // Unit test mocks, and states that this package did not write, may have neither.
    if (typeof status !== "string" || typeof expires !== "string") return;
    if (status !== "pending") await warnAboutIgnoredChanges(invitation, args);
    else if (!pulumi.runtime.isDryRun() && expiresWithinDay(expires)) warnAboutExpiry(invitation, expires);
  });
}

function warnAboutExpiry(invitation: WatchedInvitation, expires: string): void {
  invitation.issuedAt.apply(async (issuedAt) => {
    const warning = expiryWarning({ issuedAt, expires }, await pulumi.isSecret(invitation.expires));
    if (warning !== undefined) await pulumi.log.warn(warning, invitation);
  });
}

async function warnAboutIgnoredChanges(invitation: WatchedInvitation, args: WatchedArgs): Promise<void> {
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
