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

/** An object as events name it. */
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
  /** Since when it can be seen: events may come late. */
  visibleFrom: number;
  /** All in which a search looks, made when it is first needed. */
  searchText?: string;
  /** It tells fixed data that cannot be read back: nobody saw what becomes of such an event. */
  isUnreadable?: boolean;
}

const oneYearInMinutes = 365 * 24 * 60;

/** The event log, written by what is done to invitations, invitation stages and bindings. */
export class Events {
  private readonly rows: Event[] = [];
  private readonly brand: JsonObject;
  /** How many milliseconds late events appear. */
  delayMs = 0;

  constructor(private readonly instance: Instance) {
    this.brand = this.brandReference("Default brand");
  }

  logCreated(call: ApiRequest, ref: ObjectReference, values: JsonObject, poisoned = false): void {
    const diff: JsonObject = {};
    for (const [name, value] of Object.entries(values)) diff[name] = { new_value: value, previous_value: null };
    const told: JsonObject = this.instance.behavior.eventsIncludeDiff ? { diff } : {};
    const event = this.addRequestEvent(call, "model_created", { ...told, model: modelContext(ref) });
    event.isUnreadable = poisoned && this.instance.behavior.eventsIncludeDiff;
  }

  /** It does not say which fields. */
  logUpdated(call: ApiRequest, ref: ObjectReference): void {
    this.addRequestEvent(call, "model_updated", { model: modelContext(ref) });
  }

  logDeleted(call: ApiRequest, ref: ObjectReference): void {
    this.addRequestEvent(call, "model_deleted", { model: modelContext(ref) });
  }

  /** events.used.by-action: the invitation's UUID follows the request, other than in events about objects. */
  logInvitationUsed(call: ApiRequest, pk: string): void {
    this.add({
      user: userContext(call),
      action: "invitation_used",
      app: "authentik.events.signals",
      context: { http_request: httpRequestContext(call), invitation_uuid: toHex(pk) },
      clientIp: "127.0.0.1",
      brand: this.brand,
    });
  }

  /** What the clean-up deletes has no request (events.swept.search-hex). */
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

