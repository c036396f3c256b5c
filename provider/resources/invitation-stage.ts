import type * as pulumi from "@pulumi/pulumi";
import type { FoundFlow } from "../functions/get-flow";
import { AuthentikResource, textOr } from "./resource";

/** What an {@link InvitationStage} is made of. */
export interface InvitationStageArgs {
  /**
   * Name in authentik, any text that is not blank. Unique over all kinds of stages.
   *
   * @default the resource's logical name
   */
  name?: pulumi.Input<string>;

  /**
   * Whether the flow goes on for those who come without an invitation, or with one that is not good.
   *
   * @default false
   */
  continueFlowWithoutInvitation?: pulumi.Input<boolean>;

  /**
   * The configuration namespace that holds address and token of the authentik to use, see {@link InvitationArgs.connection}. A change
   * replaces the stage.
   *
   * @default "authentik"
   */
  connection?: pulumi.Input<string>;
}

/**
 * An invitation stage: the step of a flow that takes invitations. It works in a flow once it is bound to it, by
 * {@link FlowStageBinding}. All inputs are changed in place, but for `connection`.
 *
 * API: `/api/v3/stages/invitation/stages/`.
 *
 * @example
 * ```ts
 * import * as authentik from "pulumi-authentik-invitations";
 *
 * const stage = new authentik.InvitationStage("invitation", { continueFlowWithoutInvitation: false });
 *
 * // As the first stage of a flow that exists.
 * new authentik.FlowStageBinding("invitation", { target: "enrollment", stage: stage.id, order: 0 });
 * ```
 *
 * @example Taking over a stage that exists. Remove the option once `pulumi up` has run.
 * ```ts
 * new authentik.InvitationStage("invitation", { name: "enrollment-invitation" }, { import: "25c66382-5514-47d1-9752-2632233d3846" });
 * ```
 *
 * @importing The resource option `import` takes the pk, which {@link getInvitationStage} tells. Where the code says what authentik has,
 * nothing is written; where it differs, it is refused with the names of the inputs that differ, and nothing is changed. `pulumi import` does
 * not work for dynamic resources.
 *
 * @drift A change of an input by hand is shown by line, told with the name of who did it, and put right in place. A stage that somebody
 * deleted is made anew, with another UUID. A change of the flows that it is bound to is no drift of the stage.
 *
 * @permissions `authentik_stages_invitation.add_invitationstage`, `authentik_stages_invitation.view_invitationstage`,
 * `authentik_stages_invitation.change_invitationstage`, `authentik_stages_invitation.delete_invitationstage`. For the name of who changed
 * it also `authentik_events.view_event`, which is not required.
 *
 * @throws at preview, without a request, for inputs that are wrong or misspelt, all of them at once
 * @throws where another stage, of any kind, has the name; the message names the pk of an invitation stage that has it, for the option `import`
 */
export class InvitationStage extends AuthentikResource {
  /** Name in authentik. */
  declare public readonly name: pulumi.Output<string>;
  /** Whether the flow goes on without a good invitation. */
  declare public readonly continueFlowWithoutInvitation: pulumi.Output<boolean>;
  /** The configuration namespace that it was made with. */
  declare public readonly connection: pulumi.Output<string | undefined>;

  /**
   * UUID of the stage, and also its `id`. Pass on `id`: the engine makes other outputs of a stage that has drifted unknown to those
   * who depend on it.
   */
  declare public readonly pk: pulumi.Output<string>;
  /** The flows that the stage is bound to, once for each binding. */
  declare public readonly flowSet: pulumi.Output<FoundFlow[]>;
  /** The element of authentik's admin interface that edits such stages. */
  declare public readonly component: pulumi.Output<string>;
  /** What authentik calls such a stage. */
  declare public readonly verboseName: pulumi.Output<string>;
  /** What authentik calls such stages. */
  declare public readonly verboseNamePlural: pulumi.Output<string>;
  /** authentik's name of the model, `authentik_stages_invitation.invitationstage`. */
  declare public readonly metaModelName: pulumi.Output<string>;

  /**
   * Reads an invitation stage that exists, without managing it.
   *
   * @param name name of the resource in the program
   * @param pk UUID of the stage
   * @param opts resource options
   * @param connection see {@link InvitationStageArgs.connection}
   *
   * API: `GET /api/v3/stages/invitation/stages/{pk}/`
   */
  static get(
    name: string,
    pk: pulumi.Input<string>,
    opts?: pulumi.CustomResourceOptions,
    connection?: pulumi.Input<string>,
  ): InvitationStage {
    return new InvitationStage(name, { connection }, { ...opts, id: pk });
  }

  /**
   * @param name logical name of the resource
   * @param args what the stage is made of
   * @param opts resource options; `import: "<pk>"` takes over a stage that exists and is as the program says
   */
  constructor(name: string, args: InvitationStageArgs = {}, opts?: pulumi.CustomResourceOptions) {
    const isRead = opts?.id !== undefined;
    super(
      "InvitationStage",
      name,
      isRead ? args : { ...args, name: textOr(name, args.name) },
      {
        name: undefined,
        continueFlowWithoutInvitation: undefined,
        connection: undefined,
        pk: undefined,
        flowSet: undefined,
        component: undefined,
        verboseName: undefined,
        verboseNamePlural: undefined,
        metaModelName: undefined,
      },
      [],
      opts,
    );
  }
}
