import { z } from "zod";
import type { Client } from "./client";

/** An entry of authentik's event log that concerns one object. */
export interface ObjectEvent {
  /** `model_created`, `model_updated`, `model_deleted`, `invitation_used`. */
  readonly action: string;
  /** RFC 3339. */
  readonly created: string;
  /** The user whose request caused it; `AnonymousUser` for an invitee. */
  readonly username: string | undefined;
  /** Path of the request that caused it; none for authentik's cleanup task (case `events.swept.search-hex`). */
  readonly path: string | undefined;
}

const wireEvent = z.object({
  action: z.string(),
  created: z.string(),
  user: z.object({ username: z.string().optional() }).nullish(),
  context: z
    .object({
      model: z.object({ pk: z.unknown() }).optional(),
      invitation_uuid: z.string().optional(),
      http_request: z.object({ path: z.string().optional() }).optional(),
    })
    .nullish(),
});

/**
 * `GET /api/v3/events/events/?search=`: the newest events of the object with this pk, newest first. The log stores pks without dashes; a
 * search with dashes misses creations and uses (case `events.used.search-dashed`). Events may be seconds late.
 */
export async function listEvents(client: Client, pk: string, objectName: string): Promise<ObjectEvent[]> {
  const hex = pk.replaceAll("-", "");
  const page = await client.send(
    {
      method: "GET",
      path: "events/events/",
      query: { search: hex, ordering: "-created", page_size: "100" },
      failure: `Could not read the events of ${objectName}`,
      permission: "authentik_events.view_event",
      secrets: [pk, hex],
    },
    z.object({ results: z.array(wireEvent) }),
  );
  // The search matches anywhere in an event, so it also finds objects that only refer to this one.
  return page.results
    .filter(({ context }) => context?.model?.pk === hex || context?.invitation_uuid === hex)
    .map(({ action, created, user, context }) => ({
      action,
      created,
      username: user?.username,
      path: context?.http_request?.path,
    }));
}
