import type * as pulumi from "@pulumi/pulumi";
import { normalizeUuid } from "../common/pk";
import { callMock, lookup, lookupOutput, validateArgs, validateOptions } from "./lookup";

/** Arguments of {@link getFlow}: exactly one of `slug` and `pk`. */
export interface GetFlowArgs {
  /** Slug of the flow. */
  slug?: string;
  /** UUID of the flow. */
  pk?: string;
  /**
   * Configuration namespace with the URL and token of the authentik to use.
   *
   * @default "authentik"
   */
  connection?: string;
}

/** A flow, as returned by {@link getFlow} and in a stage's `flowSet`. */
export interface GetFlowResult {
  /** UUID of the flow. */
  pk: string;
  /** Slug of the flow, which is part of its URL. */
  slug: string;
  /** Name in authentik. */
  name: string;
  /** Title of the flow's pages. */
  title: string;
  /** Purpose of the flow: `enrollment`, `authentication`, … */
  designation?: string;
  /** Who can run the flow: `none`, `require_unauthenticated`, … Not set in a stage's `flowSet`. */
  authentication?: string;
  /** Whether `any` or `all` of its policies must pass. */
  policyEngineMode?: string;
  /** Whether its pages support password managers on mobile devices. */
  compatibilityMode?: boolean;
  /** Layout of the flow's pages. */
  layout?: string;
  /** What happens when a policy denies access. */
  deniedAction?: string;
  /** Path of the flow's export as a blueprint. */
  exportUrl?: string;
}

/**
 * Looks up a flow by its slug or pk. Also runs during previews. Equal lookups in one run share a request.
 *
 * API: `GET /api/v3/flows/instances/`.
 *
 * @permissions `authentik_flows.view_flow`.
 *
 * @throws if there is no such flow that the token's user is allowed to view
 * @throws if an argument is misspelled or empty, or if not exactly one of `slug` and `pk` is set
 *
 * @example
 * ```ts
 * import * as authentik from "pulumi-authentik-invitations";
 *
 * const enrollment = authentik.getFlowOutput({ slug: "enrollment" });
 * new authentik.Invitation("jane", { flow: enrollment.pk, validFor: "14d" });
 * ```
 */
export async function getFlow(args: GetFlowArgs, opts: pulumi.InvokeOptions = {}): Promise<GetFlowResult> {
  await validateOptions("getFlow", opts);
  await validateArgs("getFlow", args, ["slug", "pk", "connection"], ["slug", "pk"]);
  const mocked = await callMock<GetFlowResult>("getFlow", args, opts);
  if (mocked) return mocked as GetFlowResult;
  const { lookUpFlow } = await import("../objects/lookups.js");
  const key = `flow ${args.slug?.trim()} ${normalizeUuid(args.pk ?? "")}`;
  return { ...(await lookup(args.connection, key, (connection) => lookUpFlow(connection, args))) };
}

/**
 * Like {@link getFlow}, but accepts outputs of other resources as arguments, and the option `dependsOn`. The lookup runs once these resources exist:
 * at a preview that creates one of them, the result is unknown.
 */
export function getFlowOutput(
  args: { [Name in keyof GetFlowArgs]: pulumi.Input<GetFlowArgs[Name]> },
  opts: pulumi.InvokeOutputOptions = {},
): pulumi.Output<GetFlowResult> {
  return lookupOutput(args as pulumi.Input<GetFlowArgs>, opts, getFlow);
}
