import { type Body, pk } from "./bodies";
import { settings } from "./exchanges";

export const hex = pk.replaceAll("-", "");
export const eventsPath = "/events/events/";

/** What is sent to learn what happened to the object with this pk. */
export const eventsRequest = (ofPk: string = pk): string =>
  `GET ${eventsPath}?search=${ofPk.replaceAll("-", "")}&ordering=-created&page_size=100`;

const executor = "/api/v3/flows/executor/enrollment/";

export interface EventOptions {
  readonly at?: string;
  readonly by?: string;
  /** Path of the request that did it; none for the clean-up. */
  readonly path?: string | undefined;
  readonly of?: string;
}

/** Cases `events.deleted.search-hex` and `events.swept.search-hex`, in short. */
function modelEvent(
  action: string,
  { at = "2026-11-22T08:59:51.778378Z", by = "akadmin", ...rest }: EventOptions,
): Body {
  const { of = hex, path } = rest;
  return {
    pk: "0c1cf7a6-2f9f-4b3b-a2bd-4c6a26ecd1b5",
    user: { pk: 3, email: "root@example.com", username: by },
    action,
    app: "authentik.events.middleware",
    context: {
      model: { pk: of, app: "authentik_stages_invitation", name: "jane", model_name: "invitation" },
      ...(path === undefined ? {} : { http_request: { args: {}, path, method: "DELETE" } }),
    },
    client_ip: "127.0.0.1",
    created: at,
    expires: "2027-11-22T08:59:51.778378Z",
  };
}

export function created(options: EventOptions = {}): Body {
  const path = "/api/v3/stages/invitation/invitations/";
  return modelEvent("model_created", { at: "2026-11-22T08:00:00.000001Z", path, ...options });
}

export function updated(options: EventOptions = {}): Body {
  return modelEvent("model_updated", { path: `/api/v3/stages/invitation/invitations/${pk}/`, ...options });
}

export function deleted(options: EventOptions = {}): Body {
  return modelEvent("model_deleted", { path: `/api/v3/stages/invitation/invitations/${pk}/`, ...options });
}

/** The deletion that the flow executor writes: with a use, and where 2026.2 refuses an expired link. */
export function deletedByExecutor(options: EventOptions = {}): Body {
  return deleted({ by: "AnonymousUser", path: executor, ...options });
}

/** Case `events.swept.search-hex`. */
export function swept(options: EventOptions = {}): Body {
  return deleted({ by: "authentik-shell", path: undefined, ...options });
}

/** Case `events.used.search-hex`. */
export function used({ at = "2026-11-22T08:59:49.993798Z", of = hex }: EventOptions = {}): Body {
  return {
    ...modelEvent("invitation_used", { at, by: "AnonymousUser" }),
    app: "authentik.events.signals",
    context: { http_request: { args: {}, path: executor, method: "GET" }, invitation_uuid: of },
  };
}

let count = 0;

/** Settings with which a connection is made that has learnt nothing yet. */
export function freshSettings(more: Record<string, string> = {}): Record<string, string> {
  count += 1;
  return { ...settings, "authentik:headers": JSON.stringify({ "x-test": String(count) }), ...more };
}
