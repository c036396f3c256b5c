import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "../authentik/client";
import { ifFound } from "../authentik/errors";
import { listStackEvents, type ObjectEvent } from "../authentik/events";
import { log } from "../common/log";
import type { Origin } from "../common/origin";
import { toPrintableLine } from "../common/printable";
import { capitalize } from "../values/strings";
import type { Connection } from "./connections";

interface CreatedObject {
  /** The object in messages: `invitation "jane"`. */
  readonly name: string;
  /** authentik's name of its model in the event log: `invitation`. */
  readonly model: string;
  /** Whether a resource in the state has the object with this pk. */
  isInState(pk: string): boolean;
  /** The id in the state of the object with this pk. */
  id(pk: string): string;
  retrieve(client: Client, pk: string): Promise<unknown>;
}

/** Milliseconds to wait for the event log: a warning is not worth more. */
const maxWait = 5000;

/**
 * Warns if authentik has an object that an earlier run created for the same resource and that is not in the state: the run was killed before
 * it could save the state. Does not adopt it, because a stack of the same name in another backend looks the same.
 *
 * Sends one request per process, a second one if it finds an earlier creation, and one more for a resource with such a creation. Never fails.
 */
export async function warnAboutEarlierCreation(
  connection: Connection,
  origin: Origin | undefined,
  object: CreatedObject,
): Promise<void> {
  if (origin === undefined) return;
  const earlier = await Promise.race([
    findEarlierCreation(connection, origin, object).catch(() => undefined),
    sleep(maxWait, undefined, { ref: false }),
  ]);
  if (earlier === undefined) return;
  log.warn(
    toPrintableLine(
      `${capitalize(object.name)}: authentik has another one (id ${object.id(earlier.pk)}), created on ${earlier.created.replace(/\.\d+/, "")} by a stack with this name (${connection.stackOf(origin)}), that is not in this stack's state. Whose it is cannot be determined. Either an earlier run of this stack was interrupted: run \`npx pulumi-authentik-invitations recover\` before \`pulumi up\`. Or another stack uses it: one with the same name in another backend, or one that had this name before \`pulumi stack rename\`.`,
    ),
  );
}

async function findEarlierCreation(
  connection: Connection,
  origin: Origin,
  object: CreatedObject,
): Promise<ObjectEvent | undefined> {
  const source = connection.sourceOf(origin);
  const creations = await readStackEvents(connection, origin, "model_created");
  const candidates = creations.filter(
    (event) =>
      event.model === object.model &&
      event.source === source &&
      event.nonce !== origin.nonce &&
      !object.isInState(event.pk),
  );
  if (candidates.length === 0) return undefined;
  const deletions = await readStackEvents(connection, origin, "model_deleted");
  const deleted = new Set(deletions.map(({ pk }) => pk));
  const [newest] = candidates.filter(({ pk }) => !deleted.has(pk));
  // It may have been used, or deleted by someone else.
  const found = newest && (await ifFound(object.retrieve(connection.clientOf(origin), newest.pk)));
  return found === undefined ? undefined : newest;
}

async function readStackEvents(
  connection: Connection,
  origin: Origin,
  action: "model_created" | "model_deleted",
): Promise<readonly ObjectEvent[]> {
  const stack = connection.stackOf(origin);
  const events = await connection.cached(`events ${action} ${stack}`, () =>
    connection.readEventLog(() => listStackEvents(connection.client.from(stack), stack, action)),
  );
  return events === "forbidden" ? [] : events;
}
