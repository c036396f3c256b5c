import type { Activity } from "../../authentik/events";
import { isRetired } from "../../objects/invitation/plan";
import { classifyMissing } from "../../objects/invitation/refresh";
import type { StoredInvitation } from "../../objects/invitation/requests";
import type { InvitationState } from "../../objects/invitation/state";
import { hasPassed } from "../../values/instant";
import type { DeclaredInvitation } from "./declared";

/** The status of an invitation in authentik. */
export interface CurrentStatus {
  readonly status: "pending" | "used" | "expired" | "deleted" | "unknown";
  /** RFC 3339. */
  readonly expires: string | undefined;
  /** When it was used, expired or was deleted, RFC 3339; `undefined` if that is unknown. */
  readonly retiredAt: string | undefined;
}

/**
 * Determines the status of an invitation, as a refresh would. `stored` is the invitation in authentik, if it exists there and is not one of those that
 * authentik cannot return. `activities` are its own.
 */
export function currentStatus(
  { state }: DeclaredInvitation,
  stored: StoredInvitation | undefined,
  activities: readonly Activity[] | undefined,
  hasUnreadable: boolean,
): CurrentStatus {
  if (stored !== undefined) {
    const expires = stored.expires ?? undefined;
    if (expires !== undefined && hasPassed(expires)) return { status: "expired", expires, retiredAt: expires };
    return { status: "pending", expires, retiredAt: undefined };
  }
  const { expires } = state;
  if (state.gone || state.status === "used") {
    return { status: state.status ?? "used", expires, retiredAt: state.retiredAt };
  }
  const events = activities?.toSorted((a, b) => Date.parse(b.created) - Date.parse(a.created));
  const classified = classifyMissing({ ...state, status: state.status ?? "pending" } as InvitationState, events);
  const at = events?.[0]?.created.replace(/\.\d+/, "");
  if (classified?.status === "expired" || (classified?.status === "pending" && isRetired(classified))) {
    return { status: "expired", expires, retiredAt: classified.retiredAt };
  }
  // The use of a single-use invitation deletes it.
  const hasEnded = events?.some(({ action }) => action === "model_deleted");
  if (hasUnreadable && !hasEnded) return { status: "unknown", expires, retiredAt: undefined };
  if (classified === undefined) return { status: "deleted", expires, retiredAt: at };
  // Without an event, `classifyMissing` assumes that it was used just now.
  const use = events?.find(({ action }) => action === "invitation_used")?.created.replace(/\.\d+/, "");
  return { status: "used", expires, retiredAt: use ?? at };
}
