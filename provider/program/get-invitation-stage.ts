import type * as pulumi from "@pulumi/pulumi";
import { normalizeUuid } from "../common/pk";
import type { GetFlowResult } from "./get-flow";
import { callMock, lookup, lookupOutput, validateArgs, validateOptions } from "./lookup";

/** Arguments of {@link getInvitationStage}: exactly one of `name` and `pk`. */
export interface GetInvitationStageArgs {
  /** Name in authentik. Unique across all kinds of stages. */
  name?: string;
  /** UUID of the stage. */
  pk?: string;
  /**
   * Configuration namespace with the URL and token of the authentik to use.
   *
   * @default "authentik"
   */
  connection?: string;
}

/** An invitation stage, as returned by {@link getInvitationStage}. */
export interface GetInvitationStageResult {
  /** UUID of the stage. */
  pk: string;
  /** Name in authentik. */
  name: string;
  /** Whether the flow continues without a valid invitation. */
  continueFlowWithoutInvitation: boolean;
  /** The flows that the stage is bound to, one entry per binding. */
  flowSet: GetFlowResult[];
}

/**
 * Looks up an invitation stage by its name or pk. Also runs during previews. Equal lookups in one run share a request.
 *
 * API: `GET /api/v3/stages/invitation/stages/`.
 *
 * @permissions `authentik_stages_invitation.view_invitationstage`.
 *
 * @throws if there is no such stage that the token's user is allowed to view
 * @throws if an argument is misspelled or empty, or if not exactly one of `name` and `pk` is set
 *
 * @example
 * ```ts
 * import * as authentik from "pulumi-authentik-invitations";
 *
 * const stage = authentik.getInvitationStageOutput({ name: "enrollment-invitation" });
 * export const flows = stage.flowSet.apply((flows) => flows.map(({ slug }) => slug));
 * ```
 */
export async function getInvitationStage(
  args: GetInvitationStageArgs,
  opts: pulumi.InvokeOptions = {},
): Promise<GetInvitationStageResult> {
  await validateOptions("getInvitationStage", opts);
  await validateArgs("getInvitationStage", args, ["name", "pk", "connection"], ["name", "pk"]);
  const mocked = await callMock<GetInvitationStageResult>("getInvitationStage", args, opts);
  if (mocked) return mocked as GetInvitationStageResult;
  const { lookUpInvitationStage } = await import("../objects/lookups.js");
  const key = `invitation stage ${args.name?.trim()} ${normalizeUuid(args.pk ?? "")}`;
  const found = await lookup(args.connection, key, (connection) => lookUpInvitationStage(connection, args));
  const { name, continueFlowWithoutInvitation, flowSet } = found;
  return { pk: found.pk, name, continueFlowWithoutInvitation, flowSet: [...flowSet] };
}

/**
 * Like {@link getInvitationStage}, but accepts outputs of other resources as arguments, and the option `dependsOn`. The lookup runs once these resources exist:
 * at a preview that creates one of them, the result is unknown.
 */
export function getInvitationStageOutput(
  args: {
    [Name in keyof GetInvitationStageArgs]: pulumi.Input<GetInvitationStageArgs[Name]>;
  },
  opts: pulumi.InvokeOutputOptions = {},
): pulumi.Output<GetInvitationStageResult> {
  return lookupOutput(args as pulumi.Input<GetInvitationStageArgs>, opts, getInvitationStage);
}
