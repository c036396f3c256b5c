import { type Answer, denied, html, json, noSuchPage, page, refuse, unseen, writeLost } from "./responses";
import type { Bindings } from "./bindings";
import type { Call } from "./call";
import type { Flows } from "./flows";
import type { Instance } from "./instance";
import { Float, type JsonObject } from "./json";
import type { AllStages } from "./stages";
import { allowing } from "./viewset";

const onlyRead = "GET, HEAD, OPTIONS";

/** Areas of the API that a real server has: what the stand-in does not know in them, it does not deny. */
const areas = new Set([
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
export class Site {
  constructor(private readonly instance: Instance) {}

  answer(call: Call): Answer {
    const api = /^\/api\/v3(\/.*)$/.exec(call.path)?.[1];
    if (api !== undefined) return this.api(call, api);
    if (call.path === "/-/health/live/" || call.path === "/-/health/ready/") return html(200, "");
    const flow = /^\/if\/flow\/([^/]+)\/$/.exec(call.path)?.[1];
    if (flow !== undefined) {
      // consume.page: a page that asks the flow executor; opening it uses nothing up.
      const found = this.instance.flows.ofSlug(decodeURIComponent(flow));
      if (!found) throw unseen("the page of a flow that does not exist");
      if (call.method !== "GET" && call.method !== "HEAD") throw unseen(`${call.method} on a flow's page`);
      return html(200, page(found.title));
    }
    // path.unknown-no-api
    if (call.path.startsWith("/api/")) return nowhere(call);
    throw unseen(`the address ${call.path}`);
  }

  private api(call: Call, path: string): Answer {
    const { instance } = this;
    // path.base
    if (path === "/" && call.method === "GET") return html(200, page("API browser"));
    const parts = path.slice(1).split("/").map(decode);
    // slash.*: nothing redirects.
    if (parts.pop() !== "" || parts.includes("")) return nowhere(call);
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
      if (!set || !oneOf(["", "used_by"], action)) return nowhere(call);
      if (fourth === undefined) return set.answerList(call);
      return action === "" ? set.answerOne(call, key) : set.answerUsedBy(call, key);
    }
    if (fourth === undefined || (fourth === "used_by" && rest.length === 0)) {
      const set = sets[`${area}/${room}`];
      if (set && third === undefined) return set.answerList(call);
      if (set && third !== undefined && !oneOf(["types", "cache", "import"], third)) {
        return fourth === undefined ? set.answerOne(call, third) : set.answerUsedBy(call, third);
      }
    }
    switch (parts.join("/")) {
      case "root/config":
        return this.readOnly(call, false, () => this.config());
      case "admin/version":
        return this.readOnly(call, true, () => this.version());
      case "admin/settings":
        return allowing("GET, PUT, PATCH, HEAD, OPTIONS", () => this.settings(call));
      case "core/users/me":
        return this.readOnly(call, true, () => instance.users.me(call));
      case "core/users":
        return allowing("GET, POST, HEAD, OPTIONS", () => {
          this.enter(call);
          if (call.method !== "GET") throw unseen(`${call.method} on users`);
          return instance.users.list(call);
        });
      case "events/events":
        return instance.events.answerList(call);
    }
    const one = "GET, PUT, PATCH, DELETE, HEAD, OPTIONS";
    if (area === "core" && room === "users" && /^\d+$/.test(third ?? "") && fourth === undefined) {
      return allowing(one, () => {
        this.enter(call);
        return instance.users.one(call, third ?? "");
      });
    }
    if (area === "core" && room === "tokens" && third !== undefined && fourth === undefined) {
      return allowing(one, () => {
        this.enter(call);
        return instance.users.token(call, third);
      });
    }
    if (area === "events" && room === "events" && third !== undefined && fourth === undefined) {
      return instance.events.answerOne(call, third);
    }
    if (area === "flows" && room === "executor" && third !== undefined && fourth === undefined) {
      return instance.executor.answer(call, third);
    }
    if (area !== undefined && areas.has(area)) throw unseen(`the address ${call.path}`);
    return nowhere(call);
  }

  private enter(call: Call): void {
    if (!call.acceptsJson()) throw refuse(406, { detail: "Could not satisfy the request Accept header." });
    call.user = this.instance.users.authenticate(call);
  }

  private readOnly(call: Call, loggedIn: boolean, answer: () => Answer): Answer {
    return allowing(onlyRead, () => {
      this.enter(call);
      if (loggedIn && !call.user) throw refuse(403, { detail: "Authentication credentials were not provided." });
      if (call.method !== "GET" && call.method !== "HEAD") throw unseen(`${call.method} on ${call.path}`);
      return answer();
    });
  }

  private config(): Answer {
    const reputation: JsonObject = this.instance.profile.reputationTimeout ? { cache_timeout_reputation: 0 } : {};
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

  private version(): Answer {
    const { current, latest, latestValid } = this.instance.profile;
    return json(200, {
      version_current: current,
      version_latest: latest,
      version_latest_valid: latestValid,
      build_hash: "",
      outdated: false,
      outpost_outdated: false,
    });
  }

  private settings(call: Call): Answer {
    this.enter(call);
    if (!call.user) throw refuse(403, { detail: "Authentication credentials were not provided." });
    if (!call.user.superuser) throw denied();
    if (call.method !== "GET" && call.method !== "HEAD") throw unseen(`${call.method} on the system settings`);
    const newer = this.instance.profile.autocomplete;
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

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw unseen("an address with half a character");
  }
}

function oneOf(all: readonly string[], one: string): boolean {
  return all.includes(one);
}

function nowhere(call: Call): Answer {
  return ["POST", "PUT", "PATCH", "DELETE"].includes(call.method) ? writeLost() : noSuchPage();
}
