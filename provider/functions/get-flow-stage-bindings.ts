import * as pulumi from "@pulumi/pulumi";
import { canonicalUuid } from "../pk";
import { checkArgs, lookUp } from "./look-up";

/** How {@link getFlowStageBindings} finds the bindings. */
export interface GetFlowStageBindingsArgs {
  /** The flow, by its slug or its UUID. */
  flow: string;
  /**
   * The configuration namespace that holds address and token of the authentik to ask.
   *
   * @default "authentik"
   */
  connection?: string;
}

/** A binding that {@link getFlowStageBindings} has found. */
export interface FoundFlowStageBinding {
  /** UUID of the binding. */
  pk: string;
  /** UUID of the flow. */
  target: string;
  /** UUID of the stage. */
  stage: string;
  /** The stage's place in the flow. */
  order: number;
  /** Whether its policies are asked when the flow is planned. */
  evaluateOnPlan: boolean;
  /** Whether its policies are asked when the stage is reached. */
  reEvaluatePolicies: boolean;
  /** What happens on an answer that is not valid: `retry`, `restart`, `restart_with_context`. */
  invalidResponseAction: string;
  /** Whether one of its policies has to pass, `any`, or `all`. */
  policyEngineMode: string;
}

/**
 * Finds the bindings of a flow, by their order. It asks at preview, too, and once a process.
 *
 * API: `GET /api/v3/flows/bindings/`.
 *
 * @permissions `authentik_flows.view_flowstagebinding`, and `authentik_flows.view_flow` for a slug.
 *
 * @throws if there is no flow with this slug that the token's user may see
 * @throws for arguments that are misspelt or empty
 *
 * @example
 * ```ts
 * import * as authentik from "pulumi-authentik-invitations";
 *
 * const bindings = authentik.getFlowStageBindingsOutput({ flow: "enrollment" });
 * export const stages = bindings.apply((all) => all.map(({ stage, order }) => ({ stage, order })));
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
