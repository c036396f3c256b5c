import * as pulumi from "@pulumi/pulumi";
import { canonicalUuid } from "../pk";
import type { FoundFlow } from "./get-flow";
import { checkArgs, lookUp, refuse } from "./look-up";

/** How {@link getInvitationStage} finds the stage: by exactly one of `name` and `pk`. */
export interface GetInvitationStageArgs {
  /** Name in authentik; unique over all kinds of stages. */
  name?: string;
  /** UUID. */
  pk?: string;
  /**
   * The configuration namespace that holds address and token of the authentik to ask.
   *
   * @default "authentik"
   */
  connection?: string;
}

/** An invitation stage that {@link getInvitationStage} has found. */
export interface FoundInvitationStage {
  /** UUID. */
  pk: string;
  /** Name in authentik. */
  name: string;
  /** Whether the flow goes on without a good invitation. */
  continueFlowWithoutInvitation: boolean;
  /** The flows that it is bound to, once for each binding. */
  flowSet: FoundFlow[];
}

/**
 * Finds an invitation stage by its name or its pk. It asks at preview, too, and once a process.
 *
 * API: `GET /api/v3/stages/invitation/stages/`.
 *
 * @permissions `authentik_stages_invitation.view_invitationstage`.
 *
 * @throws if there is none that the token's user may see
 * @throws for arguments that are misspelt, empty, or not exactly one of `name` and `pk`
 *
 * @example
 * ```ts
 * import * as authentik from "pulumi-authentik-invitations";
 *
 * const stage = authentik.getInvitationStageOutput({ name: "enrollment-invitation" });
 * export const flows = stage.flowSet.apply((flows) => flows.map(({ slug }) => slug));
 * ```
 */
export async function getInvitationStage(args: GetInvitationStageArgs): Promise<FoundInvitationStage> {
  await checkArgs("getInvitationStage", args, ["name", "pk", "connection"], ["name", "pk"]);
  const { findInvitationStage } = await import("../authentik/invitation-stages.js");
  const pk =
    args.pk === undefined
      ? undefined
      : (canonicalUuid(args.pk) ?? (await refuse("getInvitationStage: pk must be a UUID.")));
  const wanted = pk === undefined ? { name: args.name?.trim() ?? "" } : { pk };
  const what = pk === undefined ? `name "${args.name}"` : `pk ${pk}`;
  const found = await lookUp(
    args.connection,
    `invitation stage ${JSON.stringify(wanted)}`,
    async ({ client }) =>
      (await findInvitationStage(client, wanted)) ??
      (await refuse(
        `getInvitationStage: authentik has no invitation stage with the ${what} that the token's user may see.`,
      )),
  );
  const { name, continueFlowWithoutInvitation, flowSet } = found;
  return { pk: found.pk, name, continueFlowWithoutInvitation, flowSet: [...flowSet] };
}

/** Like {@link getInvitationStage}, of arguments that other resources give. */
export function getInvitationStageOutput(
  args: {
    [Name in keyof GetInvitationStageArgs]: pulumi.Input<GetInvitationStageArgs[Name]>;
  },
): pulumi.Output<FoundInvitationStage> {
  return pulumi.output(args).apply((known) => getInvitationStage(known as GetInvitationStageArgs));
}
