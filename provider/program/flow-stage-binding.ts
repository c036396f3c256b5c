import type * as pulumi from "@pulumi/pulumi";
import { AuthentikResource, idOf, resourceType, validateGet } from "./resource";

/** Inputs of a {@link FlowStageBinding}. */
export interface FlowStageBindingArgs {
  /** The flow: a {@link Flow}, or the slug or UUID of a flow. */
  target: pulumi.Input<string> | pulumi.CustomResource;

  /** The stage: an {@link InvitationStage} or another resource whose `id` is the UUID of a stage, or the UUID itself. */
  stage: pulumi.Input<string> | pulumi.CustomResource;

  /** Position of the stage in the flow, an integer; the lowest comes first. */
  order: pulumi.Input<number>;

  /**
   * Whether the binding's policies are evaluated when the flow is planned.
   *
   * @default false
   */
  evaluateOnPlan?: pulumi.Input<boolean>;

  /**
   * Whether the binding's policies are evaluated when the stage is reached.
   *
   * @default true
   */
  reEvaluatePolicies?: pulumi.Input<boolean>;

  /**
   * What happens after an invalid response: `retry` shows the stage again, `restart` restarts the flow, `restart_with_context` restarts it and
   * keeps its context.
   *
   * @default "retry"
   */
  invalidResponseAction?: pulumi.Input<"retry" | "restart" | "restart_with_context">;

  /**
   * Whether any or all of the binding's policies must pass.
   *
   * @default "any"
   */
  policyEngineMode?: pulumi.Input<"all" | "any">;

  /**
   * Configuration namespace with the URL and token of the authentik to use, see {@link InvitationArgs.connection}. Changing it replaces the
   * binding.
   *
   * @default "authentik"
   */
  connection?: pulumi.Input<string>;
}

/** What {@link FlowStageBinding.get} needs to know in addition to the id. */
export interface FlowStageBindingState {
  /**
   * Configuration namespace with the URL and token of the authentik that has the binding, see {@link InvitationArgs.connection}.
   *
   * @default "authentik"
   */
  connection?: pulumi.Input<string>;
}

/**
 * Binds a stage to a flow. Changing any input other than `connection` updates the binding in place.
 *
 * API: `/api/v3/flows/bindings/`.
 *
 * @example
 * ```ts
 * import * as authentik from "pulumi-authentik-invitations";
 *
 * const stage = new authentik.InvitationStage("invitation");
 * new authentik.FlowStageBinding("invitation", { target: "enrollment", stage, order: 0 });
 * ```
 *
 * @importing Set the resource option `import` to the pk, which {@link getFlowStageBindings} returns. If the binding matches the program, nothing
 * is written. Otherwise the import fails, lists the inputs that differ, and changes nothing. `pulumi import` does not support dynamic resources.
 *
 * @drift A refresh shows changed inputs line by line, with the user who changed them, and `pulumi up` reverts them in place. When a flow or a
 * stage is deleted, authentik deletes its bindings as well, and `pulumi up` recreates them.
 *
 * @permissions `authentik_flows.add_flowstagebinding`, `authentik_flows.view_flowstagebinding`, `authentik_flows.change_flowstagebinding`,
 * `authentik_flows.delete_flowstagebinding`, and `authentik_flows.view_flow` if `target` is a slug. Optional, to report who changed it:
 * `authentik_events.view_event`,
 * which also shows every email that authentik sends, recovery links included.
 *
 * @throws at preview, without a request, if inputs are invalid or misspelled; all of them are reported at once
 * @throws if there is no flow with the slug in `target`, or no flow or stage with the UUID
 * @throws if the flow already has this stage at this order; the message contains that binding's pk, for the option `import`
 */
export class FlowStageBinding extends AuthentikResource {
  /** The resource's type, by which policies find it. */
  static readonly __pulumiType: string = resourceType("FlowStageBinding");

  /** Slug or UUID of the flow, as configured; of a {@link Flow}, its UUID. */
  declare public readonly target: pulumi.Output<string>;
  /** UUID of the stage. */
  declare public readonly stage: pulumi.Output<string>;
  /** Position of the stage in the flow. */
  declare public readonly order: pulumi.Output<number>;
  /** Whether the binding's policies are evaluated when the flow is planned. */
  declare public readonly evaluateOnPlan: pulumi.Output<boolean>;
  /** Whether the binding's policies are evaluated when the stage is reached. */
  declare public readonly reEvaluatePolicies: pulumi.Output<boolean>;
  /** What happens after an invalid response. */
  declare public readonly invalidResponseAction: pulumi.Output<string>;
  /** Whether any or all of the binding's policies must pass. */
  declare public readonly policyEngineMode: pulumi.Output<string>;
  /** Configuration namespace of the authentik that has the binding. */
  declare public readonly connection: pulumi.Output<string | undefined>;

  /** UUID of the binding, the same as `id`. */
  declare public readonly pk: pulumi.Output<string>;
  /** UUID of the flow. */
  declare public readonly targetPk: pulumi.Output<string>;

  /**
   * Reads an existing binding without managing it. To read it from another server, set `connection` in
   * `state`.
   *
   * @param name logical name of the resource
   * @param id UUID of the binding
   * @param state the binding's `connection`
   * @param opts resource options
   *
   * API: `GET /api/v3/flows/bindings/{pk}/`
   */
  static get(
    name: string,
    id: pulumi.Input<pulumi.ID>,
    state?: FlowStageBindingState,
    opts?: pulumi.CustomResourceOptions,
  ): FlowStageBinding {
    validateGet("FlowStageBinding", id, state, ["connection"]);
    return new FlowStageBinding(name, { ...state }, { ...opts, id });
  }

  /** @internal */
  constructor(name: string, state: FlowStageBindingState, opts: pulumi.CustomResourceOptions);
  /**
   * @param name logical name of the resource
   * @param args inputs of the binding
   * @param opts resource options; `import: "<pk>"` imports an existing binding that matches the inputs
   */
  constructor(name: string, args: FlowStageBindingArgs, opts?: pulumi.CustomResourceOptions);
  constructor(name: string, args: Partial<FlowStageBindingArgs> = {}, opts?: pulumi.CustomResourceOptions) {
    const { target, stage, ...others } = args;
    super(
      "FlowStageBinding",
      name,
      {
        ...(target === undefined ? {} : { target: idOf(target) }),
        ...(stage === undefined ? {} : { stage: idOf(stage) }),
        ...others,
      },
      [
        "target",
        "stage",
        "order",
        "evaluateOnPlan",
        "reEvaluatePolicies",
        "invalidResponseAction",
        "policyEngineMode",
        "connection",
        "pk",
        "targetPk",
      ],
      [],
      opts,
    );
  }
}
