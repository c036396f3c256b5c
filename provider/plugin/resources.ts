import type { dynamic } from "@pulumi/pulumi";
import { unmanagedSecrets } from "../common/secret-inputs";
import type { Adoption } from "../lifecycle/adoption";
import { UserError } from "../lifecycle/user-error";
import { type Declaration, namedDefaults } from "../objects/declaration";
import { flow, flowOperations } from "../objects/flow";
import { flowStageBinding, flowStageBindingOperations } from "../objects/flow-stage-binding";
import { invitation } from "../objects/invitation/declaration";
import { findInvitationPk } from "../objects/invitation/lookups";
import { invitationOperations } from "../objects/invitation/operations";
import type { InvitationState } from "../objects/invitation/state";
import { invitationBatch } from "../objects/invitation-batch/declaration";
import { batchOperations } from "../objects/invitation-batch/operations";
import { invitationStage, invitationStageOperations } from "../objects/invitation-stage";
import type { Properties } from "../values/properties";
import { componentType, pluginType } from "./schema";
import { diffWarning } from "./warnings";

/** What the dynamic resources and the plugin share: the operations on one kind of resource. */
type Operations = Required<Omit<dynamic.ResourceProvider, "configure">> & {
  adopt?(olds: Properties, news: Properties): Adoption;
};

/** What distinguishes one kind of resource from the others in the plugin. */
export interface ResourceKind {
  readonly operations: Operations;
  /** The inputs that default to the resource's logical name, or to another input. The dynamic resources set them in the program. */
  defaults(name: string, inputs: Properties): Properties;
  /** For a pk that is secret: finds it by the id that an import or `get` names. */
  findPk?(id: string): Promise<string>;
  /** The hidden inputs of what `get` reads. */
  readonly getHints?: Properties;
  /** What a comparison with the state warns about. */
  describeDiff?(state: Properties, declared: Properties): string | undefined;
  /** Whether invitees open links to it. */
  readonly hasLinks: boolean;
  /** The outputs whose values a preview does not know if these inputs change. */
  derivedOutputs(changed: readonly string[]): readonly string[];
}

/** The kinds by the type token of their resources: `authentik-invitations:index:Flow`. */
const kinds = new Map([
  declareKind(flow, flowOperations),
  declareKind(flowStageBinding, flowStageBindingOperations),
  declareKind(invitation, invitationOperations, {
    findPk: findInvitationPk,
    getHints: unmanagedSecrets,
    describeDiff: (state, declared) => diffWarning(state as unknown as InvitationState, declared),
  }),
  declareKind(invitationBatch, batchOperations),
  declareKind(invitationStage, invitationStageOperations),
]);

function declareKind(
  { name: resource, properties, outputs }: Pick<Declaration, "name" | "properties" | "outputs">,
  operations: Operations,
  exceptions: Partial<ResourceKind> = {},
): [string, ResourceKind] {
  const kind: ResourceKind = {
    ...exceptions,
    operations,
    hasLinks: "link" in outputs || "links" in outputs,
    defaults: (name, inputs) => namedDefaults(properties, name, inputs),
    derivedOutputs: (changed) => [
      ...changed.flatMap((name) => (name === "validFor" ? ["expires"] : [])),
      ...Object.entries(outputs).flatMap(([output, { dependsOn = [] }]) =>
        dependsOn.some((input) => input === "*" || changed.includes(input)) ? [output] : [],
      ),
    ],
  };
  return [pluginType(resource), kind];
}

export function findKind(type: string): ResourceKind {
  const kind = kinds.get(type);
  if (type === componentType) {
    throw new UserError("An InviteOnlyEnrollment is a component, which Pulumi cannot import. Import its resources.");
  }
  if (kind === undefined) throw new UserError(`Unknown resource type ${type}.`);
  return kind;
}
