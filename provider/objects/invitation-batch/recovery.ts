import { setTimeout as sleep } from "node:timers/promises";
import { listStackCreations } from "../../authentik/events";
import { originOf } from "../../common/origin";
import { invitationId } from "../../common/pk";
import { stripWhitespace } from "../../common/whitespace";
import { connect } from "../../lifecycle/connections";
import { causesOfUnclear, lookupDelays, type Recovery, type RecoveryOptions } from "../../lifecycle/creation";
import { formatInstant } from "../../values/instant";
import { ownValue, type Properties } from "../../values/properties";
import type { InvitationInputs } from "../invitation/inputs";
import { recoverAddedAddresses, toRecoveredState } from "../invitation/recovery";
import { listInvitations } from "../invitation/requests";
import type { InvitationState } from "../invitation/state";
import { type BatchInputs, toInvitationInputs } from "./inputs";
import { batchId, entryOrigin, nextRevision } from "./origin";
import { type BatchState, toBatchState, toInvitationStates } from "./state";

/**
 * Finds the invitations that an interrupted run created for a batch, key by key. `outputs` are the batch's in the state if it existed before.
 * The next `pulumi up` goes on with the keys that are missing.
 */
export async function recoverBatch(properties: Properties, { outputs, isInState }: RecoveryOptions): Promise<Recovery> {
  const inputs = properties as unknown as BatchInputs;
  const connection = connect(inputs.connection);
  const origin = originOf(inputs);
  const declared = await toInvitationInputs(inputs);
  const old = outputs as unknown as BatchState | undefined;
  const states = old?.pks === undefined ? new Map<string, InvitationState>() : await toInvitationStates(old);
  if (origin === undefined) return { outcome: "unclear", reason: causesOfUnclear.noOrigin };

  const __revision = old?.pks === undefined ? undefined : nextRevision(old);
  const keyByNonce = new Map(
    [...declared.keys()].map((key) => [entryOrigin(origin, key, __revision)?.nonce ?? "", key] as const),
  );
  const created = new Map<string, InvitationState>();
  let newest = 0;
  for (const delay of lookupDelays) {
    await sleep(delay);
    const stack = connection.stackOf(origin);
    const events = await connection.readEventLog(() =>
      listStackCreations(connection.clientOf(origin), stack, "invitation", keyByNonce),
    );
    if (events === "forbidden") {
      const reason = `${causesOfUnclear.noEvents}. List its invitations with \`audit\``;
      return { outcome: "unclear", reason };
    }
    const stored = new Map(
      events.size === 0
        ? []
        : (await listInvitations(connection.client, { search: stripWhitespace(inputs.name) })).map(
            (row) => [row.pk, row] as const,
          ),
    );
    for (const [key, event] of events) {
      if (isInState(invitationId(event.pk)) || created.has(key)) continue;
      const entry = declared.get(key) as InvitationInputs;
      created.set(key, await toRecoveredState(connection, entry, event, stored.get(event.pk)));
      newest = Math.max(newest, Date.parse(event.created));
    }
  }
  const emailed = new Map(
    [...states].flatMap(([key, state]) => {
      const entry = created.has(key) ? undefined : declared.get(key);
      const recovered = entry && recoverAddedAddresses(state, entry);
      return recovered ? [[key, recovered] as const] : [];
    }),
  );
  if (created.size === 0 && emailed.size === 0) return { outcome: "not created" };
  const obsolete = [...created.keys()].flatMap((key) => states.get(key)?.pk ?? []);
  const entries = Object.fromEntries([
    ...[...created.keys()].map((key) => [key, ownValue(inputs.invitations, key) ?? {}] as const),
    ...[...emailed].map(([key, { email }]) => [key, { ...ownValue(old?.__invitations, key), email }] as const),
  ]);
  const base = { ...(old ?? inputs), __revision, invitations: { ...old?.__invitations, ...entries } };
  const recovered = await toBatchState(base, new Map([...states, ...created, ...emailed]), [
    ...(old?.__obsolete ?? []),
    ...obsolete,
  ]);
  const at = formatInstant(newest || Date.now());
  return { outcome: "created", id: batchId(inputs), outputs: recovered as unknown as Properties, created: at };
}
