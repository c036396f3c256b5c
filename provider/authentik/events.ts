import * as z from "zod";
import { normalizeUuid } from "../common/pk";
import { withoutUndefined } from "../values/properties";
import type { Client } from "./client";
import { parseUserAgent } from "./user-agent";
import { displayedString, wireInstant } from "./wire";

/** An entry of authentik's event log that concerns one object. */
export interface ObjectEvent {
  /** `model_created`, `model_updated`, `model_deleted`, `invitation_used`. */
  readonly action: string;
  /** RFC 3339. */
  readonly created: string;
  readonly pk: string;
  /** The object's model: `invitation`, `invitationstage`, `flow`, `flowstagebinding`. `undefined` for a use. */
  readonly model: string | undefined;
  /** The user whose request caused it; `AnonymousUser` for an invitee. */
  readonly username: string | undefined;
  /** Path of the request that caused it; `undefined` for authentik's cleanup task (case `events.swept.search-hex`). */
  readonly path: string | undefined;
  /** Where the request came from if this package sent it, for example `project/stack; tag`. */
  readonly source: string | undefined;
  readonly nonce: string | undefined;
}

/** The actions that a search can be limited to. Each use of an invitation writes an event, so that others are soon beyond the first page. */
export type EventAction = "model_created" | "model_updated" | "model_deleted";

const wireRequest = z.object({ path: z.string().optional(), user_agent: z.string().optional() }).optional();

/** None for an event that concerns no object. */
const wireEvent = z
  .object({
    action: z.string(),
    created: wireInstant,
    user: z.object({ username: displayedString }).nullish().catch(undefined),
    context: z
      .object({
        model: z.object({ pk: z.unknown(), model_name: z.string().optional() }).optional(),
        invitation_uuid: z.string().optional(),
        http_request: wireRequest,
      })
      .nullish(),
  })
  .transform(({ action, created, user, context }): ObjectEvent[] => {
    const pk = normalizeUuid(String(context?.model?.pk ?? context?.invitation_uuid ?? ""));
    if (pk === undefined) return [];
    const { path, user_agent: userAgent } = context?.http_request ?? {};
    const { source, nonce } = parseUserAgent(userAgent);
    return [{ action, created, pk, model: context?.model?.model_name, username: user?.username, path, source, nonce }];
  });

/** The events to read, newest first. */
interface EventQuery<Row> {
  /** Words that all have to occur somewhere in the event. */
  readonly search?: string;
  readonly action?: string | undefined;
  readonly failure: string;
  readonly secrets?: readonly string[];
  readonly row: z.ZodType<Row>;
}

/** `GET /api/v3/events/events/`: 100 events, the newest ones unless `page` is given. `next` is the next page's number, 0 on the last page. */
async function readPage<Row>(
  client: Client,
  { search, action, failure, secrets = [], row }: EventQuery<Row>,
  page?: string,
): Promise<{ results: Row[]; next: number }> {
  const query = withoutUndefined({ search, ordering: "-created", page_size: "100", action, page });
  const { results, pagination } = await client.send(
    {
      method: "GET",
      path: "events/events/",
      query: query as Record<string, string>,
      failure,
      permission: "authentik_events.view_event",
      secrets,
    },
    z.object({ pagination: z.object({ next: z.number() }).optional(), results: z.array(row) }),
  );
  // An empty page is the last one, whatever it says.
  return { results, next: results.length === 0 ? 0 : (pagination?.next ?? 0) };
}

/** Pages of 100 events that are read at most. */
const maxPages = 5000;

async function* readPages<Row>(client: Client, query: EventQuery<Row>): AsyncGenerator<readonly Row[]> {
  for (let page = 1; page !== 0 && page <= maxPages; ) {
    const { results, next } = await readPage(client, query, String(page));
    yield results;
    // A page number that does not increase, or a server whose log never ends, would loop forever.
    page = next > page ? next : 0;
  }
}

/** The newest 100 events that match, newest first. Events may arrive seconds late. */
async function searchEvents(client: Client, query: Omit<EventQuery<unknown>, "row">): Promise<ObjectEvent[]> {
  const { results } = await readPage(client, { ...query, row: wireEvent });
  return results.flat();
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
  const events = await searchEvents(client, { search: hex, failure, secrets: [pk, hex], action });
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
export async function listStackEvents(client: Client, stack: string, action: EventAction): Promise<ObjectEvent[]> {
  const events = await searchEvents(client, { ...ofStack(stack), action });
  return events.filter(({ source }) => source === stack || source?.startsWith(`${stack}; `));
}

function ofStack(stack: string) {
  return { search: `pulumi-authentik-invitations ${stack}`, failure: "Could not read the stack's events" };
}

interface EventPages {
  readonly search: string;
  readonly action?: EventAction | undefined;
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
  let pages = 0;
  if (pks.size === 0) return found;
  const query = { search, action, failure: "Could not read the event log", row: wireEvent };
  for await (const results of readPages(client, query)) {
    const events = results.flat();
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
  if (nonces.size === 0) return found;
  for await (const results of readPages(client, { ...ofStack(stack), action: "model_created", row: wireEvent })) {
    for (const event of results.flat()) {
      const value: Value | undefined = nonces.get(event.nonce ?? "");
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
  readonly username: string | undefined;
  readonly email: string | undefined;
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
      http_request: wireRequest,
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
  for await (const results of readPages(client, {
    action,
    failure: "Could not read the event log",
    row: wireActivity,
  })) {
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
