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

/** First path segments of the real API. Unknown endpoints below them are 501, because they might exist on a real server. */
const apiAreas = new Set(
  (
    "admin authenticators blueprints brands core crypto endpoints enterprise events files flows lifecycle managed oauth2 " +
    "outposts policies propertymappings providers rac rbac reports root schema sources ssf stages tasks tenants"
  ).split(" "),
);

/** Routes requests to viewsets and other endpoints. */
export class Router {
  constructor(private readonly instance: Instance) {}

  route(request: ApiRequest): HttpResponse {
    const apiPath = /^\/api\/v3(\/.*)$/.exec(request.path)?.[1];
    if (apiPath !== undefined) return this.routeApi(request, apiPath);
    if (request.path === "/-/health/live/" || request.path === "/-/health/ready/") return html(200, "");
    const slug = /^\/if\/flow\/([^/]+)\/$/.exec(request.path)?.[1];
    if (slug !== undefined) {
      // consume.page: a page that calls the flow executor. Loading it does not use the invitation.
      const flow = this.instance.flows.findBySlug(decodeURIComponent(slug));
      if (!flow) throw notRecorded("the page of a flow that does not exist");
      if (request.method !== "GET" && request.method !== "HEAD")
        throw notRecorded(`${request.method} on a flow's page`);
      return html(200, htmlPage(flow.title));
    }
    // path.unknown-no-api
    if (request.path.startsWith("/api/")) return unknownUrl(request);
    throw notRecorded(`the URL path ${request.path}`);
  }

  private routeApi(request: ApiRequest, path: string): HttpResponse {
    const { instance } = this;
    // path.base
    if (path === "/" && request.method === "GET") return html(200, htmlPage("API browser"));
    const segments = path.slice(1).split("/").map(decodeSegment);
    // slash.*: authentik does not redirect to the path with a trailing slash.
    if (segments.pop() !== "" || segments.includes("")) return unknownUrl(request);
    const viewSets: Record<string, Flows | Bindings | AllStages> = {
      "flows/instances": instance.flows,
      "flows/bindings": instance.bindings,
      "stages/all": instance.allStages,
    };
    const [area, resource, third, fourth, ...rest] = segments;
    const key = fourth ?? "";
    const action = rest.join("/");
    if (area === "stages" && resource === "invitation") {
      const viewSet = third === "invitations" ? instance.invitations : third === "stages" ? instance.stages : undefined;
      if (action === "send_email" && third === "invitations" && instance.behavior.sendsInvitationEmails) {
        return instance.invitations.dispatchSendEmail(request, key);
      }
      if (!viewSet || !["", "used_by"].includes(action)) return unknownUrl(request);
      if (fourth === undefined) return viewSet.dispatchList(request);
      return action === "" ? viewSet.dispatchDetail(request, key) : viewSet.dispatchUsedBy(request, key);
    }
    if (fourth === undefined || (fourth === "used_by" && rest.length === 0)) {
      const viewSet = viewSets[`${area}/${resource}`];
      if (viewSet && third === undefined) return viewSet.dispatchList(request);
      if (viewSet && third !== undefined && !["types", "cache", "import"].includes(third)) {
        return fourth === undefined ? viewSet.dispatchDetail(request, third) : viewSet.dispatchUsedBy(request, third);
      }
    }
    switch (segments.join("/")) {
      case "root/config":
        return this.readOnly(request, false, () => this.rootConfig());
      case "admin/version":
        return this.readOnly(request, true, () => this.version());
      case "admin/settings":
        return withAllowHeader("GET, PUT, PATCH, HEAD, OPTIONS", () => this.settings(request));
      case "core/users/me":
        return this.readOnly(request, true, () => instance.users.me(request));
      case "core/users":
        return withAllowHeader("GET, POST, HEAD, OPTIONS", () => {
          this.instance.users.initialize(request);
          if (request.method !== "GET") throw notRecorded(`${request.method} on users`);
          return instance.users.list(request);
        });
      case "events/events":
        return instance.events.dispatchList(request);
    }
    const detailMethods = "GET, PUT, PATCH, DELETE, HEAD, OPTIONS";
    if (area === "core" && resource === "users" && /^\d+$/.test(third ?? "") && fourth === undefined) {
      return withAllowHeader(detailMethods, () => {
        this.instance.users.initialize(request);
        return instance.users.dispatchDetail(request, third ?? "");
      });
    }
    if (area === "core" && resource === "tokens" && third !== undefined && fourth === undefined) {
      return withAllowHeader(detailMethods, () => {
        this.instance.users.initialize(request);
        return instance.users.dispatchTokenDetail(request, third);
      });
    }
    if (area === "events" && resource === "events" && third !== undefined && fourth === undefined) {
      return instance.events.dispatchDetail(request, third);
    }
    if (area === "flows" && resource === "executor" && third !== undefined && fourth === undefined) {
      return instance.executor.dispatch(request, third);
    }
    if (area !== undefined && apiAreas.has(area)) throw notRecorded(`the URL path ${request.path}`);
    return unknownUrl(request);
  }

  private readOnly(request: ApiRequest, needsUser: boolean, handler: () => HttpResponse): HttpResponse {
    return withAllowHeader(readOnlyMethods, () => {
      this.instance.users.initialize(request);
      if (needsUser && !request.user) throw apiError(403, { detail: "Authentication credentials were not provided." });
      if (request.method !== "GET" && request.method !== "HEAD")
        throw notRecorded(`${request.method} on ${request.path}`);
      return handler();
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
    const { versionCurrent, versionLatest, versionLatestValid } = this.instance.behavior;
    return json(200, {
      version_current: versionCurrent,
      version_latest: versionLatest,
      version_latest_valid: versionLatestValid,
      build_hash: "",
      outdated: false,
      outpost_outdated: false,
    });
  }

  private settings(request: ApiRequest): HttpResponse {
    this.instance.users.initialize(request);
    if (!request.user) throw apiError(403, { detail: "Authentication credentials were not provided." });
    if (!request.user.isSuperuser) throw permissionDenied();
    if (request.method !== "GET" && request.method !== "HEAD")
      throw notRecorded(`${request.method} on the system settings`);
    const { settingsHaveLimits } = this.instance.behavior;
    const ifSupported = (fields: JsonObject): JsonObject => (settingsHaveLimits ? fields : {});
    return json(200, {
      avatars: "gravatar,initials",
      default_user_change_name: true,
      default_user_change_email: false,
      default_user_change_username: false,
      event_retention: "days=365",
      ...ifSupported({ reputation_lower_limit: -5, reputation_upper_limit: 5 }),
      footer_links: [],
      gdpr_compliance: true,
      impersonation: true,
      ...ifSupported({ impersonation_require_reason: true }),
      default_token_duration: `minutes=${this.instance.defaultTokenMinutes}`,
      default_token_length: 60,
      ...ifSupported({ pagination_default_page_size: 20, pagination_max_page_size: 100, flags: {} }),
    });
  }
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw notRecorded("a URL with invalid percent-encoding");
  }
}

function unknownUrl(request: ApiRequest): HttpResponse {
  return ["POST", "PUT", "PATCH", "DELETE"].includes(request.method) ? methodNotAllowedPage() : notFoundPage();
}
