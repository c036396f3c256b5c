import { type Body, pk } from "./response-bodies";

export const pkHex = pk.replaceAll("-", "");
export const eventsPath = "/events/events/";

/** The request for the events of the object with this pk, of one action if it is given. */
export const eventsRequest = (objectPk: string = pk, action?: string): string =>
  `GET ${eventsPath}?search=${objectPk.replaceAll("-", "")}&ordering=-created&page_size=100${action === undefined ? "" : `&action=${action}`}`;

const executorPath = "/api/v3/flows/executor/enrollment/";

export interface EventOptions {
  readonly created?: string;
  readonly username?: string;
  /** Path of the request that caused the event; none for authentik's cleanup task. */
  readonly path?: string | undefined;
  /** In hex, as the event log stores it. */
  readonly objectPk?: string;
  /** Of the request that caused the event. */
  readonly userAgent?: string;
  readonly model?: string;
}

/** Cases `events.deleted.search-hex` and `events.swept.search-hex`, abridged. */
function modelEvent(
  action: string,
  {
    created = "2026-11-22T08:59:51.778378Z",
    username = "akadmin",
    objectPk = pkHex,
    path,
    userAgent,
    model = "invitation",
  }: EventOptions,
): Body {
  return {
    pk: "0c1cf7a6-2f9f-4b3b-a2bd-4c6a26ecd1b5",
    user: { pk: 3, email: "root@example.com", username },
    action,
    app: "authentik.events.middleware",
    context: {
      model: { pk: objectPk, app: "authentik_stages_invitation", name: "jane", model_name: model },
      ...(path === undefined ? {} : { http_request: { args: {}, path, method: "DELETE", user_agent: userAgent } }),
    },
    client_ip: "127.0.0.1",
    created,
    expires: "2027-11-22T08:59:51.778378Z",
  };
}

export function createdEvent(options: EventOptions = {}): Body {
  const path = "/api/v3/stages/invitation/invitations/";
  return modelEvent("model_created", { created: "2026-11-22T08:00:00.000001Z", path, ...options });
}

export function updatedEvent(options: EventOptions = {}): Body {
  return modelEvent("model_updated", { path: `/api/v3/stages/invitation/invitations/${pk}/`, ...options });
}

export function deletedEvent(options: EventOptions = {}): Body {
  return modelEvent("model_deleted", { path: `/api/v3/stages/invitation/invitations/${pk}/`, ...options });
}

/** A deletion by the flow executor: when a single-use invitation is used, and when 2026.2 rejects an expired link. */
export function deletedByExecutorEvent(options: EventOptions = {}): Body {
  return deletedEvent({ username: "AnonymousUser", path: executorPath, ...options });
}

/** A deletion by authentik's cleanup task: case `events.swept.search-hex`. */
export function cleanedUpEvent(options: EventOptions = {}): Body {
  return deletedEvent({ username: "authentik-shell", path: undefined, ...options });
}

/** Case `events.used.search-hex`. */
export function usedEvent({ created = "2026-11-22T08:59:49.993798Z", objectPk = pkHex }: EventOptions = {}): Body {
  return {
    ...modelEvent("invitation_used", { created, username: "AnonymousUser" }),
    app: "authentik.events.signals",
    context: { http_request: { args: {}, path: executorPath, method: "GET" }, invitation_uuid: objectPk },
  };
}
