import { PermissionError } from "../authentik/errors";
import { listEvents, type ObjectEvent } from "../authentik/events";
import { printable } from "../authentik/printable";
import type { Connection } from "./connections";

/**
 * The events of an object, newest first; undefined where the token may not read them. The first refusal is told, once for a connection,
 * with the permission that would help, and nothing more is asked then.
 */
export async function eventsOf(
  connection: Connection,
  what: string,
  pk: string,
): Promise<readonly ObjectEvent[] | undefined> {
  if (!connection.mayReadEvents) return undefined;
  try {
    return await listEvents(connection.client, pk, what);
  } catch (error) {
    if (!(error instanceof PermissionError)) throw error;
    if (connection.mayReadEvents) {
      connection.mayReadEvents = false;
      console.warn(
        `authentik's event log cannot be read: with the permission ${error.permission} the token's user could see who changes, deletes and uses what Pulumi manages.`,
      );
    }
    return undefined;
  }
}

/**
 * Tells that something was changed in authentik, and by whom: one look at the event log, unless attribution is switched off. That the log
 * does not answer is no reason for a refresh to fail.
 */
export async function tellChange(
  connection: Connection,
  what: string,
  pk: string,
  changed: readonly string[],
): Promise<void> {
  const events = connection.attribution ? await eventsOf(connection, what, pk).catch(() => undefined) : undefined;
  const last = events?.find(({ action }) => action === "model_updated");
  say(`${what}: ${changed.join(", ")} changed outside Pulumi${last ? `, last ${by(last)}` : ""}`);
}

/** Tells that something was deleted in authentik, and by whom. */
export async function tellDeletion(connection: Connection, what: string, pk: string): Promise<void> {
  const events = connection.attribution ? await eventsOf(connection, what, pk).catch(() => undefined) : undefined;
  tellDeletionFrom(connection, what, events);
}

/** Like {@link tellDeletion}, where the events have been read already. */
export function tellDeletionFrom(
  connection: Connection,
  what: string,
  events: readonly ObjectEvent[] | undefined,
): void {
  const last = connection.attribution ? events?.find(({ action }) => action === "model_deleted") : undefined;
  say(`${what}: deleted ${last ? by(last) : "outside Pulumi"}`);
}

function by(event: ObjectEvent): string {
  return `by ${event.username || "an unknown user"} on ${event.created.replace(/\.\d+/, "")}`;
}

/** Names and user names come from authentik, where many may write them. */
function say(line: string): void {
  console.warn(printable(line));
}
