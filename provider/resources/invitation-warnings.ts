import * as pulumi from "@pulumi/pulumi";
import type { Invitation, InvitationArgs } from "./invitation";

/** What is to be known of an invitation's life, told as warnings on the resource. The provider process could tell it only untyped. */
export function warnOfLife(invitation: Invitation, args: InvitationArgs): void {
  // At preview an output that is not in the state counts as unknown, and nothing that waits for it runs: without a flow there is none to wait for.
  const flow =
    pulumi.runtime.isDryRun() && args.flow === undefined
      ? {}
      : { flowPk: invitation.flowPk, flowSlug: invitation.flowSlug };
  const { name, fixedData, singleUse, expires, issuedAt, status } = invitation;
  pulumi
    .all([pulumi.output({ name, fixedData, singleUse, expires, issuedAt, status, ...flow }), pulumi.output(args)])
    .apply(async ([state, declared]) => {
      if (state.status === undefined || state.expires === undefined) return;
      if (state.status !== "pending") await warnOfIdleChanges(invitation, state, declared);
      else if (!pulumi.runtime.isDryRun() && Date.parse(state.expires) - Date.now() < 86_400_000) {
        await pulumi.log.warn(`expires within a day, on ${state.expires}`, invitation);
      }
    });
}

async function warnOfIdleChanges(invitation: Invitation, state: object, declared: object): Promise<void> {
  // Loaded only where it is needed, for it is nothing that each program should wait for.
  const { differences } = await import("../lifecycle/invitation-state.js");
  const { given } = await import("../lifecycle/check.js");
  const known = state as Parameters<typeof differences>[0];
  const inputs = { name: known.name, fixedData: {}, singleUse: false, ...given({ ...declared }) };
  const idle = differences(known, inputs).filter((name) => name !== "expires" && name !== "validFor");
  if (idle.length === 0) return;
  await pulumi.log.warn(
    `is ${known.status} and kept as it is: what the program changes in ${idle.join(", ")} does nothing. To issue it anew, change keepers or set onRetired: "reissue".`,
    invitation,
  );
}
