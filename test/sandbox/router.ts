import type { Bindings } from "./bindings";
import type { Flows } from "./flows";
import type { Instance } from "./instance";
import { Float, type JsonObject } from "./json";
import type { ApiRequest } from "./request";
import {
  apiError,
  type HttpResponse,
  html,
  htmlPage,
  json,
  methodNotAllowedPage,
  notFoundPage,
  notRecorded,
  permissionDenied,
} from "./responses";
import type { AllStages } from "./stages";
import { withAllowHeader } from "./viewset";

const readOnlyMethods = "GET, HEAD, OPTIONS";

/** Areas of the API that a real server has: what the stand-in does not know in them, it does not deny. */
const apiAreas = new Set([
  "admin",
  "authenticators",
  "blueprints",
  "brands",
  "core",
  "crypto",
  "endpoints",
  "enterprise",
  "events",
  "files",
  "flows",
  "lifecycle",
  "managed",
  "oauth2",
  "outposts",
  "policies",
  "propertymappings",
  "providers",
  "rac",
  "rbac",
  "reports",
  "root",
  "schema",
  "sources",
  "ssf",
  "stages",
  "tasks",
  "tenants",
]);

/** Which room answers which address. */
export class Router {
  constructor(private readonly instance: Instance) {}

  route(call: ApiRequest): HttpResponse {
    const routeApi = /^\/api\/v3(\/.*)$/.exec(call.path)?.[1];
    if (routeApi !== undefined) return this.api(call, routeApi);
    if (call.path === "/-/health/live/" || call.path === "/-/health/ready/") return html(200, "");
    const flow = /^\/if\/flow\/([^/]+)\/$/.exec(call.path)?.[1];
    if (flow !== undefined) {
      // consume.page: a page that asks the flow executor; opening it uses nothing up.
      const found = this.instance.flows.ofSlug(decodeURIComponent(flow));
      if (!found) throw notRecorded("the page of a flow that does not exist");
      if (call.method !== "GET" && call.method !== "HEAD") throw notRecorded(`${call.method} on a flow's page`);
      return html(200, htmlPage(found.title));
    }
    // path.unknown-no-api
    if (call.path.startsWith("/api/")) return unknownUrl(call);
    throw notRecorded(`the address ${call.path}`);
  }

  private api(call: ApiRequest, path: string): HttpResponse {
    const { instance } = this;
    // path.base
    if (path === "/" && call.method === "GET") return html(200, htmlPage("API browser"));
    const parts = path.slice(1).split("/").map(decodeSegment);
    // slash.*: nothing redirects.
    if (parts.pop() !== "" || parts.includes("")) return unknownUrl(call);
    const sets: Record<string, Flows | Bindings | AllStages> = {
      "flows/instances": instance.flows,
      "flows/bindings": instance.bindings,
      "stages/all": instance.allStages,
    };
    const [area, room, third, fourth, ...rest] = parts;
    const key = fourth ?? "";
    const action = rest.join("/");
    if (area === "stages" && room === "invitation") {
      const set = third === "invitations" ? instance.invitations : third === "stages" ? instance.stages : undefined;
      if (!set || !oneOf(["", "used_by"], action)) return unknownUrl(call);
      if (fourth === undefined) return set.dispatchList(call);
      return action === "" ? set.dispatchDetail(call, key) : set.dispatchUsedBy(call, key);
    }
    if (fourth === undefined || (fourth === "used_by" && rest.length === 0)) {
      const set = sets[`${area}/${room}`];
      if (set && third === undefined) return set.dispatchList(call);
      if (set && third !== undefined && !oneOf(["types", "cache", "import"], third)) {
        return fourth === undefined ? set.dispatchDetail(call, third) : set.dispatchUsedBy(call, third);
      }
    }
    switch (parts.join("/")) {
      case "root/config":
        return this.readOnly(call, false, () => this.rootConfig());
      case "admin/version":
        return this.readOnly(call, true, () => this.version());
      case "admin/settings":
        return withAllowHeader("GET, PUT, PATCH, HEAD, OPTIONS", () => this.settings(call));
      case "core/users/me":
        return this.readOnly(call, true, () => instance.users.me(call));
      case "core/users":
        return withAllowHeader("GET, POST, HEAD, OPTIONS", () => {
          this.initialize(call);
          if (call.method !== "GET") throw notRecorded(`${call.method} on users`);
          return instance.users.list(call);
        });
      case "events/events":
        return instance.events.answerList(call);
    }
    const one = "GET, PUT, PATCH, DELETE, HEAD, OPTIONS";
    if (area === "core" && room === "users" && /^\d+$/.test(third ?? "") && fourth === undefined) {
      return withAllowHeader(one, () => {
        this.initialize(call);
        return instance.users.dispatchDetail(call, third ?? "");
      });
    }
    if (area === "core" && room === "tokens" && third !== undefined && fourth === undefined) {
      return withAllowHeader(one, () => {
        this.initialize(call);
        return instance.users.token(call, third);
      });
    }
    if (area === "events" && room === "events" && third !== undefined && fourth === undefined) {
      return instance.events.dispatchDetail(call, third);
    }
    if (area === "flows" && room === "executor" && third !== undefined && fourth === undefined) {
      return instance.executor.dispatch(call, third);
    }
    if (area !== undefined && apiAreas.has(area)) throw notRecorded(`the address ${call.path}`);
    return unknownUrl(call);
  }

