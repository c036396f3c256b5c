import type { ObjectEvent } from "../../authentik/events";
import { isRetired } from "./plan";
import type { InvitationState } from "./state";

/** Whether the event log has to be read to determine why an invitation no longer exists. */
export function needsEvents(state: InvitationState): boolean {
  // Use does not delete a reusable invitation, so an expired one expired.
  return isSingleUse(state) || !isRetired(state);
}

/** Where it is encrypted in the state that `report` reads, the invitation counts as single-use. */
function isSingleUse({ singleUse = true }: Partial<InvitationState>): boolean {
  return singleUse;
}

/**
 * Determines why an invitation no longer exists in authentik. Returns the state to keep if it was used or expired; `undefined` if it was
 * deleted, which is drift. When in doubt, a single-use invitation counts as used: reissuing it would give a new link to someone who has enrolled.
 * `events` are its events, newest first; `undefined` if they cannot be read.
 *
 * A use writes `invitation_used` and `model_deleted`, both with the path of the flow executor. A deletion by a user writes only
 * `model_deleted`. The event of the cleanup task has no path (cases `events.used.search-hex`, `events.deleted.search-hex`,
 * `events.swept.search-hex`).
 */
export function classifyMissing(
  state: InvitationState,
  events: readonly ObjectEvent[] | undefined,
): InvitationState | undefined {
  const isExpired = isRetired(state);
  const { __declaredExpires, ...others } = state;
  const expires = __declaredExpires ?? state.expires;
  if (!needsEvents(state)) return toExpired(state);

  const use = events?.find(({ action }) => action === "invitation_used");
  const deletion = events?.find(({ action }) => action === "model_deleted");
  const isDeletedByUse = deletion?.path?.includes("/flows/executor/") ?? false;
  const used = (retiredAt: string = new Date().toISOString()): InvitationState => ({
    ...others,
    ...(expires === undefined ? {} : { expires }),
    status: "used",
    retiredAt: retiredAt.replace(/\.\d+/, ""),
    gone: true,
  });

  if (use && (isSingleUse(state) || isDeletedByUse)) return used(use.created);
  // authentik 2026.2 also deletes an expired invitation when its link is opened.
  if (isExpired) return toExpired(state);
  if (isDeletedByUse) return used(deletion?.created);
  if (isSingleUse(state) && deletion === undefined) return used();
  // It was ended outside Pulumi, and authentik deletes what has expired. It stays in the state, so that it can retire as declared.
  if (__declaredExpires !== undefined && deletion?.path === undefined) return { ...state, gone: true };
  return undefined;
}

/** The state of an invitation that authentik has deleted. It expires as declared, even if it was ended earlier outside Pulumi. */
export function refreshGone(state: InvitationState): InvitationState {
  return state.status === "expired" && isRetired(state) ? toExpired(state) : state;
}

function toExpired({ __declaredExpires, ...state }: InvitationState): InvitationState {
  const expires = __declaredExpires ?? state.expires;
  return { ...state, expires, status: "expired", retiredAt: expires, gone: true };
}
