import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "../authentik/client";
import { ifFound } from "../authentik/errors";
import { findCreation, type ObjectEvent } from "../authentik/events";
import type { Origin } from "../common/origin";
import type { Properties } from "../values/properties";
import type { Connection } from "./connections";

/** What became of a create request whose run was interrupted before it saved the result. */
export type Recovery =
  | { readonly outcome: "created"; readonly id: string; readonly outputs: Properties; readonly created: string }
  | { readonly outcome: "not created" }
  | { readonly outcome: "unclear"; readonly reason: string };

/** A provider whose interrupted creations can be recovered. */
export interface Recoverable {
  /** Finds what the create request with these inputs created. `isInState` says whether a state has the id. */
  recover(inputs: Properties, options: RecoveryOptions): Promise<Recovery>;
}

export interface RecoveryOptions {
  isInState(id: string): boolean;
  /** The outputs in the state, if the interrupted operation was an update. An update of a batch creates invitations, and any update may email links. */
  readonly outputs?: Properties;
}

interface InterruptedCreation<Stored> {
  /** The object in messages: `invitation "jane"`. */
  readonly object: string;
  readonly model: string;
  retrieve(client: Client, pk: string): Promise<Stored>;
}

/** Milliseconds before each lookup: the server may still be processing the request, and events may be late. */
const lookupDelays = [0, 1000, 3000];

/** What nothing but the event log can say: equal objects may be of another stack. */
export const causesOfUnclear = {
  noOrigin: "an older version of this package created it",
  noEvents:
    "the token's user is not allowed to read the event log (permission authentik_events.view_event, which also shows every email that authentik sends)",
} as const;

/**
 * What authentik's event log has of the create request with the origin's nonce. `stored` is undefined if the object has been deleted or used
 * since.
 */
export async function findInterruptedCreation<Stored>(
  connection: Connection,
  origin: Origin | undefined,
  { object, model, retrieve }: InterruptedCreation<Stored>,
): Promise<
  | { readonly outcome: "found"; readonly event: ObjectEvent; readonly stored: Stored | undefined }
  | Exclude<Recovery, { readonly outcome: "created" }>
> {
  const unclear = (cause: string) => ({
    outcome: "unclear" as const,
    reason: `whether authentik has the ${object} cannot be determined, because ${cause}. If it exists, import it with the resource option import`,
  });
  if (origin === undefined) return unclear(causesOfUnclear.noOrigin);
  const client = connection.clientOf(origin);
  for (const delay of lookupDelays) {
    await sleep(delay);
    const event = await connection.readEventLog(() => findCreation(client, model, origin.nonce));
    if (event === "forbidden") return unclear(causesOfUnclear.noEvents);
    if (event) return { outcome: "found", event, stored: await ifFound(retrieve(client, event.pk)) };
  }
  return { outcome: "not created" };
}
