import type { dynamic } from "@pulumi/pulumi";
import { NotFoundError, ValidationError } from "../authentik/errors";
import {
  createInvitation,
  deleteInvitation,
  type InvitationFields,
  listInvitations,
  replaceInvitation,
  retrieveInvitation,
  type StoredInvitation,
} from "../authentik/invitations";
import { canonicalUuid, invitationId } from "../pk";
import { checkImport, givenImport, importInput, isAdopted, mismatch, noteAdoption } from "./adoption";
import { tellChange } from "./attribution";
import { given, isToBeCreated, type Properties, toDiff, toFailures } from "./check";
import { type Connection, configure, connect } from "./connections";
import { after, formatInstant, isSameInstant, parseDuration } from "./instant";
import { type InvitationInputs, invitationFaults } from "./invitation-inputs";
import {
  change,
  differences,
  differingPaths,
  endedByHand,
  fieldsOf,
  type InvitationState,
  inputsOf,
  isFlow,
  isRetired,
  stateOf,
} from "./invitation-state";
import { isSameJson } from "./json";
import { createOnce } from "./lost-answer";
import { retire } from "./retirement";
import { forUser, forUserWithStoredSettings, UserError } from "./user-error";

/** The invitations that this process has met in states: none of them is what a lost answer has made. */
const knownPks = new Set<string>();

/** The POSTs of this process that are under way. */
const underWay = new Set<{ readonly name: string; readonly sending: Promise<StoredInvitation> }>();

/** The life of an invitation, as the engine asks for it. */
export const invitationProvider = {
  configure,

  async check(olds: Properties, news: Properties): Promise<dynamic.CheckResult> {
    const { [importInput]: importOption, ...inputs } = given(news);
    const toBeCreated = isToBeCreated(olds);
    const adoption = checkImport(importOption, toBeCreated);
    const toBeIssued = toBeCreated && adoption.pk === undefined;
    return {
      inputs: given({ fixedData: {}, singleUse: false, ...inputs, [importInput]: adoption.pk }),
      failures: toFailures([...adoption.faults, ...invitationFaults(inputs, toBeIssued)]),
    };
  },

  async diff(_id: string, olds: Properties, news: Properties): Promise<dynamic.DiffResult> {
    return toDiff(change(asState(olds), news));
  },

  create(properties: Properties): Promise<dynamic.CreateResult> {
    return forUser(async () => {
      const inputs = properties as unknown as InvitationInputs;
      const pk = givenImport(properties);
      const state = pk === undefined ? await issue(inputs) : await adopt(inputs, pk);
      return { id: invitationId(state.pk), outs: state };
    });
  },

  read(_id: string, properties: Properties = {}): Promise<dynamic.ReadResult> {
    return forUserWithStoredSettings(async () => {
      // Of `Invitation.get` there is no more than the pk and the connection.
      const written = properties as Partial<InvitationState>;
      const pk = canonicalUuid(written.pk ?? "");
      if (pk === undefined) {
        throw new UserError(
          "An invitation is read by its pk (a UUID): use Invitation.get(name, pk), or the resource option import, not the option id.",
        );
      }
      knownPks.add(pk);
      const state = written.status === undefined ? undefined : asState(properties);
      // A retired invitation that authentik has deleted will not come back: nothing is asked.
      const refreshed = state?.gone ? state : await refresh(connect(written.connection), pk, written, state);
      return refreshed ? { id: invitationId(pk), props: refreshed, inputs: inputsOf(refreshed) } : {};
    });
  },

  update(_id: string, olds: Properties, news: Properties): Promise<dynamic.UpdateResult> {
    return forUser(async () => {
      const state = asState(olds);
      const inputs = news as unknown as InvitationInputs;
      if (differences(state, news).length === 0) {
        // Another choice, or other words for what authentik has: the state's alone.
        return { outs: given({ ...state, onRetired: undefined, validFor: undefined, ...news }) };
      }
      const connection = connect(state.connection);
      // The flow that the invitation has need not be looked up.
      const flow = inputs.flow !== undefined && isFlow(inputs.flow, state) ? state.flowPk : inputs.flow;
      const fields = await fieldsOf({ ...inputs, flow }, state.issuedAt, connection);
      try {
        const stored = await replaceInvitation(connection.client, state.pk, fields);
        return { outs: stateOf(inputs, stored, state.issuedAt) };
      } catch (error) {
        if (error instanceof ValidationError && "flow" in error.fields && flow !== inputs.flow) {
          throw new UserError(
            `flow: authentik refuses the flow that "${inputs.flow}" was: ${error.fields.flow?.join(" ")} It may have been deleted, and made anew: run \`pulumi up --refresh\`.`,
            { cause: error },
          );
        }
        if (!(error instanceof NotFoundError)) throw error;
        throw new UserError(
          `Invitation "${inputs.name}" is gone from authentik, so that it cannot be changed: run \`pulumi up --refresh\`.`,
          { cause: error },
        );
      }
    });
  },

  delete(_id: string, properties: Properties): Promise<void> {
    return forUserWithStoredSettings(async () => {
      const state = asState(properties);
      if (isAdopted(state.pk)) {
        console.warn(`invitation "${state.name}": not deleted, for another resource of this run has just adopted it.`);
        return;
      }
      if (!state.gone) await deleteInvitation(connect(state.connection).client, state.pk);
    });
  },
};

