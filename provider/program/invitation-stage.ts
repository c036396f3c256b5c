import type * as pulumi from "@pulumi/pulumi";
import { AuthentikResource, orDefault, resourceType, validateGet } from "./resource";

/** Inputs of an {@link InvitationStage}. */
export interface InvitationStageArgs {
  /**
   * Name in authentik. Must not be blank, and must be unique across all kinds of stages.
   *
   * @default the resource's logical name
   */
  name?: pulumi.Input<string>;

  /**
   * Whether the flow continues without a valid invitation.
   *
   * @default false
   */
  continueFlowWithoutInvitation?: pulumi.Input<boolean>;

  /**
   * Configuration namespace with the URL and token of the authentik to use, see {@link InvitationArgs.connection}. Changing it replaces the
   * stage.
   *
   * @default "authentik"
   */
  connection?: pulumi.Input<string>;
}

/** What {@link InvitationStage.get} needs to know in addition to the id. */
export interface InvitationStageState {
  /**
   * Configuration namespace with the URL and token of the authentik that has the stage, see {@link InvitationArgs.connection}.
   *
   * @default "authentik"
   */
  connection?: pulumi.Input<string>;
}

/**
 * Manages an invitation stage: the step of a flow that accepts invitations. Bind it to a flow with {@link FlowStageBinding}. Changing any input
 * other than `connection` updates the stage in place.
 *
 * API: `/api/v3/stages/invitation/stages/`.
 *
 * @example
 * ```ts
 * import * as authentik from "pulumi-authentik-invitations";
 *
 * const stage = new authentik.InvitationStage("invitation", { continueFlowWithoutInvitation: false });
 *
 * // The first stage of an existing flow.
 * new authentik.FlowStageBinding("invitation", { target: "enrollment", stage: stage.id, order: 0 });
 * ```
 *
 * @example Import an existing stage. Remove the option after `pulumi up`.
 * ```ts
 * new authentik.InvitationStage("invitation", { name: "enrollment-invitation" }, { import: "25c66382-5514-47d1-9752-2632233d3846" });
 * ```
 *
 * @importing Set the resource option `import` to the pk, which {@link getInvitationStage} returns. If the stage matches the program, nothing is
 * written. Otherwise the import fails, lists the inputs that differ, and changes nothing. `pulumi import` does not support dynamic resources.
 *
 * @drift A refresh shows changed inputs line by line, with the user who changed them, and `pulumi up` reverts them in place. A deleted stage is
 * recreated, with another UUID. Binding the stage to other flows is not drift.
 *
 * @permissions `authentik_stages_invitation.add_invitationstage`, `authentik_stages_invitation.view_invitationstage`,
 * `authentik_stages_invitation.change_invitationstage`, `authentik_stages_invitation.delete_invitationstage`. Optional, to report who changed
 * it: `authentik_events.view_event`,
 * which also shows every email that authentik sends, recovery links included.
 *
 * @throws at preview, without a request, if inputs are invalid or misspelled; all of them are reported at once
 * @throws if another stage, of any kind, has the name; the message contains the pk of an invitation stage that has it, for the option `import`
 */
export class InvitationStage extends AuthentikResource {
  /** The resource's type, by which policies find it. */
  static readonly __pulumiType: string = resourceType("InvitationStage");

  /** Name in authentik. */
  declare public readonly name: pulumi.Output<string>;
  /** Whether the flow continues without a valid invitation. */
  declare public readonly continueFlowWithoutInvitation: pulumi.Output<boolean>;
  /** Configuration namespace of the authentik that has the stage. */
  declare public readonly connection: pulumi.Output<string | undefined>;

  /** UUID of the stage, the same as `id`. Pass `id` to other resources: if the stage drifted, its other outputs are unknown at preview. */
  declare public readonly pk: pulumi.Output<string>;

  /**
   * Reads an existing invitation stage without managing it. To look it up by its name, use {@link getInvitationStage}. To read it from another server, set `connection` in
   * `state`.
   *
   * @param name logical name of the resource
   * @param id UUID of the stage
   * @param state the stage's `connection`
   * @param opts resource options
   *
   * API: `GET /api/v3/stages/invitation/stages/{pk}/`
   */
  static get(
    name: string,
    id: pulumi.Input<pulumi.ID>,
    state?: InvitationStageState,
    opts?: pulumi.CustomResourceOptions,
  ): InvitationStage {
    validateGet("InvitationStage", id, state, ["connection"]);
    return new InvitationStage(name, { ...state }, { ...opts, id });
  }

  /**
   * @param name logical name of the resource
   * @param args inputs of the stage
   * @param opts resource options; `import: "<pk>"` imports an existing stage that matches the inputs
   */
  constructor(name: string, args: InvitationStageArgs = {}, opts?: pulumi.CustomResourceOptions) {
    const isRead = opts?.id !== undefined;
    super(
      "InvitationStage",
      name,
      isRead ? args : { ...args, name: orDefault(name, args.name) },
      ["name", "continueFlowWithoutInvitation", "connection", "pk"],
      [],
      opts,
    );
  }
}
