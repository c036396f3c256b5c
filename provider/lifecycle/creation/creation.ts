import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "../../authentik/client";
import { findCreation, type ObjectEvent } from "../../authentik/events";
import type { Connection } from "../connections";

/** The creation of one object. */
export interface Creation<Stored> {
  /** The object in messages: `invitation "jane"`. */
  readonly object: string;
  /** authentik's name of its model in the event log: `invitation`. */
  readonly model: string;
  /** The id in the state of the object with this pk. */
  id(pk: string): string;
  create(client: Client): Promise<Stored>;
  retrieve(client: Client, pk: string): Promise<Stored>;
}

/** Milliseconds before each lookup of what a POST may have created: the server may still be processing it, and events may be late. */
export const lookupDelays = [0, 1000, 3000] as const;

/** The creation that the request with this nonce caused, as far as the event log can be read. */
export async function lookUpCreation(
  connection: Connection,
  client: Client,
  model: string,
  nonce: string,
): Promise<ObjectEvent | "forbidden" | undefined> {
  for (const delay of lookupDelays) {
    await sleep(delay);
    const event = await connection.readEventLog(() => findCreation(client, model, nonce));
    if (event !== undefined) return event;
  }
  return undefined;
}
