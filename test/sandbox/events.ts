import { type Answer, denied, json, refuse, unseen } from "./responses";
import type { Call } from "./call";
import { hex, readUuid } from "./fields";
import type { Instance } from "./instance";
import { type Instant, showInstant } from "./instants";
import { type Json, type JsonObject, writeJson } from "./json";
import { byText, filter, list, missing, type Order, order, searchWords, unseenFilters } from "./lists";
import { may } from "./users";
import { allowing } from "./viewset";

/** An object as events name it. */
export interface Ref {
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
  visible: number;
  /** All in which a search looks, made when it is first needed. */
  searched?: string;
  /** It tells fixed data that cannot be read back: nobody saw what becomes of such an event. */
  poisoned?: boolean;
}

const year = 365 * 24 * 60;

/** The event log, written by what is done to invitations, invitation stages and bindings. */
export class Events {
  private readonly rows: Event[] = [];
  private readonly brand: JsonObject;
  /** How many milliseconds late events appear. */
  delay = 0;

  constructor(private readonly instance: Instance) {
    this.brand = this.brandNamed("Default brand");
  }

  created(call: Call, ref: Ref, values: JsonObject, poisoned = false): void {
    const diff: JsonObject = {};
    for (const [name, value] of Object.entries(values)) diff[name] = { new_value: value, previous_value: null };
    const told: JsonObject = this.instance.profile.eventsHoldDiff ? { diff } : {};
    const event = this.write(call, "model_created", { ...told, model: model(ref) });
    event.poisoned = poisoned && this.instance.profile.eventsHoldDiff;
  }

  /** It does not say which fields. */
  updated(call: Call, ref: Ref): void {
    this.write(call, "model_updated", { model: model(ref) });
  }

  deleted(call: Call, ref: Ref): void {
    this.write(call, "model_deleted", { model: model(ref) });
  }

  /** events.used.by-action: the invitation's UUID follows the request, other than in events about objects. */
  invitationUsed(call: Call, pk: string): void {
    this.add({
      user: userOf(call),
      action: "invitation_used",
      app: "authentik.events.signals",
      context: { http_request: request(call), invitation_uuid: hex(pk) },
      clientIp: "127.0.0.1",
      brand: this.brand,
    });
  }

  /** What the clean-up deletes has no request (events.swept.search-hex). */
  swept(ref: Ref): void {
    this.add({
      user: { pk: 0, email: "", username: "authentik-shell" },
      action: "model_deleted",
      app: "authentik.core.management.commands.shell",
      context: { model: model(ref) },
      clientIp: null,
      brand: this.brandNamed("Brand fallback"),
    });
  }

  private write(call: Call, action: string, context: JsonObject): Event {
    return this.add({
      user: userOf(call),
      action,
      app: "authentik.events.middleware",
      context: { ...context, http_request: request(call) },
      clientIp: "127.0.0.1",
      brand: this.brand,
    });
  }

  private add(event: Pick<Event, "user" | "action" | "app" | "context" | "clientIp" | "brand">): Event {
    const added: Event = {
      pk: this.instance.uuid(),
      ...event,
      created: this.instance.moment(),
      expires: this.instance.moment(year),
      visible: this.instance.clock().getTime() + this.delay,
    };
    this.rows.push(added);
    return added;
  }

  private brandNamed(name: string): JsonObject {
    return { pk: hex(this.instance.uuid()), app: "authentik_brands", name, model_name: "brand" };
  }

