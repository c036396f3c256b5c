import { eventsOf, tellDeletionFrom } from "./attribution";
import type { Connection } from "./connections";
import { type InvitationState, isRetired } from "./invitation-state";

/**
 * What became of an invitation that is gone from authentik: used or expired, which is kept in the state and not asked about again, or
 * (undefined) deleted by somebody, which is drift. Doubts go to the safe side: a single-use one counts as used, for to issue it anew would
 * give a new link to a person who has enrolled.
 *
 * A use writes `invitation_used` and `model_deleted`, both from the flow executor's path; a deletion by hand `model_deleted` alone; the
 * clean-up's has no path (cases `events.used.search-hex`, `events.deleted.search-hex`, `events.swept.search-hex`).
 */
export async function retire(connection: Connection, state: InvitationState): Promise<InvitationState | undefined> {
  const isExpired = isRetired(state);
  const expired: InvitationState = { ...state, status: "expired", retiredAt: state.expires, gone: true };
  // Its time has passed, and no use would have ended it: there is nothing to find out.
  if (isExpired && !state.singleUse) return expired;

  const what = `Invitation "${state.name}"`;
  const events = await eventsOf(connection, what, state.pk);
  const use = events?.find(({ action }) => action === "invitation_used");
  const deletion = events?.find(({ action }) => action === "model_deleted");
  const isDeletedByUse = deletion?.path?.includes("/flows/executor/") ?? false;
  const used = (since: string = new Date().toISOString()): InvitationState => ({
    ...state,
    status: "used",
    retiredAt: since.replace(/\.\d+/, ""),
    gone: true,
  });

  if (use && (state.singleUse || isDeletedByUse)) return used(use.created);
  // authentik 2026.2 also deletes an expired invitation whose link is opened.
  if (isExpired) return expired;
  if (isDeletedByUse) return used(deletion?.created);
  if (state.singleUse && deletion === undefined) return used();
  tellDeletionFrom(connection, what, events);
  return undefined;
}
