import { PermissionError } from "../../authentik/errors";
import { listEvents, type ObjectEvent } from "../../authentik/events";
import { toPrintableLine } from "../../authentik/printable";
import { capitalize } from "../values/strings";
import type { Connection } from "./connections";

/**
 * The events of an object, newest first; `undefined` if the token is not allowed to read them. Warns about the missing permission once per
 * connection, and sends no further requests to the event log after that.
 */
export async function readEvents(
  connection: Connection,
  object: string,
  pk: string,
): Promise<readonly ObjectEvent[] | undefined> {
  if (!connection.canReadEvents) return undefined;
  try {
    return await listEvents(connection.client, pk, object);
  } catch (error) {
    if (!(error instanceof PermissionError)) throw error;
    if (connection.canReadEvents) {
      connection.canReadEvents = false;
      console.warn(
        `The token's user is not allowed to read authentik's event log. Grant the permission ${error.permission} to see who changed, deleted or used the objects that Pulumi manages.`,
      );
    }
    return undefined;
  }
}

/**
 * Warns that an object was changed outside Pulumi, and by whom: one request to the event log, unless attribution is disabled. A failing event
 * log does not fail the refresh.
 */
export async function reportChange(
  connection: Connection,
  object: string,
  pk: string,
  changed: readonly string[],
): Promise<void> {
  const events = connection.attribution ? await readEvents(connection, object, pk).catch(() => undefined) : undefined;
  const last = events?.find(({ action }) => action === "model_updated");
  log(
    `${capitalize(object)}: ${changed.join(", ")} changed outside Pulumi${last ? `, last ${formatActor(last)}` : ""}`,
  );
}

/** Warns that an object was deleted outside Pulumi, and by whom. */
export async function reportDeletion(connection: Connection, object: string, pk: string): Promise<void> {
  const events = connection.attribution ? await readEvents(connection, object, pk).catch(() => undefined) : undefined;
  reportDeletionFromEvents(connection, object, events);
}

/** Like {@link reportDeletion}, for events that have already been read. */
export function reportDeletionFromEvents(
  connection: Connection,
  object: string,
  events: readonly ObjectEvent[] | undefined,
): void {
  const last = connection.attribution ? events?.find(({ action }) => action === "model_deleted") : undefined;
  log(`${capitalize(object)}: deleted ${last ? formatActor(last) : "outside Pulumi"}`);
}

function formatActor(event: ObjectEvent): string {
  return `by ${event.username || "an unknown user"} on ${event.created.replace(/\.\d+/, "")}`;
}

/** Object names and usernames come from authentik, where other people can set them. */
function log(line: string): void {
  console.warn(toPrintableLine(line));
}
