import { limitLines } from "../../common/limit-lines";
import { type Origin, originOf } from "../../common/origin";
import { invitationId } from "../../common/pk";
import { isAdopted } from "../../lifecycle/adoption";
import { type Connection, connect } from "../../lifecycle/connections";
import { PartialError, reportedMessage, UserError } from "../../lifecycle/user-error";
import { formatSecond } from "../../values/instant";
import type { Properties } from "../../values/properties";
import { protectOutputs } from "../../values/secrets";
import { changeInvitation, importInvitation, issueInvitation } from "../invitation/apply";
import { isRetired } from "../invitation/plan";
import { readerOf } from "../invitation/reader";
import { invitations } from "../invitation/requests";
import { type EmailResult, emailInvitation, requireEmailSupport } from "../invitation/send";
import { type InvitationState, keepState } from "../invitation/state";
import type { BatchInputs } from "./inputs";
import { entryPath } from "./names";
import { entryOrigin } from "./origin";
import { needsEmails, type PlannedAction } from "./plan";
import { forEachKey } from "./progress";
import { type BatchState, toBatchState, toInvitationStates } from "./state";

/** Executes a plan. Keeps what succeeded if something fails, and names the keys that failed. */
export async function executePlan(
  id: string,
  inputs: BatchInputs & Pick<BatchState, "__revision">,
  plan: ReadonlyMap<string, PlannedAction>,
  origin: Origin | undefined,
  obsolete: readonly string[],
): Promise<BatchState> {
  const connection = connect(inputs.connection);
  readerOf(connection).reset();
  if (needsEmails(plan)) await requireEmailSupport(connection);
  const issuedAt = formatSecond(Date.now());
  const toDelete = new Set(obsolete);
  const keys = [...plan].flatMap(([key, { action }]) => (action === "keep" ? [] : [key]));
  const { values, errors } = await forEachKey(inputs.name, verbFor(plan), keys, async (key) => {
    const own = entryOrigin(origin, key, inputs.__revision);
    return await executeEntry(connection, plan.get(key) as PlannedAction, own, issuedAt, toDelete);
  });
  const replaced = await forEachKey(inputs.name, "replaced", [...toDelete], async (pk) => {
    await invitations.delete(connection.clientOf(origin), pk);
  });
  const states = new Map<string, InvitationState>();
  for (const [key, { action, state, inputs: declared }] of plan) {
    const isKept = action === "keep" && state !== undefined && declared !== undefined && !isRetired(state);
    const executed = action === "keep" ? (isKept ? keepState(state, declared) : state) : values.get(key)?.state;
    const result = errors.has(key) ? state : executed;
    if (result !== undefined) states.set(key, result);
  }
  const outs = protectOutputs(await toBatchState(inputs, states, [...replaced.errors.keys()]));
  const unsent = [...values].flatMap(([key, result]) => (result?.error ? [[key, result.error] as const] : []));
  const reasons = [
    ...describeErrors(errors),
    ...describeErrors(unsent),
    ...describeErrors(replaced.errors, replacedName),
  ];
  if (reasons.length > 0) throw new PartialError(id, inputs as unknown as Properties, outs, reasons);
  return outs;
}

/** Deletes the invitations of a batch, except for those that another resource has adopted. */
export async function deleteInvitations(batch: BatchState): Promise<void> {
  const states = await toInvitationStates(batch);
  const connection = connect(batch.connection);
  const live = new Map([...states].filter(([, { gone, pk }]) => !gone && !isAdopted(pk, batch.connection)));
  const origin = originOf(batch);
  readerOf(connection).reset();
  const { errors } = await forEachKey(batch.name, "deleted", [...live.keys()], async (key) => {
    await invitations.delete(connection.clientOf(entryOrigin(origin, key)), live.get(key)?.pk ?? "");
  });
  const replaced = await forEachKey(batch.name, "deleted", batch.__obsolete ?? [], async (pk) => {
    await invitations.delete(connection.clientOf(origin), pk);
  });
  const reasons = [...describeErrors(errors), ...describeErrors(replaced.errors, replacedName)];
  if (reasons.length > 0) throw new UserError(reasons.join("\n"));
}

/** Returns the new state and why its link was not emailed, `undefined` after a deletion. */
async function executeEntry(
  connection: Connection,
  { action, state, inputs, addresses, importedPk }: PlannedAction,
  origin: Origin | undefined,
  issuedAt: string,
  toDelete: Set<string>,
): Promise<EmailResult | undefined> {
  const client = connection.clientOf(origin);
  if (action === "delete" && state) {
    if (!state.gone && !isAdopted(state.pk, state.connection)) await invitations.delete(client, state.pk);
    return undefined;
  }
  if (inputs === undefined) return state && { state };
  if (state && (action === "update" || action === "email")) {
    const changed = action === "update" ? await changeInvitation(state, inputs, origin) : keepState(state, inputs);
    return await emailInvitation(changed, addresses, origin);
  }
  if (importedPk !== undefined) return { state: await importInvitation(inputs, origin, importedPk) };
  const issued = await issueInvitation(inputs, origin, issuedAt);
  if (state && !state.gone) toDelete.add(state.pk);
  return await emailInvitation(issued, addresses, origin);
}

const verbs = { create: "created", update: "updated", email: "emailed", reissue: "reissued", delete: "deleted" };

/** What a plan does, in messages about its progress. */
function verbFor(plan: ReadonlyMap<string, PlannedAction>): string {
  const actions = new Set([...plan.values()].flatMap(({ action }) => (action === "keep" ? [] : [action])));
  const [first] = actions;
  return first === undefined || actions.size > 1 ? "changed" : verbs[first];
}

function replacedName(pk: string): string {
  return `the replaced invitation with the id ${invitationId(pk)}`;
}

function describeErrors(errors: Iterable<readonly [string, unknown]>, name = entryPath): string[] {
  const reasons = [...errors].map(([key, error]) => `${name(key)}: ${reportedMessage(error)}`);
  return limitLines(reasons, "invitations failed");
}
