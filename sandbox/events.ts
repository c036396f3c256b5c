import { parseUuid, toHex } from "./fields";
import type { Instance } from "./instance";
import { formatInstant, type Instant } from "./instants";
import { type Json, type JsonObject, stringifyJson } from "./json";
import {
  byString,
  type Comparator,
  filterRows,
  notFound,
  orderRows,
  paginate,
  searchTerms,
  unrecordedFilters,
} from "./lists";
import type { ApiRequest } from "./request";
import { apiError, type HttpResponse, json, notRecorded, permissionDenied } from "./responses";
import { hasPermission } from "./users";
import { withAllowHeader } from "./viewset";

/** How events refer to an object. */
export interface ObjectReference {
  app: string;
  model: string;
  pk: string;
  name: string;
}

interface Event {
  pk: string;
  user: JsonObject;
  action: string;
  app: string;
  context: JsonObject;
  clientIp: string | null;
  created: Instant;
  expires: Instant;
  brand: JsonObject;
  /** Clock time from which it is visible. Real events can appear seconds late. */
  visibleFrom: number;
  /** The lowercase text that a search matches, built on the first search. */
  searchText?: string;
  /** Its diff contains fixed data that authentik cannot read back. No recording shows such an event. */
  isUnreadable?: boolean;
}

const oneYearInMinutes = 365 * 24 * 60;

/** The event log of changes to invitations, invitation stages, flows and bindings. */
export class Events {
  private readonly rows: Event[] = [];
  private readonly brand: JsonObject;
  /** How long new events stay invisible. */
  delayMs = 0;

  constructor(private readonly instance: Instance) {
    this.brand = this.brandReference("Default brand");
  }

  logCreated(request: ApiRequest, ref: ObjectReference, values: JsonObject, isUnreadable = false): void {
    const diff: JsonObject = {};
    for (const [name, value] of Object.entries(values)) diff[name] = { new_value: value, previous_value: null };
    const { eventsIncludeDiff } = this.instance.behavior;
    const event = this.addRequestEvent(request, "model_created", {
      ...(eventsIncludeDiff ? { diff } : {}),
      model: modelContext(ref),
    });
    event.isUnreadable = isUnreadable && eventsIncludeDiff;
  }

  /** No recording shows the `diff` of a flow, which is therefore left out. */
  logFlowCreated(request: ApiRequest, ref: ObjectReference): void {
    this.addRequestEvent(request, "model_created", { model: modelContext(ref) });
  }

  /** Such an event does not name the changed fields. */
  logUpdated(request: ApiRequest, ref: ObjectReference): void {
    this.addRequestEvent(request, "model_updated", { model: modelContext(ref) });
  }

  logDeleted(request: ApiRequest, ref: ObjectReference): void {
    this.addRequestEvent(request, "model_deleted", { model: modelContext(ref) });
  }

  /** In contrast to model events, the UUID follows `http_request` in the context (events.used.by-action). */
  logInvitationUsed(request: ApiRequest, pk: string): void {
    this.add({
      user: userContext(request),
      action: "invitation_used",
      app: "authentik.events.signals",
      context: { http_request: httpRequestContext(request), invitation_uuid: toHex(pk) },
      clientIp: "127.0.0.1",
      brand: this.brand,
    });
  }

  /** No recording shows it. As authentik's source does: its user is the one that was written (`events/signals.py`, `on_user_write`). */
  logUserWritten(request: ApiRequest, user: { pk: number; email: string; username: string }): void {
    this.add({
      user: { pk: user.pk, email: user.email, username: user.username },
      action: "user_write",
      app: "authentik.events.signals",
      context: { created: true, username: user.username, http_request: httpRequestContext(request) },
      clientIp: "127.0.0.1",
      brand: this.brand,
    });
  }

  /** Deletions by the cleanup task have no request (events.swept.search-hex). */
  logCleanedUp(ref: ObjectReference): void {
    this.add({
      user: { pk: 0, email: "", username: "authentik-shell" },
      action: "model_deleted",
      app: "authentik.core.management.commands.shell",
      context: { model: modelContext(ref) },
      clientIp: null,
      brand: this.brandReference("Brand fallback"),
    });
  }

  /** The worker logs it after the request, so it has no user. Its body contains the link (field.email.event). */
  logEmailSent(mail: { to: string; subject: string; body: string }): void {
    this.add({
      user: {},
      action: "email_sent",
      app: "authentik.stages.email.tasks",
      context: {
        body: mail.body,
        message: `Email to ${mail.to} sent`,
        subject: mail.subject,
        to_email: [mail.to],
        from_email: "authentik@localhost",
      },
      clientIp: null,
      brand: this.brandReference("Brand fallback"),
    });
  }

