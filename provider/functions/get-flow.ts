import * as pulumi from "@pulumi/pulumi";
import { canonicalUuid } from "../pk";
import { checkArgs, lookUp, refuse } from "./look-up";

/** How {@link getFlow} finds the flow: by exactly one of `slug` and `pk`. */
export interface GetFlowArgs {
  /** What stands in its address. */
  slug?: string;
  /** UUID. */
  pk?: string;
  /**
   * The configuration namespace that holds address and token of the authentik to ask.
   *
   * @default "authentik"
   */
  connection?: string;
}

/** A flow that {@link getFlow} has found, or that a stage is bound to. */
export interface FoundFlow {
  /** UUID. */
  pk: string;
  /** What stands in its address. */
  slug: string;
  /** Name in authentik. */
  name: string;
  /** Title of its pages. */
  title: string;
  /** `enrollment`, `authentication`, … */
  designation: string;
  /** Who may run it: `none`, `require_unauthenticated`, … Not shown in a stage's `flowSet`. */
  authentication?: string;
  /** Whether one policy has to pass, `any`, or `all`. */
  policyEngineMode?: string;
  /** Whether its pages are those for password managers on mobile devices. */
  compatibilityMode?: boolean;
  /** Layout of its pages. */
  layout?: string;
  /** What happens where a policy denies access. */
  deniedAction?: string;
  /** Path of its export as a blueprint. */
  exportUrl?: string;
}

/**
 * Finds a flow by its slug or its pk. It asks at preview, too, and once a process.
 *
 * API: `GET /api/v3/flows/instances/`.
 *
 * @permissions `authentik_flows.view_flow`.
 *
 * @throws if there is none that the token's user may see
 * @throws for arguments that are misspelt, empty, or not exactly one of `slug` and `pk`
 *
 * @example
 * ```ts
 * import * as authentik from "pulumi-authentik-invitations";
 *
 * const enrollment = authentik.getFlowOutput({ slug: "enrollment" });
 * new authentik.Invitation("jane", { flow: enrollment.pk, validFor: "14d" });
 * ```
 */
export async function getFlow(args: GetFlowArgs): Promise<FoundFlow> {
  await checkArgs("getFlow", args, ["slug", "pk", "connection"], ["slug", "pk"]);
  const { findFlow } = await import("../authentik/flows.js");
  const pk =
    args.pk === undefined ? undefined : (canonicalUuid(args.pk) ?? (await refuse("getFlow: pk must be a UUID.")));
  const wanted = pk === undefined ? { slug: args.slug?.trim() ?? "" } : { pk };
  const what = pk === undefined ? `slug "${args.slug}"` : `pk ${pk}`;
  const flow = await lookUp(
    args.connection,
    `flow ${JSON.stringify(wanted)}`,
    async ({ client }) =>
      (await findFlow(client, wanted)) ??
      (await refuse(`getFlow: authentik has no flow with the ${what} that the token's user may see.`)),
  );
  return { ...flow };
}

/** Like {@link getFlow}, of arguments that other resources give. */
export function getFlowOutput(
  args: { [Name in keyof GetFlowArgs]: pulumi.Input<GetFlowArgs[Name]> },
): pulumi.Output<FoundFlow> {
  return pulumi.output(args).apply((known) => getFlow(known as GetFlowArgs));
}
