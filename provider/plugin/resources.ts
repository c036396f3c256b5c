import type { dynamic } from "@pulumi/pulumi";
import { flowProvider } from "../objects/flow";
import { flowStageBindingProvider } from "../objects/flow-stage-binding";
import { findInvitationPk } from "../objects/invitation/find";
import { invitationProvider } from "../objects/invitation/provider";
import { batchProvider } from "../objects/invitation-batch/provider";
import { invitationStageProvider } from "../objects/invitation-stage";
import type { Properties } from "../values/properties";
import { packageName } from "./schema";

/** What the dynamic resources and the plugin share: the operations on one kind of resource. */
interface Lifecycle {
  check(olds: Properties, news: Properties): Promise<dynamic.CheckResult>;
  diff(id: string, olds: Properties, news: Properties): Promise<dynamic.DiffResult>;
  create(inputs: Properties): Promise<dynamic.CreateResult>;
  read(id: string, properties?: Properties): Promise<dynamic.ReadResult>;
  update(id: string, olds: Properties, news: Properties): Promise<dynamic.UpdateResult>;
  delete(id: string, properties: Properties): Promise<void>;
}

/** What distinguishes one kind of resource from the others in the plugin. */
export interface ResourceKind {
  readonly lifecycle: Lifecycle;
  /** The inputs that default to the resource's logical name, or to another input. The dynamic resources set them in the program. */
  defaults(name: string, inputs: Properties): Properties;
  /** For a pk that is secret: finds it by the id that an import names. */
  findPk?(id: string): Promise<string | undefined>;
  /** The outputs whose values a preview does not know if an input changes. `*` stands for every input. */
  readonly derivedOutputs: Readonly<Record<string, readonly string[]>>;
}

const nameDefault = (name: string, inputs: Properties): Properties => ({ name: inputs["name"] ?? name });

const kinds: Readonly<Record<string, ResourceKind>> = {
  Flow: {
    lifecycle: flowProvider,
    defaults: (name, { name: declared, slug, title }) => ({
      name: declared ?? name,
      slug: slug ?? name,
      title: title ?? declared ?? name,
    }),
    derivedOutputs: {},
  },
  FlowStageBinding: {
    lifecycle: flowStageBindingProvider,
    defaults: () => ({}),
    derivedOutputs: { target: ["targetPk"] },
  },
  Invitation: {
    lifecycle: invitationProvider,
    findPk: findInvitationPk,
    defaults: nameDefault,
    derivedOutputs: {
      flow: ["flowPk", "flowSlug", "link"],
      expires: ["status", "retiredAt"],
      validFor: ["expires", "status", "retiredAt"],
      email: ["emailedTo"],
    },
  },
  InvitationBatch: {
    lifecycle: batchProvider,
    defaults: nameDefault,
    derivedOutputs: { "*": ["pks", "links", "ids", "statuses", "retiredAt", "emailedTo"] },
  },
  InvitationStage: {
    lifecycle: invitationStageProvider,
    defaults: nameDefault,
    derivedOutputs: {},
  },
};

/** The kind of a resource with this type token: `authentik-invitations:index:Flow`. */
export function findKind(type: string): ResourceKind {
  const kind = kinds[type.slice(`${packageName}:index:`.length)];
  if (kind === undefined || !type.startsWith(`${packageName}:index:`))
    throw new Error(`Unknown resource type ${type}.`);
  return kind;
}