  private initialize(call: ApiRequest): void {
    if (!call.acceptsJson()) throw apiError(406, { detail: "Could not satisfy the request Accept header." });
    call.user = this.instance.users.authenticate(call);
  }

  private readOnly(call: ApiRequest, loggedIn: boolean, answer: () => HttpResponse): HttpResponse {
    return withAllowHeader(readOnlyMethods, () => {
      this.initialize(call);
      if (loggedIn && !call.user) throw apiError(403, { detail: "Authentication credentials were not provided." });
      if (call.method !== "GET" && call.method !== "HEAD") throw notRecorded(`${call.method} on ${call.path}`);
      return answer();
    });
  }

  private rootConfig(): HttpResponse {
    const reputation: JsonObject = this.instance.behavior.configHasReputationTimeout
      ? { cache_timeout_reputation: 0 }
      : {};
    return json(200, {
      error_reporting: {
        enabled: false,
        sentry_dsn: "https://key@error-reporting.invalid/1",
        environment: "customer",
        send_pii: false,
        traces_sample_rate: new Float(0.1),
      },
      capabilities: ["can_impersonate", "is_enterprise"],
      cache_timeout: 300,
      cache_timeout_flows: 300,
      cache_timeout_policies: 300,
      ...reputation,
    });
  }

  private version(): HttpResponse {
    const { versionCurrent: current, versionLatest: latest, versionLatestValid: latestValid } = this.instance.behavior;
    return json(200, {
      version_current: current,
      version_latest: latest,
      version_latest_valid: latestValid,
      build_hash: "",
      outdated: false,
      outpost_outdated: false,
    });
  }

  private settings(call: ApiRequest): HttpResponse {
    this.initialize(call);
    if (!call.user) throw apiError(403, { detail: "Authentication credentials were not provided." });
    if (!call.user.isSuperuser) throw permissionDenied();
    if (call.method !== "GET" && call.method !== "HEAD") throw notRecorded(`${call.method} on the system settings`);
    const newer = this.instance.behavior.hasAutocomplete;
    const more = (fields: JsonObject): JsonObject => (newer ? fields : {});
    return json(200, {
      avatars: "gravatar,initials",
      default_user_change_name: true,
      default_user_change_email: false,
      default_user_change_username: false,
      event_retention: "days=365",
      ...more({ reputation_lower_limit: -5, reputation_upper_limit: 5 }),
      footer_links: [],
      gdpr_compliance: true,
      impersonation: true,
      ...more({ impersonation_require_reason: true }),
      default_token_duration: `minutes=${this.instance.defaultTokenMinutes}`,
      default_token_length: 60,
      ...more({ pagination_default_page_size: 20, pagination_max_page_size: 100, flags: {} }),
    });
  }
}

function decodeSegment(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw notRecorded("an address with half a character");
  }
}

function oneOf(all: readonly string[], one: string): boolean {
  return all.includes(one);
}

function unknownUrl(call: ApiRequest): HttpResponse {
  return ["POST", "PUT", "PATCH", "DELETE"].includes(call.method) ? methodNotAllowedPage() : notFoundPage();
}
