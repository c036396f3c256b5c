import { normalizeUuid } from "../../common/pk";
import { trackPk } from "../../lifecycle/creation";
import { ownValue } from "../../values/properties";
import type { InvitationInputs } from "../invitation/inputs";
import { addressesToEmail, changedInputs, isRetired, planChange } from "../invitation/plan";
import { hasCurrentLink, type InvitationState } from "../invitation/state";
import type { EntryInputs } from "./declaration";
import { type BatchInputs, toInvitationInputs } from "./inputs";
import { type BatchState, toInvitationStates } from "./state";

export type Action = "create" | "update" | "email" | "reissue" | "keep" | "delete";

export interface PlannedAction {
  readonly action: Action;
  /** Whether inputs changed that only the state has, such as `onRetired`. */
  readonly isChanged?: boolean;
  /** Whether the link is another one, although the invitation is the same. */
  readonly isLinkChanged?: boolean;
  /** The pk of the existing invitation that is taken into the state instead of a new one. */
  readonly importedPk?: string | undefined;
  readonly addresses: readonly string[];
  readonly state?: InvitationState;
  readonly inputs?: InvitationInputs;
}

/** What an update has to do, by key; without a state, what a creation has to do. */
export async function planBatch(
  batch: BatchState | undefined,
  inputs: BatchInputs,
): Promise<Map<string, PlannedAction>> {
  const states = batch ? await toInvitationStates(batch) : new Map<string, InvitationState>();
  const declared = await toInvitationInputs(inputs);
  const plan = new Map<string, PlannedAction>();
  for (const [key, entry] of declared) {
    const state = states.get(key);
    plan.set(key, state ? planEntry(state, entry) : planCreation(entry, ownValue(inputs.invitations, key)));
  }
  for (const [key, state] of states) {
    if (!declared.has(key)) plan.set(key, { action: "delete", state, addresses: [] });
  }
  return plan;
}

/** An imported invitation is not emailed. */
function planCreation(inputs: InvitationInputs, entry: EntryInputs | undefined): PlannedAction {
  const importedPk = normalizeUuid(entry?.import ?? "");
  return { action: "create", importedPk, inputs, addresses: importedPk === undefined ? (inputs.email?.to ?? []) : [] };
}

function planEntry(state: InvitationState, inputs: InvitationInputs): PlannedAction {
  trackPk(state.pk);
  const { inputs: changed, replaces } = planChange(state, { ...inputs });
  if (replaces.length > 0) return { action: "reissue", state, inputs, addresses: inputs.email?.to ?? [] };
  const isDifferent = !isRetired(state) && changedInputs(state, { ...inputs }).length > 0;
  const addresses = addressesToEmail(state, { ...inputs });
  const isLinkChanged = !isRetired(state) && !hasCurrentLink(state);
  const action = isDifferent ? "update" : addresses.length > 0 ? "email" : "keep";
  return { action, isChanged: changed.length > 0, isLinkChanged, state, inputs, addresses };
}

export function needsEmails(plan: ReadonlyMap<string, PlannedAction>): boolean {
  return [...plan.values()].some(({ addresses }) => addresses.length > 0);
}