function asState(properties: Properties): InvitationState {
  const state = properties as unknown as InvitationState;
  knownPks.add(state.pk);
  return state;
}

/** The state as authentik has it now, undefined where the invitation was deleted and is to come back. What drifted is told. */
async function refresh(
  connection: Connection,
  pk: string,
  written: Partial<InvitationState>,
  state: InvitationState | undefined,
): Promise<InvitationState | undefined> {
  let stored: StoredInvitation;
  try {
    stored = await retrieveInvitation(connection.client, pk);
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    if (state) return await retire(connection, state);
    // To the engine a resource that `get` does not find would be one without outputs.
    throw new UserError(
      "Invitation.get: authentik has no invitation with this pk that the token's user may see (permission authentik_stages_invitation.view_invitation).",
      { cause: error },
    );
  }
  const refreshed = stateOf(written, stored, written.issuedAt ?? formatInstant(Date.now()));
  if (state === undefined) return refreshed;
  const drifted = differences(refreshed, inputsOf(state)).map((name) => (name === "validFor" ? "expires" : name));
  // Of a retired one nothing is put right, so that nothing drifts; unless somebody gave it more time.
  if (isRetired(state) && refreshed.status === "expired")
    return { ...state, status: "expired", retiredAt: state.expires };
  const what = `Invitation "${state.name}"`;
  if (drifted.length > 0) await tellChange(connection, what, pk, drifted);
  if (state.flowPk !== undefined && refreshed.flowPk === undefined) {
    console.warn(
      `${what}: its flow is gone from it, as when a flow is deleted, and now any flow with an invitation stage takes it, until \`pulumi up\` puts that right.`,
    );
  }
  return refreshed.status === "expired" ? endedByHand(refreshed) : refreshed;
}

async function issue(inputs: InvitationInputs): Promise<InvitationState> {
  const connection = connect(inputs.connection);
  const issuedAt = formatInstant(Math.floor(Date.now() / 1000) * 1000);
  const fields = await fieldsOf(inputs, issuedAt, connection);
  const stored = await createOnce(
    `invitation "${inputs.name}"`,
    () => post(connection, fields),
    () => findMade(connection, fields),
  );
  knownPks.add(stored.pk);
  return stateOf(inputs, stored, issuedAt);
}

async function post(connection: Connection, fields: InvitationFields): Promise<StoredInvitation> {
  const sending = createInvitation(connection.client, fields).then((stored) => {
    knownPks.add(stored.pk);
    return stored;
  });
  const one = { name: fields.name.trim(), sending };
  underWay.add(one);
  return await sending.finally(() => underWay.delete(one));
}

/** The invitations that have all that was sent, and that no resource of this process has. Names are not unique. */
async function findMade(connection: Connection, sent: InvitationFields): Promise<StoredInvitation[]> {
  // What others of the same name are making must be known first, or it would be taken for what this one has made.
  const others = [...underWay].filter(({ name }) => name === sent.name.trim());
  await Promise.allSettled(others.map(({ sending }) => sending));
  const namesakes = await listInvitations(connection.client, { name: sent.name.trim() });
  return namesakes.filter(
    (stored) =>
      !knownPks.has(stored.pk) &&
      stored.expires !== null &&
      isSameInstant(stored.expires, sent.expires) &&
      stored.singleUse === sent.singleUse &&
      stored.flow === sent.flow &&
      isSameJson(stored.fixedData, sent.fixedData),
  );
}

async function adopt(inputs: InvitationInputs, pk: string): Promise<InvitationState> {
  const what = `Invitation "${inputs.name}"`;
  let stored: StoredInvitation;
  try {
    stored = await retrieveInvitation(connect(inputs.connection).client, pk);
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    throw new UserError(
      `${what} cannot be imported: authentik has none with the pk that the option import gives. Correct the pk, or remove the option.`,
      {
        cause: error,
      },
    );
  }
  const state = stateOf(inputs, stored, issueOf(inputs, stored));
  const differing = differingPaths(state, inputs);
  if (differing.length > 0) throw new UserError(mismatch(what, differing));
  noteAdoption(pk);
  knownPks.add(pk);
  return state;
}

/**
 * When an adopted invitation counts as issued, which authentik does not tell: where the code says how long it is valid, as long before
 * its expiry, unless that is yet to come; else now.
 */
function issueOf(inputs: InvitationInputs, stored: StoredInvitation): string {
  const now = formatInstant(Date.now());
  const validFor = parseDuration(inputs.validFor ?? "");
  if (validFor === undefined || stored.expires === null) return now;
  const issuedAt = after(stored.expires, -validFor);
  return Date.parse(issuedAt) <= Date.now() ? issuedAt : now;
}
