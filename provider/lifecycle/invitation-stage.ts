import type { dynamic } from "@pulumi/pulumi";
import { z } from "zod";
import { defaultConnection } from "../address";
import { NotFoundError, ValidationError } from "../authentik/errors";
import {
  createInvitationStage,
  deleteInvitationStage,
  findInvitationStage,
  type InvitationStageFields,
  replaceInvitationStage,
  retrieveInvitationStage,
  type StoredInvitationStage,
} from "../authentik/invitation-stages";
import { canonicalUuid } from "../pk";
import { checkImport, givenImport, importInput, isAdopted, mismatch, noteAdoption } from "./adoption";
import { tellChange, tellDeletion } from "./attribution";
import { faults, given, isToBeCreated, type Properties, toDiff, toFailures, unknownValue } from "./check";
import { type Connection, configure, connect } from "./connections";
import { createOnce } from "./lost-answer";
import { connectionName, storableText } from "./properties";
import { forUser, forUserWithStoredSettings, UserError } from "./user-error";

interface InvitationStageInputs extends InvitationStageFields {
  readonly connection?: string;
}

type InvitationStageState = InvitationStageInputs & StoredInvitationStage;

const schema = z.strictObject({
  name: storableText.refine((name) => name.trim() !== "", "must not be empty").optional(),
  continueFlowWithoutInvitation: z.boolean("must be true or false").optional(),
  connection: connectionName.optional(),
});

/** The stages that this process has met in states or made: none of them is what a lost answer has made. */
const knownPks = new Set<string>();

/** The life of an invitation stage, as the engine asks for it. */
export const invitationStageProvider = {
  configure,

  async check(olds: Properties, news: Properties): Promise<dynamic.CheckResult> {
    const { [importInput]: importOption, ...inputs } = given(news);
    const adoption = checkImport(importOption, isToBeCreated(olds));
    return {
      inputs: given({ continueFlowWithoutInvitation: false, ...inputs, [importInput]: adoption.pk }),
      failures: toFailures([...adoption.faults, ...faults(schema, inputs)]),
    };
  },

  async diff(_id: string, olds: Properties, news: Properties): Promise<dynamic.DiffResult> {
    const changed = differences(asState(olds), news);
    // A stage's name is unique, so that on the same server its replacement (`replaceOnChanges`) can only come after it.
    const deleteBeforeReplace = !changed.includes("connection") && !changed.includes("name");
    return {
      ...toDiff({ inputs: changed, replaces: changed.filter((name) => name === "connection") }),
      deleteBeforeReplace,
    };
  },

  create(properties: Properties): Promise<dynamic.CreateResult> {
    return forUser(async () => {
      const inputs = asInputs(properties);
      const pk = givenImport(properties);
      const stored = pk === undefined ? await make(inputs) : await adopt(inputs, pk);
      knownPks.add(stored.pk);
      return { id: stored.pk, outs: stateOf(inputs, stored) };
    });
  },

  read(id: string, properties: Properties = {}): Promise<dynamic.ReadResult> {
    return forUserWithStoredSettings(async () => {
      const written = properties as Partial<InvitationStageState>;
      const pk = canonicalUuid(id);
      if (pk === undefined)
        throw new UserError("An invitation stage is read by its pk, which is a UUID: InvitationStage.get(name, pk).");
      knownPks.add(pk);
      const state = await refresh(connect(written.connection), pk, written);
      if (state === undefined) return {};
      const { name, continueFlowWithoutInvitation, connection } = state;
      return { id: pk, props: state, inputs: given({ name, continueFlowWithoutInvitation, connection }) };
    });
  },

  update(id: string, olds: Properties, news: Properties): Promise<dynamic.UpdateResult> {
    return forUser(async () => {
      const inputs = asInputs(news);
      const connection = connect(asState(olds).connection);
      try {
        return { outs: stateOf(inputs, await replaceInvitationStage(connection.client, id, inputs)) };
      } catch (error) {
        if (!(error instanceof NotFoundError)) throw await explainTakenName(error, inputs, connection);
        throw new UserError(
          `Invitation stage "${inputs.name}" is gone from authentik, so that it cannot be changed: run \`pulumi up --refresh\`.`,
          { cause: error },
        );
      }
    });
  },

  delete(id: string, properties: Properties): Promise<void> {
    return forUserWithStoredSettings(async () => {
      const state = asState(properties);
      if (isAdopted(id)) {
        console.warn(
          `invitation stage "${state.name}": not deleted, for another resource of this run has just adopted it.`,
        );
        return;
      }
      await deleteInvitationStage(connect(state.connection).client, id);
    });
  },
};