  private addRequestEvent(call: ApiRequest, action: string, context: JsonObject): Event {
    return this.add({
      user: userContext(call),
      action,
      app: "authentik.events.middleware",
      context: { ...context, http_request: httpRequestContext(call) },
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
  answerList(call: ApiRequest): HttpResponse {
    return withAllowHeader("GET, POST, HEAD, OPTIONS", () => {
      this.initialize(call);
      if (!call.user) throw apiError(403, { detail: "Authentication credentials were not provided." });
      if (call.method !== "GET" && call.method !== "HEAD") throw notRecorded(`${call.method} on events`);
      if (!hasPermission(call.user, "authentik_events.view_event")) throw permissionDenied();
      const found = filterRows<Event>(call, this.visibleEvents(), {
        action: (text) => (row) => row.action === text,
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
      return paginate(
        call,
        orderRows(call, this.search(call, found), comparators, "-created"),
        serialize,
        autocomplete,
      );
    });
  }

  dispatchDetail(call: ApiRequest, key: string): HttpResponse {
    return withAllowHeader("GET, PUT, PATCH, DELETE, HEAD, OPTIONS", () => {
      this.initialize(call);
      if (!call.user || !hasPermission(call.user, "authentik_events.view_event")) throw permissionDenied();
      if (call.method !== "GET" && call.method !== "HEAD") throw notRecorded(`${call.method} on an event`);
      const pk = parseUuid(key);
      const event = this.visibleEvents().find((row) => row.pk === pk);
      if (!event) throw notFound(call, "Event");
      return json(200, serialize(event));
    });
  }

  private initialize(call: ApiRequest): void {
    if (!call.acceptsJson()) throw apiError(406, { detail: "Could not satisfy the request Accept header." });
    call.user = this.instance.users.authenticate(call);
  }

  private visibleEvents(): Event[] {
    const now = this.instance.clock().getTime();
    return this.rows.filter((row) => row.visibleFrom <= now);
  }

  /** Looks through all that an event holds: the pk without dashes finds all of an object's life, with dashes what its path names (events.changed.search-dashed). */
  private search(call: ApiRequest, rows: Event[]): Event[] {
    const words = searchTerms(call).map((word) => word.toLowerCase());
    if (words.some((word) => !/^[\w-]+$/.test(word))) throw notRecorded("a search through events for more than a word");
    return rows.filter((row) => {
      row.searchText ??= stringifyJson([row.user, row.action, row.app, row.context, row.clientIp]).toLowerCase();
      return words.every((word) => row.searchText?.includes(word));
    });
  }
}

function modelContext(ref: ObjectReference): JsonObject {
  return { pk: toHex(ref.pk), app: ref.app, name: ref.name, model_name: ref.model };
}

function userContext(call: ApiRequest): JsonObject {
  // events.used.search-hex: an invitee is nobody yet.
  if (!call.user) return { pk: 1, email: "", username: "AnonymousUser", is_anonymous: true };
  return { pk: call.user.pk, email: call.user.email, username: call.user.username };
}

/** The executor's query holds a query of its own, whose token is not told. */
function httpRequestContext(call: ApiRequest): JsonObject {
  const args: JsonObject = {};
  for (const name of new URLSearchParams(call.parameter("query") ?? "").keys()) args[name] = "********************";
  return { args, path: call.path, method: call.method, request_id: toHex(call.id), user_agent: call.userAgent };
}

function serialize(event: Event): Json {
  if (event.isUnreadable) throw notRecorded("an event about fixed data that cannot be read back");
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

const autocompleteField = (type: string, options: Json = null): JsonObject => ({ type, nullable: false, options });
const autocompleteRelation = (name: string): JsonObject => ({
  ...autocompleteField("relation"),
  relation: `authentik_events.event_${name}`,
});

/** What 2026.2 adds to lists of events (events.used.search-hex). */
const autocomplete: JsonObject = {
  current_model: "authentik_events.event",
  models: {
    "authentik_events.event": {
      action: autocompleteField("str", [
        "login",
        "login_failed",
        "logout",
        "user_write",
        "suspicious_request",
        "password_set",
        "secret_view",
        "secret_rotate",
        "invitation_used",
        "authorize_application",
        "source_linked",
        "impersonation_started",
        "impersonation_ended",
        "flow_execution",
        "policy_execution",
        "policy_exception",
        "property_mapping_exception",
        "system_task_execution",
        "system_task_exception",
        "system_exception",
        "configuration_error",
        "configuration_warning",
        "model_created",
        "model_updated",
        "model_deleted",
        "email_sent",
        "update_available",
        "export_ready",
        "review_initiated",
        "review_overdue",
        "review_attested",
        "review_completed",
        "custom_",
      ]),
      event_uuid: autocompleteField("str"),
      app: autocompleteField("str", [
        "authentik.core.api.tokens",
        "authentik.core.management.commands.shell",
        "authentik.events.middleware",
        "authentik.events.signals",
      ]),
      client_ip: autocompleteField("str"),
      user: autocompleteRelation("user"),
      brand: autocompleteRelation("brand"),
      context: autocompleteRelation("context"),
      created: autocompleteField("datetime", []),
    },
    "authentik_events.event_user": {
      pk: autocompleteField("int"),
      username: autocompleteField("str"),
      email: autocompleteField("str"),
    },
    "authentik_events.event_brand": {
      pk: autocompleteField("str"),
      app: autocompleteField("str"),
      name: autocompleteField("str"),
      model_name: autocompleteField("str"),
    },
    "authentik_events.event_context": { http_request: autocompleteRelation("context_http_request") },
    "authentik_events.event_context_http_request": {
      args: autocompleteRelation("context_http_request_args"),
      path: autocompleteField("str"),
      method: autocompleteField("str"),
      request_id: autocompleteField("str"),
      user_agent: autocompleteField("str"),
    },
  },
};
