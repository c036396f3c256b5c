import type * as pulumi from "@pulumi/pulumi";
import { AuthentikResource } from "./resource";

/** What a {@link FlowStageBinding} is made of. */
export interface FlowStageBindingArgs {
  /** The flow, by its slug or its UUID: a flow's `id`. */
  target: pulumi.Input<string>;

  /** The stage, by its UUID: a stage's `id`. */
  stage: pulumi.Input<string>;

  /** The stage's place among those of the flow, lowest first. */
  order: pulumi.Input<number>;

  /**
   * Whether the policies that are bound to the binding are asked when the flow is planned.
   *
   * @default false
   */
  evaluateOnPlan?: pulumi.Input<boolean>;

  /**
   * Whether they are asked when the stage is reached.
   *
   * @default true
   */
  reEvaluatePolicies?: pulumi.Input<boolean>;

  /**
   * What happens on an answer that is not valid: the stage is shown again, or the flow begins anew, with or without what is known by then.
   *
   * @default "retry"
   */
  invalidResponseAction?: pulumi.Input<"retry" | "restart" | "restart_with_context">;

  /**
   * Whether one policy that is bound to the binding has to pass, or all.
   *
   * @default "any"
   */
  policyEngineMode?: pulumi.Input<"all" | "any">;

  /**
   * The configuration namespace that holds address and token of the authentik to use, see {@link InvitationArgs.connection}. A change
   * replaces the binding.
   *
   * @default "authentik"
   */
  connection?: pulumi.Input<string>;
}

/**
 * A stage's place in a flow.
 *
 * API: `/api/v3/flows/bindings/`. Permissions: add, view, change and delete on `authentik_flows.flowstagebinding`, and
 * `authentik_flows.view_flow` where `target` is a slug.
 *
 * @example
 * ```ts
 * import * as authentik from "pulumi-authentik-invitations";
 *
 * const stage = new authentik.InvitationStage("invitation");
 * new authentik.FlowStageBinding("invitation", { target: "enrollment", stage: stage.id, order: 0 });
 * ```
 */
export class FlowStageBinding extends AuthentikResource {
  declare public readonly target: pulumi.Output<string>;
  declare public readonly stage: pulumi.Output<string>;
  declare public readonly order: pulumi.Output<number>;
  declare public readonly evaluateOnPlan: pulumi.Output<boolean>;
  declare public readonly reEvaluatePolicies: pulumi.Output<boolean>;
  declare public readonly invalidResponseAction: pulumi.Output<string>;
  declare public readonly policyEngineMode: pulumi.Output<string>;
  declare public readonly connection: pulumi.Output<string | undefined>;

  /** UUID of the binding, and also its `id`. */
  declare public readonly pk: pulumi.Output<string>;
  /** UUID of the flow. */
  declare public readonly targetPk: pulumi.Output<string>;

  /**
   * Reads a binding that exists, without managing it.
   *
   * @param name name of the resource in the program
   * @param pk UUID of the binding
   * @param opts resource options
   * @param connection see {@link FlowStageBindingArgs.connection}
   *
   * API: `GET /api/v3/flows/bindings/{pk}/`
   */
  static get(
    name: string,
    pk: pulumi.Input<string>,
    opts?: pulumi.CustomResourceOptions,
    connection?: pulumi.Input<string>,
  ): FlowStageBinding {
    return new FlowStageBinding(name, { connection }, { ...opts, id: pk });
  }

  /**
   * @param name logical name of the resource
   * @param args what the binding is made of
   * @param opts resource options; `import: "<pk>"` takes over a binding that exists and is as the program says
   */
  constructor(name: string, args: FlowStageBindingArgs, opts?: pulumi.CustomResourceOptions);
  /** @internal */
  constructor(name: string, args: { connection?: pulumi.Input<string> }, opts: pulumi.CustomResourceOptions);
  constructor(name: string, args: Partial<FlowStageBindingArgs> = {}, opts?: pulumi.CustomResourceOptions) {
    super(
      "FlowStageBinding",
      name,
      args,
      {
        target: undefined,
        stage: undefined,
        order: undefined,
        evaluateOnPlan: undefined,
        reEvaluatePolicies: undefined,
        invalidResponseAction: undefined,
        policyEngineMode: undefined,
        connection: undefined,
        pk: undefined,
        targetPk: undefined,
      },
      [],
      opts,
    );
  }
}