  private addRequestEvent(request: ApiRequest, action: string, context: JsonObject): Event {
    return this.add({
      user: userContext(request),
      action,
      app: "authentik.events.middleware",
      context: { ...context, http_request: httpRequestContext(request) },
      clientIp: "127.0.0.1",
      brand: this.brand,
    });
  }

  private add(event: Pick<Event, "user" | "action" | "app" | "context" | "clientIp" | "brand">): Event {
    const added: Event = {
      pk: this.instance.uuid(),
      ...event,
      created: this.instance.timestamp(),
      expires: this.instance.timestamp(oneYearInMinutes),
      visibleFrom: this.instance.clock().getTime() + this.delayMs,
    };
    this.rows.push(added);
    return added;
  }

  private brandReference(name: string): JsonObject {
    return { pk: toHex(this.instance.uuid()), app: "authentik_brands", name, model_name: "brand" };
  }

  /** GET /events/events/ */
  dispatchList(request: ApiRequest): HttpResponse {
    return withAllowHeader("GET, POST, HEAD, OPTIONS", () => {
      this.instance.users.initialize(request);
      if (!request.user) throw apiError(403, { detail: "Authentication credentials were not provided." });
      if (request.method !== "GET" && request.method !== "HEAD") throw notRecorded(`${request.method} on events`);
      if (!hasPermission(request.user, "authentik_events.view_event")) throw permissionDenied();
      const filtered = filterRows<Event>(request, this.visibleEvents(), {
        action: (value) => (row) => row.action === value,
        ...unrecordedFilters([
          "actions",
          "brand_name",
          "client_ip",
          "context_authorized_app",
          "context_model_app",
          "context_model_name",
          "context_model_pk",
          "username",
        ]),
      });
      return paginate(request, orderRows(request, this.search(request, filtered), comparators, "-created"), serialize);
    });
  }

  dispatchDetail(request: ApiRequest, key: string): HttpResponse {
    return withAllowHeader("GET, PUT, PATCH, DELETE, HEAD, OPTIONS", () => {
      this.instance.users.initialize(request);
      if (!request.user || !hasPermission(request.user, "authentik_events.view_event")) throw permissionDenied();
      if (request.method !== "GET" && request.method !== "HEAD") throw notRecorded(`${request.method} on an event`);
      const pk = parseUuid(key);
      const event = this.visibleEvents().find((row) => row.pk === pk);
      if (!event) throw notFound(request, "Event");
      return json(200, serialize(event));
    });
  }

  private visibleEvents(): Event[] {
    const now = this.instance.clock().getTime();
    return this.rows.filter((row) => row.visibleFrom <= now);
  }

  /**
   * Searches all fields of an event. A pk without dashes finds all events of an object. A pk with dashes finds those whose request
   * path contains it (events.changed.search-dashed).
   */
  private search(request: ApiRequest, rows: Event[]): Event[] {
    const terms = searchTerms(request).map((term) => term.toLowerCase());
    // A User-Agent was found by its words (ground truth: "the event log is a ledger"), which may contain a dot or a slash.
    if (terms.some((term) => !/^[\w./-]+$/.test(term))) throw notRecorded("a search in events for anything but words");
    return rows.filter((row) => {
      row.searchText ??= stringifyJson([row.user, row.action, row.app, row.context, row.clientIp]).toLowerCase();
      return terms.every((term) => row.searchText?.includes(term));
    });
  }
}

function modelContext(ref: ObjectReference): JsonObject {
  return { pk: toHex(ref.pk), app: ref.app, name: ref.name, model_name: ref.model };
}

function userContext(request: ApiRequest): JsonObject {
  // events.used.search-hex: an invitee is not logged in.
  if (!request.user) return { pk: 1, email: "", username: "AnonymousUser", is_anonymous: true };
  return { pk: request.user.pk, email: request.user.email, username: request.user.username };
}

/** The parameters in the executor's nested `query` are redacted, because one of them is the token of the link. */
function httpRequestContext(request: ApiRequest): JsonObject {
  const args: JsonObject = {};
  for (const name of new URLSearchParams(request.parameter("query") ?? "").keys()) args[name] = "********************";
  return {
    args,
    path: request.path,
    method: request.method,
    request_id: toHex(request.id),
    user_agent: request.userAgent,
  };
}

function serialize(event: Event): Json {
  if (event.isUnreadable) throw notRecorded("an event with unreadable fixed data");
  return {
    pk: event.pk,
    user: event.user,
    action: event.action,
    app: event.app,
    context: event.context,
    client_ip: event.clientIp,
    created: formatInstant(event.created),
    expires: formatInstant(event.expires),
    brand: event.brand,
  };
}

const comparators: Record<string, Comparator<Event>> = { created: byString((row) => row.created) };
