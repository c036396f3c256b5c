import * as pulumi from "@pulumi/pulumi";
import { normalizeUuid } from "../common/pk";
import { getFlowOutput } from "../functions/get-flow";
import { getStageOutput } from "../functions/get-stage";
import { Flow } from "./flow";
import { FlowStageBinding } from "./flow-stage-binding";
import { InvitationStage } from "./invitation-stage";

/** Inputs of an {@link InviteOnlyEnrollment}. */
export interface InviteOnlyEnrollmentArgs {
  /**
   * Slug of the flow that the component creates.
   *
   * @default the component's name
   */
  slug?: string;

  /**
   * Title of the flow's pages.
   *
   * @default the slug
   */
  title?: pulumi.Input<string>;

  /**
   * Slug or UUID of an existing flow to use instead of creating one. `slug` and `title` are ignored then. The stages are bound to it as well;
   * set `stages: []` to bind only the invitation stage.
   *
   * @default a new flow
   */
  flow?: pulumi.Input<string>;

  /**
   * Names of the stages after the invitation stage, of any kind, in order. The default stages are those of authentik's default blueprints:
   * `default-source-enrollment-prompt` (prompts for a username), `default-password-change-prompt` (prompts for a password),
   * `default-source-enrollment-write` (creates the user) and `default-source-enrollment-login`.
   *
   * @default authentik's default enrollment stages
   */
  stages?: readonly string[];

  /**
   * Configuration namespace with the URL and token of the authentik to use, see {@link InvitationArgs.connection}.
   *
   * @default "authentik"
   */
  connection?: string;
}

/** The recordings of real servers show an invitee enrolling through these stages (`enrollment-2024.8.jsonl`, `enrollment-2026.2.jsonl`). */
const defaultStages = [
  "default-source-enrollment-prompt",
  "default-password-change-prompt",
  "default-source-enrollment-write",
  "default-source-enrollment-login",
];

/**
 * Creates an enrollment that requires an invitation: a flow (unless `flow` is set), an invitation stage, and bindings for it and for the stages
 * after it. The invitation stage has order 0, the other stages 10, 20 and so on. The flow requires visitors who are not signed in
 * (`require_unauthenticated`), so an administrator who is signed in cannot open its links.
 *
 * @example
 * ```ts
 * import * as authentik from "pulumi-authentik-invitations";
 *
 * const staff = new authentik.InviteOnlyEnrollment("staff", { slug: "staff-enrollment", title: "Welcome to the staff" });
 *
 * const jane = new authentik.Invitation("jane", { flow: staff.flow, validFor: "14d", singleUse: true });
 *
 * export const link = jane.link; // secret
 * ```
 *
 * @importing A component has no object in authentik, so it cannot be imported. Set `flow` to use an existing flow. To import an existing
 * invitation stage and its bindings, declare {@link InvitationStage} and {@link FlowStageBinding} resources with the option `import`.
 *
 * @drift See its resources: {@link Flow}, {@link InvitationStage} and {@link FlowStageBinding}. The stages in `stages` are looked up, not
 * managed: a change to one of them is not detected.
 *
 * @permissions Those of {@link InvitationStage} and {@link FlowStageBinding}, and `authentik_flows.view_stage`. Those of {@link Flow} if the
 * component creates the flow, `authentik_flows.view_flow` if `flow` is set.
 *
 * @throws at preview, if a stage in `stages` does not exist; the message lists the existing names
 * @throws at preview, if there is no flow with the slug or UUID in `flow`
 * @throws if one of its resources fails, for example because the slug or the invitation stage's name is taken
 */
export class InviteOnlyEnrollment extends pulumi.ComponentResource {
  /** The component's type, by which policies find it. */
  static readonly __pulumiType: string = "authentik:index:InviteOnlyEnrollment";

  /** Slug of the flow. */
  public readonly slug: pulumi.Output<string>;
  /** UUID of the flow. */
  public readonly flow: pulumi.Output<string>;
  /** UUID of the invitation stage. */
  public readonly invitationStage: pulumi.Output<string>;

  /**
   * @param name logical name of the component, and prefix of its resources' names
   * @param args inputs of the component
   * @param opts resource options
   */
  constructor(name: string, args: InviteOnlyEnrollmentArgs = {}, opts?: pulumi.ComponentResourceOptions) {
    super(InviteOnlyEnrollment.__pulumiType, name, {}, opts);
    const { connection, stages = defaultStages } = args;
    const slug = args.slug ?? name;

    if (args.flow === undefined) {
      const flow = new Flow(
        name,
        {
          name: slug,
          slug,
          title: args.title ?? slug,
          designation: "enrollment",
          authentication: "require_unauthenticated",
          connection,
        },
        { parent: this },
      );
      this.slug = flow.slug;
      this.flow = flow.id;
    } else {
      const found = pulumi.output(args.flow).apply((slugOrPk) => {
        const pk = normalizeUuid(slugOrPk);
        return getFlowOutput(pk === undefined ? { slug: slugOrPk, connection } : { pk, connection });
      });
      this.slug = found.slug;
      this.flow = found.pk;
    }

    const invitation = new InvitationStage(`${name}-invitation`, { connection }, { parent: this });
    this.invitationStage = invitation.id;

    const boundStages = [
      { key: "invitation", stage: this.invitationStage as pulumi.Input<string> },
      ...stages.map((stage) => ({ key: stage, stage: getStageOutput({ name: stage, connection }).pk })),
    ];
    for (const [index, { key, stage }] of boundStages.entries()) {
      new FlowStageBinding(
        `${name}-${key}`,
        { target: this.flow, stage, order: index * 10, connection },
        { parent: this },
      );
    }
    this.registerOutputs({ slug: this.slug, flow: this.flow, invitationStage: this.invitationStage });
  }
}
