import { ifFound } from "../../authentik/errors";
import { type EventAction, listEvents, listObjectEvents, type ObjectEvent } from "../../authentik/events";
import { log } from "../../common/log";
import type { Origin } from "../../common/origin";
import { toPrintableLine } from "../../common/printable";
import { reportChange, reportDeletion, reportFlowRemoval } from "../../lifecycle/attribution";
import type { Connection } from "../../lifecycle/connections";
import {
  classifyMissing,
  type Drift,
  detectDrift,
  needsEvents,
  observeFlow,
  observeInvitation,
  refreshGone,
} from "../invitation/refresh";
import { invitations, isUnreadable, listInvitations, type StoredInvitation } from "../invitation/requests";
import { describeInvitation, type InvitationState } from "../invitation/state";
import { listKeys } from "./names";
import { forEachKey } from "./progress";

/** Above this number, reading event pages takes fewer requests than one search per invitation. */
const maxSearches = 10;

/**
 * Reads the invitations of a batch by list pages, and reports drift. Returns the states by key, without those that were deleted and have to be
 * recreated.
 */
export async function refreshBatch(
  connection: Connection,
  batch: string,
  states: ReadonlyMap<string, InvitationState>,
  originOfEntry: (key: string) => Origin | undefined,
): Promise<Map<string, InvitationState>> {
  // A retired invitation that authentik has deleted does not come back.
  const readable = [...states].filter(([, state]) => !state.gone);
  const stored = await readStored(connection, batch, new Map(readable));
  const drifts = new Map<string, Drift>();
  for (const [key, state] of readable) {
    const found = stored.get(state.pk);
    if (found) drifts.set(key, detectDrift(state, found));
  }
  const missing = readable.filter(([key]) => !drifts.has(key));
  const retired = await refreshMissing(connection, new Map(missing), originOfEntry);
  await reportDrift(connection, states, drifts, originOfEntry);
  const refreshed = new Map(
    [...states].flatMap(([key, state]) => {
      const current = state.gone ? refreshGone(state) : (drifts.get(key)?.state ?? retired.get(key));
      return current ? [[key, current] as const] : [];
    }),
  );
  reportRetired(batch, states, refreshed);
  return refreshed;
}

/** Reports which invitations were used or have expired since the last refresh. */
function reportRetired(
  batch: string,
  before: ReadonlyMap<string, InvitationState>,
  after: ReadonlyMap<string, InvitationState>,
): void {
  for (const status of ["used", "expired"] as const) {
    const keys = [...after].flatMap(([key, state]) =>
      state.status === status && before.get(key)?.status === "pending" ? [key] : [],
    );
    if (keys.length > 0) log.info(toPrintableLine(`${batch}: ${status}: ${listKeys(keys)}`));
  }
}

/** The invitations that exist, by pk. */
async function readStored(
  connection: Connection,
  batch: string,
  states: ReadonlyMap<string, InvitationState>,
): Promise<Map<string, StoredInvitation>> {
  const { client } = connection;
  const listed = await listInvitations(client, { search: batch }).catch((error: unknown) => {
    // Then every invitation is read singly.
    if (isUnreadable(error)) return [];
    throw error;
  });
  const stored = new Map(listed.map((invitation) => [invitation.pk, invitation]));
  // An invitation that is missing in the list may have another name. Only a single read says that it was deleted.
  const unlisted = [...states].filter(([, { pk }]) => !stored.has(pk));
  const keys = unlisted.map(([key]) => key);
  const { values, errors } = await forEachKey(batch, "read", keys, (key) =>
    ifFound(invitations.retrieve(client, states.get(key)?.pk ?? "")),
  );
  for (const error of errors.values()) throw error;
  for (const invitation of values.values()) if (invitation) stored.set(invitation.pk, invitation);
  return stored;
}

async function refreshMissing(
  connection: Connection,
  missing: ReadonlyMap<string, InvitationState>,
  originOfEntry: (key: string) => Origin | undefined,
): Promise<Map<string, InvitationState>> {
  const events = await readEventsOf(connection, [...missing.values()].filter(needsEvents));
  const retired = new Map<string, InvitationState>();
  for (const [key, state] of missing) {
    const own = events?.get(state.pk);
    const classified = classifyMissing(state, events === undefined ? undefined : (own ?? []));
    if (classified) retired.set(key, classified);
    else reportDeletion(connection, observeInvitation(state, originOfEntry(key)), own);
  }
  return retired;
}

async function reportDrift(
  connection: Connection,
  states: ReadonlyMap<string, InvitationState>,
  drifts: ReadonlyMap<string, Drift>,
  originOfEntry: (key: string) => Origin | undefined,
): Promise<void> {
  const changed = [...drifts].filter(([, drift]) => drift.changed.length > 0);
  const changedStates = changed.flatMap(([key]) => states.get(key) ?? []);
  const events = connection.attribution
    ? await readEventsOf(connection, changedStates, "model_updated").catch(() => undefined)
    : undefined;
  for (const [key, { changed: inputs, isFlowRemoved }] of changed) {
    const state = states.get(key) as InvitationState;
    const object = observeInvitation(state, originOfEntry(key));
    reportChange(connection, object, inputs, events?.get(state.pk));
    if (isFlowRemoved) await reportFlowRemoval(connection, object, observeFlow(state, originOfEntry(key)));
  }
}

/** The events of invitations by pk, newest first, of one action if it is given: by one search each, or for many, from the newest events of all invitations. */
async function readEventsOf(
  connection: Connection,
  states: readonly InvitationState[],
  action?: EventAction,
): Promise<Map<string, readonly ObjectEvent[]> | undefined> {
  if (states.length === 0) return new Map();
  const { client } = connection;
  const search = async (state: InvitationState) =>
    [state.pk, await listEvents(client, state.pk, describeInvitation(state), action)] as const;
  return await connection.readEventLogOrWarn(async () => {
    if (states.length <= maxSearches) return new Map(await Promise.all(states.map(search)));
    const oldest = states.map(({ issuedAt }) => Date.parse(issuedAt)).reduce((a, b) => Math.min(a, b));
    const found = await listObjectEvents(client, new Set(states.map(({ pk }) => pk)), {
      search: "invitation",
      action,
      since: new Date(oldest),
      maxPages: states.length,
    });
    for (const state of states) if (!found.has(state.pk)) found.set(...(await search(state)));
    return found;
  });
}
