import * as z from "zod";
import { normalizeUuid } from "../common/pk";
import type { Client } from "./client";
import { parseNonce, parseSource } from "./user-agent";
import { displayedString, wireInstant } from "./wire";

/** An entry of authentik's event log that concerns one object. */
export interface ObjectEvent {
  /** `model_created`, `model_updated`, `model_deleted`, `invitation_used`. */
  readonly action: string;
  /** RFC 3339. */
  readonly created: string;
  /** UUID of the object. */
  readonly pk: string;
  /** The object's model: `invitation`, `invitationstage`, `flow`, `flowstagebinding`. `undefined` for a use. */
  readonly model: string | undefined;
  /** The user whose request caused it; `AnonymousUser` for an invitee. */
  readonly username: string | undefined;
  /** Path of the request that caused it; `undefined` for authentik's cleanup task (case `events.swept.search-hex`). */
  readonly path: string | undefined;
  /** Where the request came from if this package sent it, for example `project/stack; tag`. */
  readonly source: string | undefined;
  /** The nonce of that request. */
  readonly nonce: string | undefined;
}

const wireEvent = z.object({
  action: z.string(),
  created: wireInstant,
  user: z.object({ username: displayedString }).nullish().catch(undefined),
  context: z
    .object({
      model: z.object({ pk: z.unknown(), model_name: z.string().optional() }).optional(),
      invitation_uuid: z.string().optional(),
      http_request: z.object({ path: z.string().optional(), user_agent: z.string().optional() }).optional(),
    })
    .nullish(),
});

/** The actions that a search can be limited to. Each use of an invitation writes an event, so that others are soon beyond the first page. */
export type EventAction = "model_created" | "model_updated" | "model_deleted";

interface EventQuery {
  /** Words that all have to occur somewhere in the event. */
  readonly search: string;
  readonly action?: EventAction;
  readonly failure: string;
  readonly secrets?: readonly string[];
}

function toQuery({ search, action }: EventQuery): Record<string, string> {
  return { search, ordering: "-created", page_size: "100", ...(action === undefined ? {} : { action }) };
}

interface LogRequest<Row> {
  readonly query: Readonly<Record<string, string>>;
  readonly failure: string;
  readonly secrets?: readonly string[] | undefined;
  readonly row: z.ZodType<Row>;
}

/** `GET /api/v3/events/events/`: a page of the log. `next` is the next page's number, 0 on the last page. */
async function readPage<Row>(
  client: Client,
  { query, failure, secrets = [], row }: LogRequest<Row>,
): Promise<{ results: Row[]; next: number }> {
  const { results, pagination } = await client.send(
    { method: "GET", path: "events/events/", query, failure, permission: "authentik_events.view_event", secrets },
    z.object({ pagination: z.object({ next: z.number() }).optional(), results: z.array(row) }),
  );
  // An empty page is the last one, whatever it says.
  return { results, next: results.length === 0 ? 0 : (pagination?.next ?? 0) };
}

/** Pages of 100 events that are read at most. */
const maxPages = 5000;

async function* readPages<Row>(client: Client, request: LogRequest<Row>): AsyncGenerator<readonly Row[]> {
  for (let page = 1; page !== 0 && page <= maxPages; ) {
    const query = { ...request.query, page: String(page) };
    const { results, next } = await readPage(client, { ...request, query });
    yield results;
    // A page number that does not increase, or a server whose log never ends, would loop forever.
    page = next > page ? next : 0;
  }
}

/** The newest 100 events that match, newest first. Events may arrive seconds late. */
async function searchEvents(client: Client, query: EventQuery): Promise<ObjectEvent[]> {
  const { failure, secrets } = query;
  const { results } = await readPage(client, { query: toQuery(query), failure, secrets, row: wireEvent });
  return results.flatMap(toObjectEvents);
}

/** The pages of events that match, newest first. */
async function* readEventPages(client: Client, query: EventQuery): AsyncGenerator<readonly ObjectEvent[]> {
  const request = { query: toQuery(query), failure: query.failure, row: wireEvent };
  for await (const results of readPages(client, request)) yield results.flatMap(toObjectEvents);
}

/** None for an event that concerns no object. */
function toObjectEvents({ action, created, user, context }: z.output<typeof wireEvent>): ObjectEvent[] {
  const pk = normalizeUuid(String(context?.model?.pk ?? context?.invitation_uuid ?? ""));
  if (pk === undefined) return [];
  const { path, user_agent: userAgent } = context?.http_request ?? {};
  const [source, nonce] = [parseSource(userAgent), parseNonce(userAgent)];
  return [{ action, created, pk, model: context?.model?.model_name, username: user?.username, path, source, nonce }];
}

/**
 * The newest events of one object, of one action if it is given. The log stores pks without dashes; a search with dashes misses creations and uses
 * (case `events.used.search-dashed`).
 */
export async function listEvents(
  client: Client,
  pk: string,
  objectName: string,
  action?: EventAction,
): Promise<ObjectEvent[]> {
  const hex = pk.replaceAll("-", "");
  const failure = `Could not read the events of ${objectName}`;
  const events = await searchEvents(client, {
    search: hex,
    failure,
    secrets: [pk, hex],
    ...(action === undefined ? {} : { action }),
  });
  // The search matches anywhere in an event, so it also finds objects that only refer to this one.
  return events.filter((event) => event.pk === pk);
}

