/**
 * An object is created exactly once, whatever happens to the request or to the run. authentik's event log has the nonce and the origin of each request,
 * and answers three questions: what did a POST create whose response was lost, what did an earlier run create that is not in the state, and what did an
 * interrupted run create, which `recover` asks.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "../authentik/client";
import { AuthentikError, ifFound, ServerError } from "../authentik/errors";
import { type EventAction, findCreation, listStackEvents, type ObjectEvent } from "../authentik/events";
import { logAbout } from "../common/log";
import { createNonce, type Origin } from "../common/origin";
import type { Properties } from "../values/properties";
import type { Connection } from "./connections";
import { UserError } from "./user-error";

interface Creation<Stored> {
  /** The object in messages: `invitation "jane"`. */
  readonly object: string;
  /** authentik's name of its model in the event log: `invitation`. */
  readonly model: string;
  /** The id in the state of the object with this pk. */
  id(pk: string): string;
  create(client: Client): Promise<Stored>;
  retrieve(client: Client, pk: string): Promise<Stored>;
}

/** What became of a create request whose run was interrupted before it saved the result. */
export type Recovery =
  | { readonly outcome: "created"; readonly id: string; readonly outputs: Properties; readonly created: string }
  | { readonly outcome: "not created" }
  | { readonly outcome: "unclear"; readonly reason: string };

/** A kind of object whose interrupted creations can be recovered. */
export interface Recoverable {
  /** Finds what the create request with these inputs created. `isInState` says whether a state has the id. */
  recover(inputs: Properties, options: RecoveryOptions): Promise<Recovery>;
}

export interface RecoveryOptions {
  isInState(id: string): boolean;
  /** The outputs in the state, if the interrupted operation was an update. An update of a batch creates invitations, and any update may email links. */
  readonly outputs?: Properties;
}

/** What nothing but the event log can say: equal objects may be of another stack. */
export const causesOfUnclear = {
  noOrigin: "an older version of this package created it",
  noEvents:
    "the token's user is not allowed to read the event log (permission authentik_events.view_event, which also shows every email that authentik sends)",
} as const;

/** Milliseconds before each lookup of what a POST may have created: the server may still be processing it, and events may be late. */
export const lookupDelays = [0, 1000, 3000] as const;

/** How often a POST is sent if a gateway rejects it each time. */
const maxAttempts = 8;

/** Milliseconds to wait for the event log before a warning: it is not worth more. */
const maxWait = 5000;

/** Pks that this process has seen in a state, or created. */
const knownPks = new Set<string>();

/** The connections with a warning that explains itself. A killed run may have created each entry of a large batch. */
const explained = new WeakSet<Connection>();

/** Remembers the pk of an object in the state, which no earlier run has lost. */
export function trackPk(pk: string): void {
  knownPks.add(pk);
}

/** The outputs of a resource in the state, whose pk is tracked. */
export function trackState<State extends { readonly pk: string }>(outputs: Properties): State {
  const state = outputs as unknown as State;
  trackPk(state.pk);
  return state;
}

/** Creates an object, or adopts the one that a lost response was about. Warns about one that an earlier run created and did not save. */
export async function createExactlyOnce<Stored extends { readonly pk: string }>(
  connection: Connection,
  origin: Origin | undefined,
  creation: Creation<Stored>,
): Promise<Stored> {
  const [stored] = await Promise.all([
    createOnce(connection, origin, creation),
    warnAboutEarlierCreation(connection, origin, creation),
  ]);
  trackPk(stored.pk);
  return stored;
}

/**
 * What authentik's event log has of the create request with the origin's nonce. `stored` is undefined if the object has been deleted or used
 * since.
 */
export async function findInterruptedCreation<Stored>(
  connection: Connection,
  origin: Origin | undefined,
  { object, model, retrieve }: Pick<Creation<Stored>, "object" | "model" | "retrieve">,
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
  const event = await lookUpCreation(connection, client, model, origin.nonce);
  if (event === "forbidden") return unclear(causesOfUnclear.noEvents);
  if (event === undefined) return { outcome: "not created" };
  return { outcome: "found", event, stored: await ifFound(retrieve(client, event.pk)) };
}

