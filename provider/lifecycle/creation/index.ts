/**
 * An object is created exactly once, whatever happens to the request or to the run. authentik's event log has the nonce and the origin of each request,
 * and answers three questions: what did a POST create whose response was lost, what did an earlier run create that is not in the state, and what did an
 * interrupted run create, which `recover` asks.
 */
import type { Origin } from "../../common/origin";
import type { Connection } from "../connections";
import type { Creation } from "./creation";
import { warnAboutEarlierCreation } from "./earlier-run";
import { createOnce } from "./lost-response";

export { lookupDelays } from "./creation";
export * from "./recovery";

/** Pks that this process has seen in a state, or created. */
const knownPks = new Set<string>();

/** Remembers the pk of an object in the state, which no earlier run has lost. */
export function trackPk(pk: string): void {
  knownPks.add(pk);
}

/** Creates an object, or adopts the one that a lost response was about. Warns about one that an earlier run created and did not save. */
export async function createExactlyOnce<Stored extends { readonly pk: string }>(
  connection: Connection,
  origin: Origin | undefined,
  creation: Creation<Stored>,
): Promise<Stored> {
  const [stored] = await Promise.all([
    createOnce(connection, origin, creation),
    warnAboutEarlierCreation(connection, origin, creation, (pk) => knownPks.has(pk)),
  ]);
  trackPk(stored.pk);
  return stored;
}
