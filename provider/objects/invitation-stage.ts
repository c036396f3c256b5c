import * as z from "zod";
import type { Client } from "../authentik/client";
import { ValidationError } from "../authentik/errors";
import { stripWhitespace } from "../common/whitespace";
import { UserError } from "../lifecycle/user-error";
import { declareObject, permission, responseSchema } from "./declaration";
import { getFlow, wireFlowSummary } from "./flow";
import { declareLookup, notFound, propertyFields, requirePk } from "./lookup";
import { objectOperations } from "./operations";
import { boolean, string } from "./property";
import { requestsOf } from "./requests";

export const invitationStage = declareObject({
  name: "InvitationStage",
  noun: "invitation stage",
  path: "stages/invitation/stages/",
  app: "authentik_stages_invitation",
  model: "invitationstage",
  identity: ["name"],
  properties: {
    name: string({
      defaultsTo: "logical name",
      comment: "Name in authentik. Must not be blank, and must be unique across all kinds of stages.",
    }),
    continueFlowWithoutInvitation: boolean({
      default: false,
      comment: "Whether the flow continues without a valid invitation.",
    }),
  },
  outputs: {},
  documentation: {
    description: `Manages an invitation stage: the step of a flow that accepts invitations. Bind it to a flow with {@link FlowStageBinding}.
Changing any input other than \`connection\` updates the stage in place.`,
    examples: [
      {
        program: `import * as authentik from "pulumi-authentik-invitations";

const stage = new authentik.InvitationStage("invitation", { continueFlowWithoutInvitation: false });

// The first stage of an existing flow.
new authentik.FlowStageBinding("invitation", { target: "enrollment", stage: stage.id, order: 0 });`,
        yaml: `resources:
  invitation:
    type: authentik-invitations:InvitationStage
    properties:
      continueFlowWithoutInvitation: false
  # The first stage of an existing flow.
  binding:
    type: authentik-invitations:FlowStageBinding
    properties:
      target: enrollment
      stage: \${invitation.id}
      order: 0`,
      },
      {
        title: "Import an existing stage. Remove the option after `pulumi up`.",
        program: `new authentik.InvitationStage("invitation", { name: "enrollment-invitation" }, { import: "25c66382-5514-47d1-9752-2632233d3846" });`,
      },
    ],
    lookup: { function: "getInvitationStage", by: "name" },
    read: "{pk}/",
    drift: "A deleted stage is recreated, with another UUID. Binding the stage to other flows is not drift.",
    throws: [
      "if another stage, of any kind, has the name; the message contains the pk of an invitation stage that has it, for the option `import`",
    ],
  },
});

/** The flows that it is bound to are not in the state, because each binding that is created later would change them. */
const response = responseSchema(invitationStage.properties, {
  // Never sent: authentik 2024.8 fails on it.
  flow_set: z.array(wireFlowSummary).optional().catch(undefined),
}).transform(({ flow_set, ...stage }) => ({ ...stage, flowSet: flow_set ?? [] }));

export type StoredInvitationStage = z.output<typeof response>;

export const invitationStages = requestsOf(invitationStage, response);

export const invitationStageOperations = objectOperations(invitationStage, invitationStages, {
  /** For a name that authentik rejected: names the stage that has it. Independent of the wording of authentik's message. */
  async explainError(error, inputs, { client }) {
    if (!(error instanceof ValidationError) || !("name" in error.fields)) return error;
    const taken = await findInvitationStage(client, { name: stripWhitespace(inputs.name) }).catch(() => undefined);
    const hint = taken
      ? `The invitation stage with the pk ${taken.pk} has this name. Choose another name, or import that stage with the resource option { import: "${taken.pk}" }.`
      : "Names are unique across all kinds of stages. No invitation stage has this name, so a stage of another kind may have it. Choose another name.";
    return new UserError(`name: authentik rejected "${inputs.name}": ${error.fields.name?.join(" ")} ${hint}`, {
      cause: error,
    });
  },
});

/** `?name=` or `?stage_uuid=`. Names are case-sensitive. `undefined` if there is none that the token's user is allowed to view. */
export async function findInvitationStage(
  client: Client,
  criteria: { name: string } | { pk: string },
): Promise<StoredInvitationStage | undefined> {
  const isByName = "name" in criteria;
  const stages = await invitationStages.list(client, isByName ? { name: criteria.name } : { stage_uuid: criteria.pk });
  return stages.find((stage) => (isByName ? stage.name === criteria.name : stage.pk === criteria.pk));
}

export const getInvitationStage = declareLookup({
  name: "getInvitationStage",
  args: {
    name: { comment: "Name in authentik. Unique across all kinds of stages." },
    pk: { comment: "UUID of the stage." },
  },
  exactlyOneOf: ["name", "pk"],
  result: {
    name: "GetInvitationStageResult",
    comment: "An invitation stage, as returned by {@link getInvitationStage}.",
    fields: {
      pk: { type: "string", comment: "UUID of the stage." },
      ...propertyFields(invitationStage.properties),
      flowSet: {
        type: `${getFlow.result.name}[]`,
        comment: "The flows that the stage is bound to, one entry per binding.",
      },
    },
  },
  path: invitationStage.path,
  documentation: {
    description: "Looks up an invitation stage by its name or pk.",
    permissions: "`authentik_stages_invitation.view_invitationstage`.",
    throws: ["if there is no such stage that the token's user is allowed to view"],
    example: `const stage = authentik.getInvitationStageOutput({ name: "enrollment-invitation" });
export const flows = stage.flowSet.apply((flows) => flows.map(({ slug }) => slug));`,
  },

  async run({ client }, args) {
    const pk = args.pk === undefined ? undefined : requirePk("getInvitationStage", args.pk);
    const found = await findInvitationStage(client, pk === undefined ? { name: args.name?.trim() ?? "" } : { pk });
    if (found) return found;
    const description = pk === undefined ? `name "${args.name}"` : `pk ${pk}`;
    throw notFound("getInvitationStage", `invitation stage with the ${description}`);
  },
});

/** The slugs of the flows that have an invitation stage, once for each stage. */
export async function listInvitationStageFlows(client: Client): Promise<string[]> {
  const stages = await client.list(
    {
      path: invitationStage.path,
      failure: "Could not list the invitation stages",
      permission: permission(invitationStage, "view"),
    },
    z.object({ flow_set: z.array(z.object({ slug: z.string() })) }),
  );
  return stages.flatMap((stage) => stage.flow_set.map(({ slug }) => slug));
}
