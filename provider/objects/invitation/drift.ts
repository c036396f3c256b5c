import type { Origin } from "../../common/origin";
import type { ObservedObject } from "../../lifecycle/attribution";
import { changedInputs, isRetired, markExpiredOutsidePulumi } from "./plan";
import type { StoredInvitation } from "./requests";
import { describeInvitation, type InvitationState, toInputs, toState } from "./state";

/** What a refresh finds of an invitation that exists. */
export interface Drift {
  /** The state as authentik has it now. */
  readonly state: InvitationState;
  /** The inputs that were changed outside Pulumi. */
  readonly changed: readonly string[];
  /** Whether the invitation's flow was removed, so that any flow accepts it. */
  readonly isFlowRemoved: boolean;
}

/** Compares the state with what authentik has. A retired invitation is not repaired, so it has no drift, unless its expiry was extended. */
export function detectDrift(state: InvitationState, stored: StoredInvitation): Drift {
  const refreshed = toState(state, stored, state.issuedAt);
  if (isRetired(state) && refreshed.status === "expired") {
    const retiredAt = state.__declaredExpires ?? state.expires;
    return { state: { ...state, status: "expired", retiredAt }, changed: [], isFlowRemoved: false };
  }
  return {
    state: refreshed.status === "expired" ? markExpiredOutsidePulumi(refreshed, state) : refreshed,
    changed: changedInputs(refreshed, toInputs(state)).map((name) => (name === "validFor" ? "expires" : name)),
    isFlowRemoved: state.flowPk !== undefined && refreshed.flowPk === undefined,
  };
}

/** The invitation, for messages about it. */
export function observeInvitation(state: InvitationState, origin: Origin | undefined): ObservedObject {
  return { name: describeInvitation(state), pk: state.pk, origin };
}

/** The invitation's flow, for messages about it. */
export function observeFlow({ flowPk, flowSlug }: InvitationState, origin: Origin | undefined): ObservedObject {
  return { name: `flow "${flowSlug}"`, pk: flowPk ?? "", origin };
}
