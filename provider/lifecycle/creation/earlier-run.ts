import { setTimeout as sleep } from "node:timers/promises";
import { ifFound } from "../../authentik/errors";
import { listStackEvents, type ObjectEvent } from "../../authentik/events";
import { log } from "../../common/log";
import type { Origin } from "../../common/origin";
import { toPrintableLine } from "../../common/printable";
import { capitalize } from "../../values/strings";
import type { Connection } from "../connections";
import type { Creation } from "./creation";

/** Milliseconds to wait for the event log: a warning is not worth more. */
const maxWait = 5000;

/** The connections with a warning that explains itself. A killed run may have created each entry of a large batch. */
const explained = new WeakSet<Connection>();

/**
 * Warns if authentik has an object that an earlier run created for the same resource and that is not in the state: the run was killed before
 * it could save the state. Does not adopt it, because a stack of the same name in another backend looks the same.
 *
 * Sends one request per process, a second one if it finds an earlier creation, and one more for a resource with such a creation. Never fails.
 */
export async function warnAboutEarlierCreation(
  connection: Connection,
  origin: Origin | undefined,
  creation: Creation<unknown>,
  isInState: (pk: string) => boolean,
): Promise<void> {
  if (origin === undefined) return;
  const earlier = await Promise.race([
    findEarlierCreation(connection, origin, creation, isInState).catch(() => undefined),
    sleep(maxWait, undefined, { ref: false }),
  ]);
  if (earlier === undefined) return;
  const meaning = explained.has(connection)
    ? "See the first of these warnings for what to do."
    : "Whose it is cannot be determined. Either an earlier run of this stack was interrupted: run `npx pulumi-authentik-invitations recover` before `pulumi up`. Or another stack uses it: one with the same name in another backend, or one that had this name before `pulumi stack rename`.";
  explained.add(connection);
  log.warn(
    toPrintableLine(
      `${capitalize(creation.object)}: authentik has another one (id ${creation.id(earlier.pk)}), created on ${earlier.created.replace(/\.\d+/, "")} by a stack with this name (${connection.stackOf(origin)}), that is not in this stack's state. ${meaning}`,
    ),
  );
}

async function findEarlierCreation(
  connection: Connection,
  origin: Origin,
  creation: Creation<unknown>,
  isInState: (pk: string) => boolean,
): Promise<ObjectEvent | undefined> {
  const source = connection.sourceOf(origin);
  const creations = await readStackEvents(connection, origin, "model_created");
  const candidates = creations.filter(
    (event) =>
      event.model === creation.model && event.source === source && event.nonce !== origin.nonce && !isInState(event.pk),
  );
  if (candidates.length === 0) return undefined;
  const deletions = await readStackEvents(connection, origin, "model_deleted");
  const deleted = new Set(deletions.map(({ pk }) => pk));
  const [newest] = candidates.filter(({ pk }) => !deleted.has(pk));
  // It may have been used, or deleted by someone else.
  const found = newest && (await ifFound(creation.retrieve(connection.clientOf(origin), newest.pk)));
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
