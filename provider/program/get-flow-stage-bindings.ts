import type * as pulumi from "@pulumi/pulumi";
import { callMock, lookup, lookupOutput, validateArgs, validateOptions } from "./lookup";

/** Arguments of {@link getFlowStageBindings}. */
export interface GetFlowStageBindingsArgs {
  /** Slug or UUID of the flow. */
  flow: string;
  /**
   * Configuration namespace with the URL and token of the authentik to use.
   *
   * @default "authentik"
   */
  connection?: string;
}

/** A binding, as returned by {@link getFlowStageBindings}. */
export interface GetFlowStageBindingResult {
  /** UUID of the binding. */
  pk: string;
  /** UUID of the flow. */
  target: string;
  /** UUID of the stage. */
  stage: string;
  /** Position of the stage in the flow; the lowest comes first. */
  order: number;
  /** Whether the binding's policies are evaluated when the flow is planned. */
  evaluateOnPlan: boolean;
  /** Whether the binding's policies are evaluated when the stage is reached. */
  reEvaluatePolicies: boolean;
  /** What happens after an invalid response: `retry`, `restart`, `restart_with_context`. */
  invalidResponseAction: string;
  /** Whether `any` or `all` of the binding's policies must pass. */
  policyEngineMode: string;
}

/**
 * Looks up the bindings of a flow, sorted by their order. Also runs during previews. Equal lookups in one run share a request.
 *
 * API: `GET /api/v3/flows/bindings/`.
 *
 * @permissions `authentik_flows.view_flowstagebinding`, and `authentik_flows.view_flow` if `flow` is a slug.
 *
 * @throws if there is no flow with this slug that the token's user is allowed to view
 * @throws if an argument is misspelled or empty
 *
 * @example
 * ```ts
 * import * as authentik from "pulumi-authentik-invitations";
 *
 * const bindings = authentik.getFlowStageBindingsOutput({ flow: "enrollment" });
 * export const stages = bindings.apply((all) => all.map(({ stage, order }) => ({ stage, order })));
 * ```
 */
export async function getFlowStageBindings(
  args: GetFlowStageBindingsArgs,
  opts: pulumi.InvokeOptions = {},
): Promise<GetFlowStageBindingResult[]> {
  await validateOptions("getFlowStageBindings", opts);
  await validateArgs("getFlowStageBindings", args, ["flow", "connection"], ["flow"]);
  const mocked = await callMock<{ bindings: GetFlowStageBindingResult[] }>("getFlowStageBindings", args, opts);
  if (mocked) return mocked.bindings ?? [];
  const { lookUpFlowStageBindings } = await import("../objects/lookups.js");
  const bindings = await lookup(args.connection, `bindings ${args.flow.trim()}`, (connection) =>
    lookUpFlowStageBindings(connection, args),
  );
  return bindings.map((binding) => ({ ...binding }));
}

/**
 * Like {@link getFlowStageBindings}, but accepts outputs of other resources as arguments, and the option `dependsOn`. The lookup runs once these resources exist:
 * at a preview that creates one of them, the result is unknown.
 */
export function getFlowStageBindingsOutput(
  args: {
    [Name in keyof GetFlowStageBindingsArgs]: pulumi.Input<GetFlowStageBindingsArgs[Name]>;
  },
  opts: pulumi.InvokeOutputOptions = {},
): pulumi.Output<GetFlowStageBindingResult[]> {
  return lookupOutput(args as pulumi.Input<GetFlowStageBindingsArgs>, opts, getFlowStageBindings);
}
