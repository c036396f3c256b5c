import type * as pulumi from "@pulumi/pulumi";
import { AuthentikResource, orDefault, resourceType, validateGet } from "./resource";

/** Inputs of a {@link Flow}. */
export interface FlowArgs {
  /**
   * Name in authentik. Must not be blank.
   *
   * @default the resource's logical name
   */
  name?: pulumi.Input<string>;

  /**
   * Slug, which is part of the flow's URL: letters a-z and A-Z, digits, `_` and `-`; at most 50 characters on authentik 2024.8. Must be unique.
   *
   * @default the resource's logical name
   */
  slug?: pulumi.Input<string>;

  /**
   * Title of the flow's pages.
   *
   * @default the name
   */
  title?: pulumi.Input<string>;

  /** Purpose of the flow: `enrollment` for invitations. */
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
   * Who can run the flow: `none` (no restriction), `require_authenticated`, `require_unauthenticated`, `require_superuser`, `require_outpost`.
   * Newer versions of authentik may support more values.
   *
   * @default "none"
   */
  authentication?: pulumi.Input<string>;

  /**
   * What happens when a policy denies access: `message_continue` follows the URL's `next` parameter, or shows a message without one; `message`
   * shows a message; `continue` follows `next`, or redirects to the default interface without one.
   *
   * @default "message_continue"
   */
  deniedAction?: pulumi.Input<"message_continue" | "message" | "continue">;

  /**
   * Layout of the flow's pages: `stacked`, `content_left`, `content_right`, `sidebar_left`, `sidebar_right`. Newer versions of
   * authentik may support more values.
   *
   * @default "stacked"
   */
  layout?: pulumi.Input<string>;

  /**
   * Whether any or all of the flow's policies must pass.
   *
   * @default "any"
   */
  policyEngineMode?: pulumi.Input<"all" | "any">;

  /**
   * Whether compatibility mode is enabled, which improves support for password managers on mobile devices.
   *
   * @default false
   */
  compatibilityMode?: pulumi.Input<boolean>;

  /**
   * Configuration namespace with the URL and token of the authentik to use, see {@link InvitationArgs.connection}. Changing it replaces the
   * flow.
   *
   * @default "authentik"
   */
  connection?: pulumi.Input<string>;
}

/** What {@link Flow.get} needs to know in addition to the id. */
export interface FlowState {
  /**
   * Configuration namespace with the URL and token of the authentik that has the flow, see {@link InvitationArgs.connection}.
   *
   * @default "authentik"
   */
  connection?: pulumi.Input<string>;
}

/**
 * Manages a flow: the pages for enrollment, login and so on. Bind stages to it with {@link FlowStageBinding}. The flow's background is not
 * managed. Changing any input other than `connection`, the slug included, updates the flow in place. A changed slug breaks links that were already
 * sent, so the preview warns.
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
 * @example Import an existing flow. Remove the option after `pulumi up`.
 * ```ts
 * new authentik.Flow("enrollment", { title: "Welcome", designation: "enrollment" }, { import: "5cb788da-2830-4f77-9a70-b69faeff4386" });
 * ```
 *
 * @importing Set the resource option `import` to the pk, which {@link getFlow} returns. If the flow matches the program, nothing is written.
 * Otherwise the import fails, lists the inputs that differ, and changes nothing. `pulumi import` does not support dynamic resources.
 *
 * @drift A refresh looks the flow up by its pk, so a changed slug is drift, not a deletion. It shows changed inputs line by line, with the user who changed them, and
 * `pulumi up` reverts them in place. A flow that was deleted and recreated with the same slug is a different flow: it counts as deleted, and
 * `pulumi up` reports which flow has the slug.
 *
 * @permissions `authentik_flows.add_flow`, `authentik_flows.view_flow`, `authentik_flows.change_flow`, `authentik_flows.delete_flow`.
 * Optional, to report who changed it: `authentik_events.view_event`,
 * which also shows every email that authentik sends, recovery links included.
 *
 * @throws at preview, without a request, if inputs are invalid or misspelled; all of them are reported at once
 * @throws if another flow has the slug; the message contains its pk, for the option `import`
 * @throws if authentik does not support a value, such as an `authentication` of a newer version
 */
export class Flow extends AuthentikResource {
  /** The resource's type, by which policies find it. */
  static readonly __pulumiType: string = resourceType("Flow");

  /** Name in authentik. */
  declare public readonly name: pulumi.Output<string>;
  /** Slug, which is part of the flow's URL. */
  declare public readonly slug: pulumi.Output<string>;
  /** Title of the flow's pages. */
  declare public readonly title: pulumi.Output<string>;
  /** Purpose of the flow. */
  declare public readonly designation: pulumi.Output<string>;
  /** Who can run the flow. */
  declare public readonly authentication: pulumi.Output<string>;
  /** What happens when a policy denies access. */
  declare public readonly deniedAction: pulumi.Output<string>;
  /** Layout of the flow's pages. */
  declare public readonly layout: pulumi.Output<string>;
  /** Whether any or all of the flow's policies must pass. */
  declare public readonly policyEngineMode: pulumi.Output<string>;
  /** Whether compatibility mode is enabled. */
  declare public readonly compatibilityMode: pulumi.Output<boolean>;
  /** Configuration namespace of the authentik that has the flow. */
  declare public readonly connection: pulumi.Output<string | undefined>;

  /** UUID of the flow, the same as `id`. Pass `id` to other resources: if the flow drifted, its other outputs are unknown at preview. */
  declare public readonly pk: pulumi.Output<string>;

  /**
   * Reads an existing flow without managing it. To look it up by its slug, use {@link getFlow}. To read it from another server, set `connection` in
   * `state`.
   *
   * @param name logical name of the resource
   * @param id UUID of the flow
   * @param state the flow's `connection`
   * @param opts resource options
   *
   * API: `GET /api/v3/flows/instances/?flow_uuid=`
   */
  static get(name: string, id: pulumi.Input<pulumi.ID>, state?: FlowState, opts?: pulumi.CustomResourceOptions): Flow {
    validateGet("Flow", id, state, ["connection"]);
    return new Flow(name, { ...state }, { ...opts, id });
  }

  /** @internal */
  constructor(name: string, state: FlowState, opts: pulumi.CustomResourceOptions);
  /**
   * @param name logical name of the resource
   * @param args inputs of the flow
   * @param opts resource options; `import: "<pk>"` imports an existing flow that matches the inputs
   */
  constructor(name: string, args: FlowArgs, opts?: pulumi.CustomResourceOptions);
  constructor(name: string, args: Partial<FlowArgs> = {}, opts?: pulumi.CustomResourceOptions) {
    const isRead = opts?.id !== undefined;
    const flowName = orDefault(name, args.name);
    const defaults = {
      name: flowName,
      slug: orDefault(name, args.slug),
      title: orDefault(flowName, args.title),
    };
    super(
      "Flow",
      name,
      isRead ? args : { ...args, ...defaults },
      [
        "name",
        "slug",
        "title",
        "designation",
        "authentication",
        "deniedAction",
        "layout",
        "policyEngineMode",
        "compatibilityMode",
        "connection",
        "pk",
      ],
      [],
      opts,
    );
  }
}
