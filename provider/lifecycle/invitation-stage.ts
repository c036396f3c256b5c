import { z } from "zod";
import { ValidationError } from "../authentik/errors";
import {
  createInvitationStage,
  deleteInvitationStage,
  findInvitationStage,
  type InvitationStageFields,
  replaceInvitationStage,
  retrieveInvitationStage,
  type StoredInvitationStage,
} from "../authentik/invitation-stages";
import { given } from "./check";
import type { Connection } from "./connections";
import { objectProvider } from "./object-provider";
import { asWritten, connectionName, filledText, isSameText } from "./properties";
import { UserError } from "./user-error";

interface InvitationStageInputs extends InvitationStageFields {
  readonly connection?: string;
}

type InvitationStageState = InvitationStageInputs & StoredInvitationStage;

export const invitationStageProvider = objectProvider<
  InvitationStageInputs,
  StoredInvitationStage,
  InvitationStageState
>({
  noun: "invitation stage",
  resource: "InvitationStage",
  viewPermission: "authentik_stages_invitation.view_invitationstage",
  schema: z.strictObject({
    name: filledText.optional(),
    continueFlowWithoutInvitation: z.boolean("must be true or false").optional(),
    connection: connectionName.optional(),
  }),
  defaults: { continueFlowWithoutInvitation: false },
  unique: ["name"],
  title: ({ name }) => String(name),
  compare: ({ name, continueFlowWithoutInvitation }, state) => [
    ["name", isSameText(name, state.name)],
    ["continueFlowWithoutInvitation", continueFlowWithoutInvitation === state.continueFlowWithoutInvitation],
  ],
  stateOf: (written, stored) =>
    given({
      ...stored,
      flowSet: stored.flowSet.map((flow) => given({ ...flow })),
      name: asWritten(written.name, stored.name),
      connection: written.connection,
    }) as unknown as InvitationStageState,
  create: (inputs, { client }) => createInvitationStage(client, inputs),
  findEqual: async (inputs, { client }) => {
    const stage = await findInvitationStage(client, { name: inputs.name.trim() });
    const isEqual = stage?.continueFlowWithoutInvitation === inputs.continueFlowWithoutInvitation;
    return stage && isEqual ? [stage] : [];
  },
  retrieve: (pk, { client }) => retrieveInvitationStage(client, pk),
  replace: (pk, inputs, _state, { client }) => replaceInvitationStage(client, pk, inputs),
  delete: (pk, { client }) => deleteInvitationStage(client, pk),
  explain: explainTakenName,
});

/** Where the server refuses the name, and a stage has it: which one that is, and what can be done. Texts are not looked at. */
async function explainTakenName(
  error: unknown,
  inputs: InvitationStageInputs,
  { client }: Connection,
): Promise<unknown> {
  if (!(error instanceof ValidationError) || !("name" in error.fields)) return error;
  const taken = await findInvitationStage(client, { name: inputs.name.trim() }).catch(() => undefined);
  const next = taken
    ? `The invitation stage with the pk ${taken.pk} has this name: choose another name, or take that stage over with the resource option { import: "${taken.pk}" }.`
    : "Names are unique over all kinds of stages, and no invitation stage has this one: choose another name, or look for the stage of another kind that has it.";
  return new UserError(`name: authentik refuses "${inputs.name}": ${error.fields.name?.join(" ")} ${next}`, {
    cause: error,
  });
}
