import { NotFoundError } from "../../authentik/errors";
import type { ObjectEvent } from "../../authentik/events";
import { type Origin, originOf } from "../../common/origin";
import {
  type ObservedObject,
  readAttribution,
  readEvents,
  reportChange,
  reportDeletion,
  reportFlowRemoval,
} from "../../lifecycle/attribution";
import { type Connection, connect } from "../../lifecycle/connections";
import { UserError } from "../../lifecycle/user-error";
import { formatInstant } from "../../values/instant";
import { changedInputs, isRetired, markExpiredOutsidePulumi } from "./plan";
import { readerOf } from "./reader";
import type { StoredInvitation } from "./requests";
import { describeInvitation, type InvitationState, toInputs, toState } from "./state";

/** Reads the current state and reports drift. Returns `undefined` if the invitation was deleted and has to be recreated. */
export async function refreshInvitation(
  pk: string,
  configured: Partial<InvitationState>,
  state: InvitationState | undefined,
): Promise<InvitationState | undefined> {
  const connection = connect(configured.connection);
  const origin = originOf(configured);
  let stored: StoredInvitation;
  try {
    stored = await readerOf(connection).read(connection.clientOf(origin), pk);
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    if (state) return await refreshMissing(connection, state, origin);
    // The engine would turn a resource that `get` does not find into one without outputs.
    throw new UserError(
      "Invitation.get: authentik has no invitation with this pk that the token's user is allowed to view (permission authentik_stages_invitation.view_invitation).",
      { cause: error },
    );
  }
  if (state === undefined) {
    const { issuedAt, ...read } = toState(configured, stored, configured.issuedAt ?? formatInstant(Date.now()));
    // What `get` reads has no origin. It is read in each run, so that an estimate would be another one each time.
    return (origin === undefined ? read : { ...read, issuedAt }) as InvitationState;
  }
  const drift = detectDrift(state, stored);
  const object = observeInvitation(state, origin);
  if (drift.changed.length > 0) {
    reportChange(connection, object, drift.changed, await readAttribution(connection, object, "model_updated"));
  }
  if (drift.isFlowRemoved) await reportFlowRemoval(connection, object, observeFlow(state, origin));
  return drift.state;
}

async function refreshMissing(
  connection: Connection,
  state: InvitationState,
  origin: Origin | undefined,
): Promise<InvitationState | undefined> {
  const object = observeInvitation(state, origin);
  const events = needsEvents(state) ? await readEvents(connection, object) : undefined;
  const retired = classifyMissing(state, events);
  if (retired === undefined) reportDeletion(connection, object, events);
  return retired;
}

/** What a refresh finds of an invitation that exists. */
export interface Drift {
  /** The state as authentik has it now. */
  readonly state: InvitationState;
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

export function observeInvitation(state: InvitationState, origin: Origin | undefined): ObservedObject {
  return { name: describeInvitation(state), pk: state.pk, origin };
}

export function observeFlow({ flowPk, flowSlug }: InvitationState, origin: Origin | undefined): ObservedObject {
  return { name: `flow "${flowSlug}"`, pk: flowPk ?? "", origin };
}

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
  events: readonly Pick<ObjectEvent, "action" | "created" | "path">[] | undefined,
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