/** The creation that the request with this nonce caused. */
export async function findCreation(client: Client, model: string, nonce: string): Promise<ObjectEvent | undefined> {
  const failure = "Could not look up the create request in authentik's event log";
  const events = await searchEvents(client, { search: nonce, action: "model_created", failure });
  return events.find((event) => event.model === model && event.nonce === nonce);
}

/** The newest creations or deletions by a stack: `stack` is `project/stack`. */
export async function listStackEvents(
  client: Client,
  stack: string,
  action: "model_created" | "model_deleted",
): Promise<ObjectEvent[]> {
  const failure = "Could not read the stack's events";
  const events = await searchEvents(client, { search: `pulumi-authentik-invitations ${stack}`, action, failure });
  return events.filter(({ source }) => source === stack || source?.startsWith(`${stack}; `));
}

interface EventPages {
  readonly search: string;
  readonly action?: EventQuery["action"];
  /** Stops at the first older event. */
  readonly since?: Date;
  readonly maxPages?: number;
}

/**
 * The events of several objects by pk, newest first. Reads as many pages of the log as it takes, which is fewer requests than a search for each
 * of many objects.
 */
export async function listObjectEvents(
  client: Client,
  pks: ReadonlySet<string>,
  { search, action, since, maxPages = Number.POSITIVE_INFINITY }: EventPages,
): Promise<Map<string, ObjectEvent[]>> {
  const found = new Map<string, ObjectEvent[]>();
  // Each object has one creation, so all of them may be found before the last page.
  const isComplete = (): boolean => action === "model_created" && found.size === pks.size;
  const query = { search, failure: "Could not read the event log", ...(action === undefined ? {} : { action }) };
  let pages = 0;
  if (pks.size === 0) return found;
  for await (const events of readEventPages(client, query)) {
    pages += 1;
    for (const event of events) {
      if (pks.has(event.pk)) found.set(event.pk, [...(found.get(event.pk) ?? []), event]);
    }
    const oldest = events.at(-1)?.created;
    const isPast = since !== undefined && oldest !== undefined && Date.parse(oldest) < since.getTime();
    if (isPast || pages >= maxPages || isComplete()) break;
  }
  return found;
}

/** The creations that requests with these nonces caused, by the values that the nonces stand for. Reads all pages of the stack's creations. */
export async function listStackCreations<Value>(
  client: Client,
  stack: string,
  model: string,
  nonces: ReadonlyMap<string, Value>,
): Promise<Map<Value, ObjectEvent>> {
  const found = new Map<Value, ObjectEvent>();
  const search = `pulumi-authentik-invitations ${stack}`;
  const failure = "Could not read the stack's events";
  if (nonces.size === 0) return found;
  for await (const events of readEventPages(client, { search, action: "model_created", failure })) {
    for (const event of events) {
      const value = nonces.get(event.nonce ?? "");
      // The newest comes first: a key may have been removed and added again.
      if (event.model === model && value !== undefined && !found.has(value)) found.set(value, event);
    }
    if (found.size === nonces.size) break;
  }
  return found;
}

/** A use of an invitation, the deletion of one, or the write of a user by a flow: what happened, and from where. */
export interface Activity {
  readonly action: "invitation_used" | "model_deleted" | "user_write";
  /** RFC 3339. */
  readonly created: string;
  /** UUID of the invitation; `undefined` for the write of a user. */
  readonly pk: string | undefined;
  /** Path of the request, which contains the flow's slug. */
  readonly path: string | undefined;
  /** Address and User-Agent of the request. An enrollment takes several requests, which share no id. */
  readonly client: string;
  /** The user that was written. */
  readonly username: string | undefined;
  readonly email: string | undefined;
  /** Whether the user was created. */
  readonly isNewUser: boolean;
}

const wireActivity = z.object({
  created: wireInstant,
  client_ip: z.string().nullish(),
  user: z.object({ username: displayedString, email: z.string().optional() }).nullish().catch(undefined),
  context: z
    .object({
      model: z.object({ pk: z.unknown() }).nullish().catch(undefined),
      invitation_uuid: z.string().optional(),
      created: z.boolean().optional().catch(undefined),
      http_request: z.object({ path: z.string().optional(), user_agent: z.string().optional() }).optional(),
    })
    .nullish(),
});

/** The activities of one kind, newest first. Stops at the first one before `since`. */
export async function listActivities(
  client: Client,
  action: Activity["action"],
  since: Date | undefined,
): Promise<Activity[]> {
  const found: Activity[] = [];
  const query = { action, ordering: "-created", page_size: "100" };
  const request = { query, failure: "Could not read the event log", row: wireActivity };
  for await (const results of readPages(client, request)) {
    for (const { created, client_ip: address, user, context } of results) {
      const { path, user_agent: userAgent } = context?.http_request ?? {};
      found.push({
        action,
        created,
        pk: normalizeUuid(String(context?.model?.pk ?? context?.invitation_uuid ?? "")),
        path,
        client: JSON.stringify([address, userAgent]),
        username: user?.username,
        email: user?.email,
        isNewUser: context?.created === true,
      });
    }
    const oldest = found.at(-1)?.created;
    if (since && oldest && Date.parse(oldest) < since.getTime()) break;
  }
  return found;
}
