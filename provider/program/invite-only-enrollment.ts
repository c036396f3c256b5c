import * as pulumi from "@pulumi/pulumi";
import {
  bindingNames,
  defaultStages,
  enrollmentFlow,
  enrollmentInputError,
  invitationStageName,
  orderOf,
} from "../common/enrollment";
import { normalizeUuid } from "../common/pk";
import { Flow } from "./flow";
import { FlowStageBinding } from "./flow-stage-binding";
import { isPending } from "./inputs";
import { InvitationStage } from "./invitation-stage";
import { callMock, lookup, whenCreated } from "./lookup";
import { getFlowOutput } from "./lookups";
import { idOf } from "./resource";

/** Inputs of an {@link InviteOnlyEnrollment}. */
export interface InviteOnlyEnrollmentArgs {
  /**
   * Slug of the flow that the component creates. Cannot be combined with `flow`.
   *
   * @default the component's name
   */
  slug?: pulumi.Input<string>;

  /**
   * Title of the flow's pages. Cannot be combined with `flow`.
   *
   * @default the slug
   */
  title?: pulumi.Input<string>;

  /**
   * An existing flow to use instead of creating one: a {@link Flow}, or the slug or UUID of a flow. The stages are bound to it as well; set
   * `stages: []` to bind only the invitation stage.
   *
   * @default a new flow
   */
  flow?: pulumi.Input<string> | pulumi.CustomResource;

  /**
   * The stages after the invitation stage, of any kind, in order: their names, their UUIDs, or resources such as an {@link InvitationStage}. The
   * default stages are those of authentik's default blueprints: `default-source-enrollment-prompt` (prompts for a username),
   * `default-password-change-prompt` (prompts for a password), `default-source-enrollment-write` (creates the user) and
   * `default-source-enrollment-login`. If the list as a whole is an output, a preview shows its bindings only if it is known.
   *
   * @default authentik's default enrollment stages
   */
  stages?: pulumi.Input<readonly (pulumi.Input<string> | pulumi.CustomResource)[]>;

  /**
   * Configuration namespace with the URL and token of the authentik to use, see {@link InvitationArgs.connection}.
   *
   * @default "authentik"
   */
  connection?: pulumi.Input<string>;
}

const argumentNames: readonly string[] = [
  "slug",
  "title",
  "flow",
  "stages",
  "connection",
] satisfies (keyof InviteOnlyEnrollmentArgs)[];

type StageInput = pulumi.Input<string> | pulumi.CustomResource;

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
 * @throws at preview, if stages in `stages` do not exist; one message lists all of them, and the existing names
 * @throws at preview, if there is no flow with the slug or UUID in `flow`
 * @throws at preview, if an input is misspelled, or if `slug` or `title` is set together with `flow`
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

  /** The flow that the component creates, as a resource. `undefined` if `flow` is set. */
  public readonly flowResource: Flow | undefined;
  /** The invitation stage, as a resource. */
  public readonly invitationStageResource: InvitationStage;
  /** The bindings, as resources: the invitation stage's first, the others in the order of `stages`. */
  public readonly bindingResources: pulumi.Output<FlowStageBinding[]>;

  /**
   * @param name logical name of the component, and prefix of its resources' names
   * @param args inputs of the component
   * @param opts resource options
   */
  constructor(name: string, args: InviteOnlyEnrollmentArgs = {}, opts?: pulumi.ComponentResourceOptions) {
    const component = `InviteOnlyEnrollment "${name}"`;
    const error = enrollmentInputError(component, args, argumentNames);
    if (error !== undefined) throw new pulumi.RunError(error);
    super(InviteOnlyEnrollment.__pulumiType, name, {}, opts);
    const { connection } = args;
    const childOptions = { parent: this };

    if (args.flow === undefined) {
      const slug = args.slug ?? name;
      const flow = new Flow(
        name,
        { ...enrollmentFlow<pulumi.Input<string>>(slug, args.title), connection },
        childOptions,
      );
      this.flowResource = flow;
      this.slug = flow.slug;
      this.flow = flow.id;
    } else if (args.flow instanceof Flow) {
      this.slug = args.flow.slug;
      this.flow = args.flow.id;
    } else {
      const found = whenCreated(idOf(args.flow)).apply((slugOrPk) => {
        const pk = normalizeUuid(slugOrPk);
        return getFlowOutput(pk === undefined ? { slug: slugOrPk, connection } : { pk, connection });
      });
      this.slug = found.slug;
      this.flow = found.pk;
    }

    this.invitationStageResource = new InvitationStage(invitationStageName(name), { connection }, childOptions);
    this.invitationStage = this.invitationStageResource.id;

    const bind = (binding: string, stage: pulumi.Input<string>, order: number): FlowStageBinding =>
      new FlowStageBinding(binding, { target: this.flow, stage, order, connection }, childOptions);
    const invitationBinding = bind(invitationStageName(name), this.invitationStage, 0);
    const bindStages = (stages: readonly StageInput[]): FlowStageBinding[] => {
      const pks = findStages(component, stages, connection);
      const names = bindingNames(
        name,
        stages.map((stage) => (typeof stage === "string" ? stage : undefined)),
      );
      return [
        invitationBinding,
        ...names.map((binding, index) => bind(binding, pks[index] as pulumi.Input<string>, orderOf(index))),
      ];
    };
    const { stages = defaultStages } = args;
    // Resources that are created in `apply` are missing in a preview in which the list is unknown.
    this.bindingResources = isPending(stages)
      ? pulumi.output(stages).apply((resolved) => bindStages((resolved as readonly StageInput[]) ?? defaultStages))
      : pulumi.output(bindStages(stages as readonly StageInput[]));
    this.registerOutputs({ slug: this.slug, flow: this.flow, invitationStage: this.invitationStage });
  }
}

/** The UUID of each stage. All names that the program contains are looked up together, so that one error lists all that are missing. */
function findStages(
  component: string,
  stages: readonly StageInput[],
  connection: pulumi.Input<string> | undefined,
): pulumi.Input<string>[] {
  const find = (names: readonly string[]): pulumi.Output<Record<string, string>> =>
    pulumi.output(connection).apply((resolved) => findByNames(component, names, resolved));
  const isName = (value: string): boolean => normalizeUuid(value) === undefined;
  const names = stages.filter((stage) => typeof stage === "string").filter(isName);
  const pksByName = names.length === 0 ? pulumi.output<Record<string, string>>({}) : find(names);
  return stages.map((stage) => {
    if (typeof stage === "string") return isName(stage) ? pksByName.apply((pks) => pks[stage] ?? "") : stage;
    return whenCreated(idOf(stage)).apply((value) =>
      isName(value) ? find([value]).apply((pks) => pks[value] ?? "") : pulumi.output(value),
    );
  });
}

async function findByNames(
  component: string,
  names: readonly string[],
  connection: string | undefined,
): Promise<Record<string, string>> {
  const mocked = await Promise.all(
    names.map(async (name) => {
      const stage = await callMock<{ pk: string }>("getStage", { name: name.trim(), connection });
      return stage && ([name, stage.pk ?? ""] as const);
    }),
  );
  const found = mocked.filter((stage) => stage !== undefined);
  if (found.length === names.length) return Object.fromEntries(found);
  const { lookUpEnrollmentStages } = await import("../objects/lookups.js");
  return await lookup(connection, `stages ${JSON.stringify([component, names])}`, (connected) =>
    lookUpEnrollmentStages(connected, component, names),
  );
}