/** The creation that the request with this nonce caused, as far as the event log can be read. */
async function lookUpCreation(
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

/**
 * Creates an object with a POST, which is never sent again if it may have been carried out. If its response is lost, authentik's event log says
 * whether the POST was carried out and which object it created, because every event has the User-Agent of its request. That object is
 * adopted, and no other. A gateway that limits the rate of requests responds with 503 at once, without passing the request on: then, if the event log has
 * nothing either, the POST is sent again.
 */
async function createOnce<Stored>(
  connection: Connection,
  origin: Origin | undefined,
  creation: Creation<Stored>,
): Promise<Stored> {
  const nonce = origin?.nonce ?? createNonce();
  const client = connection.clientOf(origin).ignoringCancellation();
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await creation.create(connection.clientOf(origin, nonce));
    } catch (error) {
      if (!(error instanceof AuthentikError) || !error.outcomeUnknown) throw error;
      const created = await findCreated(connection, client, nonce, creation, error);
      if (created !== undefined) {
        const adopted =
          "the response to the create request was lost. authentik had created it; adopted the existing one.";
        logAbout(creation.object, "warn", adopted);
        return created;
      }
      // With 502 and 504, a gateway may have passed the request on to a server that is still processing it.
      const isRejection = error instanceof ServerError && error.request.status === 503;
      if (attempt < maxAttempts && isRejection) continue;
      throw explain(
        error,
        "authentik's event log has no object that this request created. Run `pulumi up` again. If authentik did create the object and its event arrives late, that run warns about it.",
      );
    }
  }
}

/** The object that the request created; `undefined` if it created none. */
async function findCreated<Stored>(
  connection: Connection,
  client: Client,
  nonce: string,
  { object, model, retrieve }: Creation<Stored>,
  lost: AuthentikError,
): Promise<Stored | undefined> {
  const unclear = (cause: string): UserError =>
    explain(
      lost,
      `Whether authentik created ${object} is unknown, because ${cause} Check authentik before you run \`pulumi up\` again, and import it with the resource option import if it exists.`,
    );
  try {
    const event = await lookUpCreation(connection, client, model, nonce);
    if (event === "forbidden") throw unclear(`${causesOfUnclear.noEvents}.`);
    return event && (await retrieve(client, event.pk));
  } catch (error) {
    throw error instanceof AuthentikError ? unclear(`the lookup failed as well: ${error.description}`) : error;
  }
}

function explain(error: AuthentikError, explanation: string): UserError {
  return new UserError(error.explain(explanation), { cause: error });
}

/**
 * Warns if authentik has an object that an earlier run created for the same resource and that is not in the state: the run was killed before
 * it could save the state. Does not adopt it, because a stack of the same name in another backend looks the same.
 *
 * Sends one request per process, a second one if it finds an earlier creation, and one more for a resource with such a creation. Never fails.
 */
async function warnAboutEarlierCreation(
  connection: Connection,
  origin: Origin | undefined,
  creation: Creation<unknown>,
): Promise<void> {
  if (origin === undefined) return;
  const earlier = await Promise.race([
    findEarlierCreation(connection, origin, creation).catch(() => undefined),
    sleep(maxWait, undefined, { ref: false }),
  ]);
  if (earlier === undefined) return;
  const meaning = explained.has(connection)
    ? "See the first of these warnings for what to do."
    : "Whose it is cannot be determined. Either an earlier run of this stack was interrupted: run `npx pulumi-authentik-invitations recover` before `pulumi up`. Or another stack uses it: one with the same name in another backend, or one that had this name before `pulumi stack rename`.";
  explained.add(connection);
  logAbout(
    creation.object,
    "warn",
    `authentik has another one (id ${creation.id(earlier.pk)}), created on ${earlier.created.replace(/\.\d+/, "")} by a stack with this name (${connection.stackOf(origin)}), that is not in this stack's state. ${meaning}`,
  );
}

async function findEarlierCreation(
  connection: Connection,
  origin: Origin,
  { model, retrieve }: Creation<unknown>,
): Promise<ObjectEvent | undefined> {
  const source = connection.sourceOf(origin);
  const candidates = (await readStackEvents(connection, origin, "model_created")).filter(
    (event) =>
      event.model === model && event.source === source && event.nonce !== origin.nonce && !knownPks.has(event.pk),
  );
  if (candidates.length === 0) return undefined;
  const deleted = new Set((await readStackEvents(connection, origin, "model_deleted")).map(({ pk }) => pk));
  const newest = candidates.find(({ pk }) => !deleted.has(pk));
  // It may have been used, or deleted by someone else.
  const found = newest && (await ifFound(retrieve(connection.clientOf(origin), newest.pk)));
  return found === undefined ? undefined : newest;
}

async function readStackEvents(
  connection: Connection,
  origin: Origin,
  action: EventAction,
): Promise<readonly ObjectEvent[]> {
  const stack = connection.stackOf(origin);
  // If the server does not answer, more retries would take turns with those of the creation.
  const client = connection.client.from(stack).retryingFor(maxWait);
  const events = await connection.cached(`events ${action} ${stack}`, () =>
    connection.readEventLog(() => listStackEvents(client, stack, action)),
  );
  return events === "forbidden" ? [] : events;
}
