import type { Bindings } from "./bindings";
import type { Flows } from "./flows";
import type { Instance } from "./instance";
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
      if (action === "used_by") throw notRecorded("used_by");
      if (!viewSet || action !== "") return unknownUrl(request);
      return fourth === undefined ? viewSet.dispatchList(request) : viewSet.dispatchDetail(request, key);
    }
    if (fourth === undefined) {
      const viewSet = viewSets[`${area}/${resource}`];
      if (viewSet && third === undefined) return viewSet.dispatchList(request);
      if (viewSet && third !== undefined && !["types", "cache", "import"].includes(third)) {
        return viewSet.dispatchDetail(request, third);
      }
    }
    switch (segments.join("/")) {
      case "admin/version":
        return this.readOnly(request, () => this.version());
      case "core/users/me":
        return this.readOnly(request, () => instance.users.me(request));
      case "core/users":
        return withAllowHeader("GET, POST, HEAD, OPTIONS", () => {
          this.instance.users.initialize(request);
          if (request.method !== "GET") throw notRecorded(`${request.method} on users`);
          return instance.users.list(request);
        });
      case "events/events":
        return instance.events.dispatchList(request);
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

  private readOnly(request: ApiRequest, handler: () => HttpResponse): HttpResponse {
    return withAllowHeader(readOnlyMethods, () => {
      this.instance.users.initialize(request);
      if (!request.user) throw apiError(403, { detail: "Authentication credentials were not provided." });
      if (request.method !== "GET" && request.method !== "HEAD")
        throw notRecorded(`${request.method} on ${request.path}`);
      return handler();
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
