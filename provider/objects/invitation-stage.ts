import * as z from "zod";
import { ValidationError } from "../authentik/errors";
import {
  createInvitationStage,
  deleteInvitationStage,
  findInvitationStage,
  type InvitationStageFields,
  retrieveInvitationStage,
  type StoredInvitationStage,
  updateInvitationStage,
} from "../authentik/invitation-stages";
import { originInput } from "../common/origin";
import { stripWhitespace } from "../common/whitespace";
import { UserError } from "../lifecycle/user-error";
import { withoutUndefined } from "../values/properties";
import { asConfigured, connectionName, isSameString, nonBlankString } from "../values/strings";
import { objectProvider, type ResourceConnection } from "./object-provider";

interface InvitationStageInputs extends InvitationStageFields {
  readonly connection?: string;
  readonly [originInput]?: string;
}

interface InvitationStageState extends InvitationStageInputs {
  readonly pk: string;
}

export const invitationStageProvider = objectProvider<
  InvitationStageInputs,
  StoredInvitationStage,
  InvitationStageState
>({
  noun: "invitation stage",
  model: "invitationstage",
  resource: "InvitationStage",
  viewPermission: "authentik_stages_invitation.view_invitationstage",
  schema: z.strictObject({
    name: nonBlankString.optional(),
    continueFlowWithoutInvitation: z.boolean("must be true or false").optional(),
    connection: connectionName.optional(),
  }),
  defaults: { continueFlowWithoutInvitation: false },
  uniqueInputs: ["name"],
  displayName: ({ name }) => String(name),
  compare: ({ name, continueFlowWithoutInvitation }, state) => [
    ["name", isSameString(name, state.name)],
    ["continueFlowWithoutInvitation", continueFlowWithoutInvitation === state.continueFlowWithoutInvitation],
  ],
  // Without its flows, because each binding that is created later would change them.
  toState: (configured, { pk, name, continueFlowWithoutInvitation }) =>
    withoutUndefined({
      pk,
      name: asConfigured(configured.name, name),
      continueFlowWithoutInvitation,
      connection: configured.connection,
      [originInput]: configured[originInput],
    }) as unknown as InvitationStageState,
  create: (inputs, { client }) => createInvitationStage(client, inputs),
  retrieve: (pk, { client }) => retrieveInvitationStage(client, pk),
  update: (pk, inputs, _state, { client }) => updateInvitationStage(client, pk, inputs),
  delete: (pk, { client }) => deleteInvitationStage(client, pk),
  explainError: explainNameConflict,
});

/** For a name that authentik rejected: names the stage that has it. Independent of the wording of authentik's message. */
async function explainNameConflict(
  error: unknown,
  inputs: InvitationStageInputs,
  { client }: ResourceConnection,
): Promise<unknown> {
  if (!(error instanceof ValidationError) || !("name" in error.fields)) return error;
  const taken = await findInvitationStage(client, { name: stripWhitespace(inputs.name) }).catch(() => undefined);
  const hint = taken
    ? `The invitation stage with the pk ${taken.pk} has this name. Choose another name, or import that stage with the resource option { import: "${taken.pk}" }.`
    : "Names are unique across all kinds of stages. No invitation stage has this name, so a stage of another kind may have it. Choose another name.";
  return new UserError(`name: authentik rejected "${inputs.name}": ${error.fields.name?.join(" ")} ${hint}`, {
    cause: error,
  });
}