function asInputs(properties: Properties): InvitationStageInputs {
  return properties as unknown as InvitationStageInputs;
}

function asState(properties: Properties): InvitationStageState {
  const state = properties as unknown as InvitationStageState;
  knownPks.add(state.pk);
  return state;
}

/** The state after authentik answered, in the user's words where those still say the same. */
function stateOf(written: Partial<InvitationStageInputs>, stored: StoredInvitationStage): InvitationStageState {
  const flowSet = stored.flowSet.map((flow) => given({ ...flow }));
  const name = written.name?.trim() === stored.name ? written.name : stored.name;
  return given({ ...stored, flowSet, name, connection: written.connection }) as unknown as InvitationStageState;
}

/** The names of the inputs that declare something else than the state holds. What is not known yet counts as different. */
function differences(state: InvitationStageInputs, declared: Properties): string[] {
  const { name, continueFlowWithoutInvitation, connection = defaultConnection } = declared;
  const compared: [string, boolean][] = [
    ["name", typeof name === "string" && name !== unknownValue && name.trim() === state.name.trim()],
    ["continueFlowWithoutInvitation", continueFlowWithoutInvitation === state.continueFlowWithoutInvitation],
    ["connection", connection === (state.connection ?? defaultConnection)],
  ];
  return compared.filter(([, isSame]) => !isSame).map(([input]) => input);
}

/** The state as authentik has it now, undefined where the stage is gone. What drifted is told. */
async function refresh(
  connection: Connection,
  pk: string,
  written: Partial<InvitationStageState>,
): Promise<InvitationStageState | undefined> {
  // Of `InvitationStage.get` there is no more than the pk and the connection: nothing to drift from.
  const isManaged = written.pk !== undefined;
  const what = `Invitation stage "${written.name}"`;
  try {
    const state = stateOf(written, await retrieveInvitationStage(connection.client, pk));
    const drifted = isManaged ? differences(state, given({ ...written })) : [];
    if (drifted.length > 0) await tellChange(connection, what, pk, drifted);
    return state;
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    // To the engine a resource that `get` does not find would be one without outputs.
    if (!isManaged) {
      throw new UserError(
        `InvitationStage.get: authentik has no invitation stage with the pk ${pk} that the token's user may see (permission authentik_stages_invitation.view_invitationstage).`,
        { cause: error },
      );
    }
    await tellDeletion(connection, what, pk);
    return undefined;
  }
}

async function make(inputs: InvitationStageInputs): Promise<StoredInvitationStage> {
  const connection = connect(inputs.connection);
  const isEqual = (stored: StoredInvitationStage): boolean =>
    !knownPks.has(stored.pk) && stored.continueFlowWithoutInvitation === inputs.continueFlowWithoutInvitation;
  try {
    return await createOnce(
      `invitation stage "${inputs.name}"`,
      () => createInvitationStage(connection.client, inputs),
      async () =>
        [await findInvitationStage(connection.client, { name: inputs.name.trim() })].flatMap((stage) =>
          stage && isEqual(stage) ? [stage] : [],
        ),
    );
  } catch (error) {
    throw await explainTakenName(error, inputs, connection);
  }
}

async function adopt(inputs: InvitationStageInputs, pk: string): Promise<StoredInvitationStage> {
  const what = `Invitation stage "${inputs.name}"`;
  let stored: StoredInvitationStage;
  try {
    stored = await retrieveInvitationStage(connect(inputs.connection).client, pk);
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    throw new UserError(
      `${what} cannot be imported: authentik has no invitation stage with the pk ${pk}. Correct the pk, or remove the option import.`,
      { cause: error },
    );
  }
  const differing = differences(stored, { ...inputs, connection: undefined });
  if (differing.length > 0) throw new UserError(mismatch(what, differing));
  noteAdoption(pk);
  return stored;
}

/** Where the server refuses the name, and a stage has it: which one that is, and what can be done. Texts are not looked at. */
async function explainTakenName(
  error: unknown,
  inputs: InvitationStageInputs,
  connection: Connection,
): Promise<unknown> {
  if (!(error instanceof ValidationError) || !("name" in error.fields)) return error;
  const taken = await findInvitationStage(connection.client, { name: inputs.name.trim() }).catch(() => undefined);
  const next = taken
    ? `The invitation stage with the pk ${taken.pk} has this name: choose another name, or take that stage over with the resource option { import: "${taken.pk}" }.`
    : "Names are unique over all kinds of stages, and no invitation stage has this one: choose another name, or look for the stage of another kind that has it.";
  return new UserError(`name: authentik refuses "${inputs.name}": ${error.fields.name?.join(" ")} ${next}`, {
    cause: error,
  });
}
