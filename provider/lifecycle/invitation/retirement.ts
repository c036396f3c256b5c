import { originInput, parseOrigin } from "../../common/origin";
import { readEvents, reportDeletionFromEvents } from "../engine/attribution";
import type { Connection } from "../engine/connections";
import { isRetired } from "./plan";
import type { InvitationState } from "./state";

/**
 * Determines why an invitation no longer exists in authentik. Returns the state to keep if it was used or expired; `undefined` if it was
 * deleted, which is drift. When in doubt, a single-use invitation counts as used: reissuing it would give a new link to someone who has enrolled.
 *
 * A use writes `invitation_used` and `model_deleted`, both with the path of the flow executor. A deletion by a user writes only
 * `model_deleted`. The event of the cleanup task has no path (cases `events.used.search-hex`, `events.deleted.search-hex`,
 * `events.swept.search-hex`).
 */
export async function classifyMissing(
  connection: Connection,
  state: InvitationState,
): Promise<InvitationState | undefined> {
  const isExpired = isRetired(state);
  const { __declaredExpires, ...others } = state;
  const expires = __declaredExpires ?? state.expires;
  // Use does not delete a reusable invitation, so it expired.
  if (isExpired && !state.singleUse) return toExpired(state);

  const object = { name: `invitation "${state.name}"`, pk: state.pk, origin: parseOrigin(state[originInput]) };
  const events = await readEvents(connection, object);
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

  if (use && (state.singleUse || isDeletedByUse)) return used(use.created);
  // authentik 2026.2 also deletes an expired invitation when its link is opened.
  if (isExpired) return toExpired(state);
  if (isDeletedByUse) return used(deletion?.created);
  if (state.singleUse && deletion === undefined) return used();
  // It was ended outside Pulumi, and authentik deletes what has expired. It stays in the state, so that it can retire as declared.
  if (__declaredExpires !== undefined && deletion?.path === undefined) return { ...state, gone: true };
  reportDeletionFromEvents(connection, object, events);
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
