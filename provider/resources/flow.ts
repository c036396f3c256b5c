import type * as pulumi from "@pulumi/pulumi";
import { AuthentikResource, textOr } from "./resource";

/** What a {@link Flow} is made of. */
export interface FlowArgs {
  /**
   * Name in authentik, any text that is not blank.
   *
   * @default the resource's logical name
   */
  name?: pulumi.Input<string>;

  /**
   * What stands in the flow's address: letters a-z and A-Z, digits, `_` and `-`; at most 50 on authentik 2024.8. Unique.
   *
   * @default the resource's logical name
   */
  slug?: pulumi.Input<string>;

  /**
   * Title of the pages that the flow shows.
   *
   * @default the name
   */
  title?: pulumi.Input<string>;

  /** What the flow is for: `enrollment` for invitations. */
  designation: pulumi.Input<
    | "authentication"
    | "authorization"
    | "invalidation"
    | "enrollment"
    | "unenrollment"
    | "recovery"
    | "stage_configuration"
  >;

  /**
   * Who may run it: `none` (anybody), `require_authenticated`, `require_unauthenticated`, `require_superuser`, `require_outpost`, and
   * what newer versions of authentik know.
   *
   * @default "none"
   */
  authentication?: pulumi.Input<string>;

  /**
   * What happens where a policy denies access.
   *
   * @default "message_continue"
   */
  deniedAction?: pulumi.Input<"message_continue" | "message" | "continue">;

  /**
   * Layout of its pages: `stacked`, `content_left`, `content_right`, `sidebar_left`, `sidebar_right`, and what newer versions know.
   *
   * @default "stacked"
   */
  layout?: pulumi.Input<string>;

  /**
   * Whether one policy that is bound to the flow has to pass, or all.
   *
   * @default "any"
   */
  policyEngineMode?: pulumi.Input<"all" | "any">;

  /**
   * Makes pages that password managers on mobile devices understand better.
   *
   * @default false
   */
  compatibilityMode?: pulumi.Input<boolean>;

  /**
   * The configuration namespace that holds address and token of the authentik to use, see {@link InvitationArgs.connection}. A change
   * replaces the flow.
   *
   * @default "authentik"
   */
  connection?: pulumi.Input<string>;
}

/**
 * A flow: the pages that somebody goes through to enrol, to log in and so on. Stages are bound to it by {@link FlowStageBinding}. Its
 * background is left alone. All inputs are changed in place, the slug too, but for `connection`.
 *
 * API: `/api/v3/flows/instances/`.
 *
 * @example
 * ```ts
 * import * as authentik from "pulumi-authentik-invitations";
 *
 * const flow = new authentik.Flow("staff-enrollment", {
 *   title: "Welcome",
 *   designation: "enrollment",
 *   authentication: "require_unauthenticated",
 * });
 *
 * new authentik.Invitation("jane", { flow: flow.id, validFor: "14d" });
 * ```
 *
 * @example Taking over a flow that exists. Remove the option once `pulumi up` has run.
 * ```ts
 * new authentik.Flow("enrollment", { title: "Welcome", designation: "enrollment" }, { import: "5cb788da-2830-4f77-9a70-b69faeff4386" });
 * ```
 *
 * @importing The resource option `import` takes the pk. Where the code says what authentik has, nothing is written; where it differs, it is
 * refused with the names of the inputs that differ, and nothing is changed. {@link getFlow} tells a flow's pk. `pulumi import` does not
 * work for dynamic resources.
 *
 * @drift A refresh finds the flow by its pk, whatever its slug is now. A change of an input by hand is shown by line, told with the name of
 * who did it, and put right in place. A flow that was deleted and made anew under the same slug is another one: the old one is gone, and
 * `pulumi up` says which flow has the slug.
 *
 * @permissions `authentik_flows.add_flow`, `authentik_flows.view_flow`, `authentik_flows.change_flow`, `authentik_flows.delete_flow`.
 * For the name of who changed it also `authentik_events.view_event`, which is not required.
 *
 * @throws at preview, without a request, for inputs that are wrong or misspelt, all of them at once
 * @throws where another flow has the slug; the message names its pk, for the option `import`
 * @throws where authentik refuses a value that it does not know, such as an `authentication` of a newer version
 */
export class Flow extends AuthentikResource {
  /** Name in authentik. */
  declare public readonly name: pulumi.Output<string>;
  /** What stands in the flow's address. */
  declare public readonly slug: pulumi.Output<string>;
  /** Title of its pages. */
  declare public readonly title: pulumi.Output<string>;
  /** What the flow is for. */
  declare public readonly designation: pulumi.Output<string>;
  /** Who may run it. */
  declare public readonly authentication: pulumi.Output<string>;
  /** What happens where a policy denies access. */
  declare public readonly deniedAction: pulumi.Output<string>;
  /** Layout of its pages. */
  declare public readonly layout: pulumi.Output<string>;
  /** Whether one policy that is bound to the flow has to pass, or all. */
  declare public readonly policyEngineMode: pulumi.Output<string>;
  /** Whether its pages are those for password managers on mobile devices. */
  declare public readonly compatibilityMode: pulumi.Output<boolean>;
  /** The configuration namespace that it was made with. */
  declare public readonly connection: pulumi.Output<string | undefined>;

  /** UUID of the flow, and also its `id`. Pass on `id`: other outputs of a flow that has drifted are unknown to those who use them. */
  declare public readonly pk: pulumi.Output<string>;
  /** Path of the flow's export as a blueprint. */
  declare public readonly exportUrl: pulumi.Output<string>;
  /** UUIDs of the stages that are bound to it, sorted. */
  declare public readonly stages: pulumi.Output<string[]>;
  /** UUIDs of the policies that are bound to it. */
  declare public readonly policies: pulumi.Output<string[]>;

  /**
   * Reads a flow that exists, without managing it. By its slug: {@link getFlow}.
   *
   * @param name name of the resource in the program
   * @param pk UUID of the flow
   * @param opts resource options
   * @param connection see {@link FlowArgs.connection}
   *
   * API: `GET /api/v3/flows/instances/?flow_uuid=`
   */
  static get(
    name: string,
    pk: pulumi.Input<string>,
    opts?: pulumi.CustomResourceOptions,
    connection?: pulumi.Input<string>,
  ): Flow {
    return new Flow(name, { connection }, { ...opts, id: pk });
  }

  /**
   * @param name logical name of the resource
   * @param args what the flow is made of
   * @param opts resource options; `import: "<pk>"` takes over a flow that exists and is as the program says
   */
  constructor(name: string, args: FlowArgs, opts?: pulumi.CustomResourceOptions);
  /** @internal */
  constructor(name: string, args: { connection?: pulumi.Input<string> }, opts: pulumi.CustomResourceOptions);
  constructor(name: string, args: Partial<FlowArgs> = {}, opts?: pulumi.CustomResourceOptions) {
    const isRead = opts?.id !== undefined;
    const flowName = textOr(name, args.name);
    super(
      "Flow",
      name,
      isRead ? args : { ...args, name: flowName, slug: textOr(name, args.slug), title: textOr(flowName, args.title) },
      {
        name: undefined,
        slug: undefined,
        title: undefined,
        designation: undefined,
        authentication: undefined,
        deniedAction: undefined,
        layout: undefined,
        policyEngineMode: undefined,
        compatibilityMode: undefined,
        connection: undefined,
        pk: undefined,
        exportUrl: undefined,
        stages: undefined,
        policies: undefined,
      },
      [],
      opts,
    );
  }
}
