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
 * A stage's place in a flow. All inputs are changed in place, but for `connection`.
 *
 * API: `/api/v3/flows/bindings/`.
 *
 * @example
 * ```ts
 * import * as authentik from "pulumi-authentik-invitations";
 *
 * const stage = new authentik.InvitationStage("invitation");
 * new authentik.FlowStageBinding("invitation", { target: "enrollment", stage: stage.id, order: 0 });
 * ```
 *
 * @importing The resource option `import` takes the pk, which {@link getFlowStageBindings} tells. Where the code says what authentik has,
 * nothing is written; where it differs, it is refused with the names of the inputs that differ, and nothing is changed. `pulumi import` does
 * not work for dynamic resources.
 *
 * @drift A change of an input by hand is shown by line, told with the name of who did it, and put right in place. authentik deletes
 * the bindings of a flow, and those of a stage, together with it: such a binding is gone, and made anew.
 *
 * @permissions `authentik_flows.add_flowstagebinding`, `authentik_flows.view_flowstagebinding`, `authentik_flows.change_flowstagebinding`,
 * `authentik_flows.delete_flowstagebinding`, and `authentik_flows.view_flow` where `target` is a slug. For the name of who changed it also
 * `authentik_events.view_event`, which is not required.
 *
 * @throws at preview, without a request, for inputs that are wrong or misspelt, all of them at once
 * @throws where there is no flow with the slug in `target`, or no flow or stage with the UUID
 * @throws where the flow has this stage at this order already; the message names that binding's pk, for the option `import`
 */
export class FlowStageBinding extends AuthentikResource {
  /** The flow, as the program wrote it: slug or UUID. */
  declare public readonly target: pulumi.Output<string>;
  /** UUID of the stage. */
  declare public readonly stage: pulumi.Output<string>;
  /** The stage's place in the flow. */
  declare public readonly order: pulumi.Output<number>;
  /** Whether its policies are asked when the flow is planned. */
  declare public readonly evaluateOnPlan: pulumi.Output<boolean>;
  /** Whether its policies are asked when the stage is reached. */
  declare public readonly reEvaluatePolicies: pulumi.Output<boolean>;
  /** What happens on an answer that is not valid. */
  declare public readonly invalidResponseAction: pulumi.Output<string>;
  /** Whether one of its policies has to pass, or all. */
  declare public readonly policyEngineMode: pulumi.Output<string>;
  /** The configuration namespace that it was made with. */
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
