import * as pulumi from "@pulumi/pulumi";
import { getFlowOutput } from "../functions/get-flow";
import { getStageOutput } from "../functions/get-stage";
import { canonicalUuid } from "../pk";
import { Flow } from "./flow";
import { FlowStageBinding } from "./flow-stage-binding";
import { InvitationStage } from "./invitation-stage";

/** What an {@link InviteOnlyEnrollment} is made of. */
export interface InviteOnlyEnrollmentArgs {
  /**
   * Slug of the flow that is made.
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
   * A flow that exists, by its slug or UUID, to use instead of making one.
   *
   * @default a new flow
   */
  flow?: pulumi.Input<string>;

  /**
   * Names of the stages that follow the invitation stage, of any kind, in their order. By default those that every authentik has:
   * `default-source-enrollment-prompt` (asks for a user name), `default-password-change-prompt` (asks for a password),
   * `default-source-enrollment-write` (makes the user), `default-source-enrollment-login`.
   *
   * @default these four
   */
  stages?: readonly string[];

  /**
   * The configuration namespace that holds address and token of the authentik to use, see {@link InvitationArgs.connection}.
   *
   * @default "authentik"
   */
  connection?: string;
}

/** Recorded on both real servers: an invitee enrols through exactly these (`enrollment-2024.8.jsonl`, `enrollment-2026.2.jsonl`). */
const defaultStages = [
  "default-source-enrollment-prompt",
  "default-password-change-prompt",
  "default-source-enrollment-write",
  "default-source-enrollment-login",
];

/**
 * An enrolment that only those with an invitation get through: a flow (unless one is given), an invitation stage, and bindings of it and
 * of the stages that follow it. The invitation stage comes first, at order 0, the others at 10, 20 and so on.
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
 * @importing A component is nothing in authentik, and has nothing to import. Its argument `flow` takes a flow that exists. To take over an
 * invitation stage and bindings that exist, write them as {@link InvitationStage} and {@link FlowStageBinding} with the option `import`.
 *
 * @drift That of its resources, each by itself: {@link Flow}, {@link InvitationStage}, {@link FlowStageBinding}. The stages in `stages` are only
 * looked up, not managed: a change inside one of them is not noticed.
 *
 * @permissions Those of {@link InvitationStage} and {@link FlowStageBinding}, and `authentik_flows.view_stage`; those of {@link Flow} where it
 * makes the flow, `authentik_flows.view_flow` where it is given one.
 *
 * @throws at preview, where there is no stage with a name in `stages`; the message lists the names that there are
 * @throws at preview, where there is no flow with the slug or the UUID in `flow`
 * @throws where one of its resources does: a taken slug, a taken name of the invitation stage
 */
export class InviteOnlyEnrollment extends pulumi.ComponentResource {
  /** Slug of the flow. */
  public readonly slug: pulumi.Output<string>;
  /** UUID of the flow. */
  public readonly flow: pulumi.Output<string>;
  /** UUID of the invitation stage. */
  public readonly invitationStage: pulumi.Output<string>;

  /**
   * @param name logical name of the component, and the beginning of its resources' names
   * @param args what the enrolment is made of
   * @param opts resource options
   */
  constructor(name: string, args: InviteOnlyEnrollmentArgs = {}, opts?: pulumi.ComponentResourceOptions) {
    super("authentik:index:InviteOnlyEnrollment", name, {}, opts);
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
      const found = pulumi.output(args.flow).apply((text) => {
        const pk = canonicalUuid(text);
        return getFlowOutput(pk === undefined ? { slug: text, connection } : { pk, connection });
      });
      this.slug = found.slug;
      this.flow = found.pk;
    }

    const invitation = new InvitationStage(`${name}-invitation`, { connection }, { parent: this });
    this.invitationStage = invitation.id;

    const bound = [
      { key: "invitation", stage: this.invitationStage as pulumi.Input<string> },
      ...stages.map((stage) => ({ key: stage, stage: getStageOutput({ name: stage, connection }).pk })),
    ];
    for (const [index, { key, stage }] of bound.entries()) {
      new FlowStageBinding(
        `${name}-${key}`,
        { target: this.flow, stage, order: index * 10, connection },
        { parent: this },
      );
    }
    this.registerOutputs({ slug: this.slug, flow: this.flow, invitationStage: this.invitationStage });
  }
}
