import * as pulumi from "@pulumi/pulumi";
import { canonicalUuid } from "../pk";
import { checkArgs, lookUp } from "./look-up";

/** How {@link getFlowStageBindings} finds the bindings. */
export interface GetFlowStageBindingsArgs {
  /** The flow, by its slug or its UUID. */
  flow: string;
  /** The configuration namespace of the authentik to ask, default `authentik`. */
  connection?: string;
}

/** A binding that {@link getFlowStageBindings} has found. */
export interface FoundFlowStageBinding {
  pk: string;
  /** UUID of the flow. */
  target: string;
  /** UUID of the stage. */
  stage: string;
  order: number;
  evaluateOnPlan: boolean;
  reEvaluatePolicies: boolean;
  invalidResponseAction: string;
  policyEngineMode: string;
}

/**
 * Finds the bindings of a flow, by their order. It asks at preview, too, and once a process.
 *
 * API: `GET /api/v3/flows/bindings/`. Permissions: `authentik_flows.view_flowstagebinding`, and `authentik_flows.view_flow` for a slug.
 *
 * @throws if there is no flow with this slug that the token's user may see
 *
 * @example
 * ```ts
 * const bindings = await authentik.getFlowStageBindings({ flow: "enrollment" });
 * export const orders = bindings.map(({ order }) => order);
 * ```
 */
export async function getFlowStageBindings(args: GetFlowStageBindingsArgs): Promise<FoundFlowStageBinding[]> {
  await checkArgs("getFlowStageBindings", args, ["flow", "connection"], ["flow"]);
  const { listFlowStageBindings } = await import("../authentik/flow-stage-bindings.js");
  const flow = args.flow.trim();
  const bindings = await lookUp(args.connection, `bindings ${flow}`, async (connection) =>
    listFlowStageBindings(connection.client, canonicalUuid(flow) ?? (await connection.flowPk(flow))),
  );
  return bindings.map((binding) => ({ ...binding }));
}

/** Like {@link getFlowStageBindings}, of arguments that other resources give. */
export function getFlowStageBindingsOutput(
  args: {
    [Name in keyof GetFlowStageBindingsArgs]: pulumi.Input<GetFlowStageBindingsArgs[Name]>;
  },
): pulumi.Output<FoundFlowStageBinding[]> {
  return pulumi.output(args).apply((known) => getFlowStageBindings(known as GetFlowStageBindingsArgs));
}