  /** GET /events/events/ */
  answerList(call: Call): Answer {
    return allowing("GET, POST, HEAD, OPTIONS", () => {
      this.enter(call);
      if (!call.user) throw refuse(403, { detail: "Authentication credentials were not provided." });
      if (call.method !== "GET" && call.method !== "HEAD") throw unseen(`${call.method} on events`);
      if (!may(call.user, "authentik_events.view_event")) throw denied();
      const found = filter<Event>(call, this.visible(), {
        action: (text) => (row) => row.action === text,
        ...unseenFilters([
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
      return list(call, order(call, this.search(call, found), orders, "-created"), show, autocomplete);
    });
  }

  answerOne(call: Call, key: string): Answer {
    return allowing("GET, PUT, PATCH, DELETE, HEAD, OPTIONS", () => {
      this.enter(call);
      if (!call.user || !may(call.user, "authentik_events.view_event")) throw denied();
      if (call.method !== "GET" && call.method !== "HEAD") throw unseen(`${call.method} on an event`);
      const pk = readUuid(key);
      const event = this.visible().find((row) => row.pk === pk);
      if (!event) throw missing(call, "Event");
      return json(200, show(event));
    });
  }

  private enter(call: Call): void {
    if (!call.acceptsJson()) throw refuse(406, { detail: "Could not satisfy the request Accept header." });
    call.user = this.instance.users.authenticate(call);
  }

  private visible(): Event[] {
    const now = this.instance.clock().getTime();
    return this.rows.filter((row) => row.visible <= now);
  }

  /** Looks through all that an event holds: the pk without dashes finds all of an object's life, with dashes what its path names (events.changed.search-dashed). */
  private search(call: Call, rows: Event[]): Event[] {
    const words = searchWords(call).map((word) => word.toLowerCase());
    if (words.some((word) => !/^[\w-]+$/.test(word))) throw unseen("a search through events for more than a word");
    return rows.filter((row) => {
      row.searched ??= writeJson([row.user, row.action, row.app, row.context, row.clientIp]).toLowerCase();
      return words.every((word) => row.searched?.includes(word));
    });
  }
}

function model(ref: Ref): JsonObject {
  return { pk: hex(ref.pk), app: ref.app, name: ref.name, model_name: ref.model };
}

function userOf(call: Call): JsonObject {
  // events.used.search-hex: an invitee is nobody yet.
  if (!call.user) return { pk: 1, email: "", username: "AnonymousUser", is_anonymous: true };
  return { pk: call.user.pk, email: call.user.email, username: call.user.username };
}

/** The executor's query holds a query of its own, whose token is not told. */
function request(call: Call): JsonObject {
  const args: JsonObject = {};
  for (const name of new URLSearchParams(call.parameter("query") ?? "").keys()) args[name] = "********************";
  return { args, path: call.path, method: call.method, request_id: hex(call.id), user_agent: call.userAgent };
}

function show(event: Event): Json {
  if (event.poisoned) throw unseen("an event about fixed data that cannot be read back");
  return {
    pk: event.pk,
    user: event.user,
    action: event.action,
    app: event.app,
    context: event.context,
    client_ip: event.clientIp,
    created: showInstant(event.created),
    expires: showInstant(event.expires),
    brand: event.brand,
  };
}

const orders: Record<string, Order<Event>> = { created: byText((row) => row.created) };

const field = (type: string, options: Json = null): JsonObject => ({ type, nullable: false, options });
const relation = (name: string): JsonObject => ({ ...field("relation"), relation: `authentik_events.event_${name}` });

/** What 2026.2 adds to lists of events (events.used.search-hex). */
const autocomplete: JsonObject = {
  current_model: "authentik_events.event",
  models: {
    "authentik_events.event": {
      action: field("str", [
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
      event_uuid: field("str"),
      app: field("str", [
        "authentik.core.api.tokens",
        "authentik.core.management.commands.shell",
        "authentik.events.middleware",
        "authentik.events.signals",
      ]),
      client_ip: field("str"),
      user: relation("user"),
      brand: relation("brand"),
      context: relation("context"),
      created: field("datetime", []),
    },
    "authentik_events.event_user": { pk: field("int"), username: field("str"), email: field("str") },
    "authentik_events.event_brand": {
      pk: field("str"),
      app: field("str"),
      name: field("str"),
      model_name: field("str"),
    },
    "authentik_events.event_context": { http_request: relation("context_http_request") },
    "authentik_events.event_context_http_request": {
      args: relation("context_http_request_args"),
      path: field("str"),
      method: field("str"),
      request_id: field("str"),
      user_agent: field("str"),
    },
  },
};
