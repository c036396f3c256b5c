import * as pulumi from "@pulumi/pulumi";
import type { Invitation, InvitationArgs } from "./invitation";

/**
 * What is to be known of an invitation's life, told as warnings on the resource. The provider process could tell it only untyped. It listens
 * to no more than it needs: each further output costs every invitation of every program its time.
 */
export function warnOfLife(invitation: Invitation, args: InvitationArgs): void {
  pulumi.all([invitation.status, invitation.expires]).apply(async ([status, expires]) => {
    // The mocks of unit tests, and states that are not ours, may have neither.
    if (typeof status !== "string" || typeof expires !== "string") return;
    if (status !== "pending") warnOfIdleChanges(invitation, args);
    else if (!pulumi.runtime.isDryRun() && Date.parse(expires) - Date.now() < 86_400_000) {
      await pulumi.log.warn(`expires within a day, on ${expires}`, invitation);
    }
  });
}

function warnOfIdleChanges(invitation: Invitation, args: InvitationArgs): void {
  // At preview an output that is not in the state counts as unknown, and nothing that waits for it runs: without a flow there is none to wait for.
  const isWithoutFlow = pulumi.runtime.isDryRun() && args.flow === undefined;
  const flow = isWithoutFlow ? {} : { flowPk: invitation.flowPk, flowSlug: invitation.flowSlug };
  const { name, fixedData, singleUse, expires, issuedAt, status } = invitation;
  pulumi
    .all([pulumi.output({ name, fixedData, singleUse, expires, issuedAt, status, ...flow }), pulumi.output(args)])
    .apply(async ([state, declared]) => {
      // Loaded only where it is needed, for it is nothing that each program should wait for.
      const { differences } = await import("../lifecycle/invitation-state.js");
      const { given } = await import("../lifecycle/check.js");
      const known = state as unknown as Parameters<typeof differences>[0];
      const inputs = { name: known.name, fixedData: {}, singleUse: false, ...given({ ...declared }) };
      const idle = differences(known, inputs).filter((input) => input !== "expires" && input !== "validFor");
      if (idle.length === 0) return;
      await pulumi.log.warn(
        `is ${known.status} and kept as it is: what the program changes in ${idle.join(", ")} does nothing. To issue it anew, change keepers or set onRetired: "reissue".`,
        invitation,
      );
    });
}
