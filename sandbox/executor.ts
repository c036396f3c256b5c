import { randomBytes } from "node:crypto";
import { parseUuid } from "./fields";
import type { Flow } from "./flows";
import type { Instance } from "./instance";
import { isObject, type Json, type JsonObject } from "./json";
import type { ApiRequest } from "./request";
import { type HttpResponse, json, notRecorded } from "./responses";
import { type Stage, stageTypes } from "./stages";
import type { User } from "./users";
import { withAllowHeader } from "./viewset";

/** A flow in progress in one session. */
interface FlowPlan {
  flow: Flow;
  remainingStages: Stage[];
  /** Fixed data of the invitation, and submitted prompts. */
  context: JsonObject;
  user: User | null;
}

/** `cache_timeout_flows` in milliseconds. */
const planCacheMs = 300_000;
const sessionCookie = "authentik_session";

/** The fields of the default prompt stages (enroll.open, enroll.answer.0). */
const promptFields: Record<string, JsonObject[]> = {
  "default-source-enrollment-prompt": [promptField("username", "Username", "username", 100)],
  "default-password-change-prompt": [
    promptField("password", "Password", "password", 300),
    promptField("password_repeat", "Password (repeat)", "password", 301),
  ],
};

function promptField(key: string, label: string, type: string, order: number): JsonObject {
  return {
    field_key: key,
    label,
    type,
    required: true,
    placeholder: label,
    initial_value: "",
    order,
    sub_text: "",
    choices: null,
  };
}

/** The flow executor, limited to the stages of an enrollment with an invitation. */
export class Executor {
  /** Keyed by session and flow pk. */
  private readonly plans = new Map<string, FlowPlan>();
  /** Keyed by flow, in milliseconds. */
  private readonly lastPlannedAt = new Map<Flow, number>();

  constructor(private readonly instance: Instance) {}

  /** /flows/executor/{slug}/?query=itoken%3D… */
  dispatch(request: ApiRequest, slug: string): HttpResponse {
    // Unlike other endpoints of 2024.8, the executor sends JSON without a charset (consume.no-token).
    const response = withAllowHeader("GET, POST, HEAD, OPTIONS", () => this.execute(request, slug));
    return { ...response, headers: { "content-type": "application/json", ...response.headers } };
  }

  /** The `cache_count` of a flow. All anonymous users share one cached plan (events.changed.patch, `config`). */
  cachedPlans(flow: Flow): number {
    const plannedAt = this.lastPlannedAt.get(flow);
    return plannedAt !== undefined && this.instance.clock().getTime() - plannedAt < planCacheMs ? 1 : 0;
  }

  private execute(request: ApiRequest, slug: string): HttpResponse {
    const flow = this.instance.flows.findBySlug(slug);
    if (!flow) throw notRecorded("the executor of a flow that does not exist");
    if (flow.policies.length > 0) throw notRecorded("a flow with policies");
    if (flow.authentication !== "none" && flow.authentication !== "require_unauthenticated") {
      throw notRecorded(`a flow with authentication: ${flow.authentication}`);
    }
    if (request.header("authorization") !== undefined) throw notRecorded("a request to the flow executor with a token");
    const session = new RegExp(`(?:^|;\\s*)${sessionCookie}=([^;]+)`).exec(request.header("cookie") ?? "")?.[1];
    if (request.method === "GET") {
      if (session !== undefined) return this.startFlow(request, flow, session);
      const newSession = randomBytes(20).toString("hex");
      const response = this.startFlow(request, flow, newSession);
      response.headers["set-cookie"] = `${sessionCookie}=${newSession}; HttpOnly; Path=/; SameSite=None`;
      return response;
    }
    if (request.method !== "POST") throw notRecorded(`${request.method} on the flow executor`);
    const plan = this.plans.get(`${session} ${flow.pk}`);
    if (session === undefined || !plan) throw notRecorded("a POST to the flow executor without a pending prompt");
    return this.submitPrompt(request, plan, session);
  }

  private startFlow(request: ApiRequest, flow: Flow, session: string): HttpResponse {
    const current = this.plans.get(`${session} ${flow.pk}`);
    if (current) return this.advance(request, current, session);
    const stages = this.instance.bindings.findByFlow(flow).map((binding) => binding.stage);
    if (stages.length === 0) throw notRecorded("a flow without stages");
    this.lastPlannedAt.set(flow, this.instance.clock().getTime());
    return this.advance(request, { flow, remainingStages: stages, context: {}, user: null }, session);
  }

  /** Runs stages up to the next prompt, a denial, or the end of the flow. */
  private advance(request: ApiRequest, plan: FlowPlan, session: string): HttpResponse {
    const key = `${session} ${plan.flow.pk}`;
    for (;;) {
      const stage = plan.remainingStages[0];
      if (!stage) {
        this.plans.delete(key);
        return json(200, { component: "xak-flow-redirect", to: "/" });
      }
      if (stage.type === stageTypes.prompt) {
        this.plans.set(key, plan);
        return this.promptChallenge(plan, stage);
      }
      if (stage.type === stageTypes.invitation) {
        if (!this.acceptInvitation(request, plan, stage)) {
          this.plans.delete(key);
          return this.accessDenied(plan.flow);
        }
      } else if (stage.type === stageTypes.userWrite) {
        plan.user = this.createUser(plan.context);
        this.instance.events.logUserWritten(request, plan.user);
      } else if (stage.type === stageTypes.userLogin) {
        if (!plan.user) throw notRecorded("a login without a user");
        plan.user.lastLogin = this.instance.timestamp();
      } else {
        throw notRecorded(`the stage ${stage.name} in a flow`);
      }
      plan.remainingStages.shift();
    }
  }

  private accessDenied(flow: Flow): HttpResponse {
    return json(200, {
      flow_info: this.instance.flows.flowInfo(flow),
      component: "ak-stage-access-denied",
      pending_user: "",
      pending_user_avatar: "/static/dist/assets/images/user_default.png",
      error_message: "Invalid invite/invite not found",
    });
  }

  /** Runs the invitation stage, which deletes a single-use invitation (consume.single). Returns whether the flow continues. */
  private acceptInvitation(request: ApiRequest, plan: FlowPlan, stage: Stage): boolean {
    const { events, invitations } = this.instance;
    const token = new URLSearchParams(request.parameter("query") ?? "").get("itoken");
    const pk = parseUuid(token ?? "");
    const invitation = pk === undefined ? undefined : invitations.find(pk);
    const { continueFlowWithoutInvitation } = stage;
    // consume.no-token, consume.unknown, consume.malformed; consume.continue.*
    if (!invitation) return continueFlowWithoutInvitation;
    // consume.wrong-flow
    if (invitation.flow && invitation.flow !== plan.flow) return continueFlowWithoutInvitation;
    if (invitation.expires < this.instance.timestamp() && request.behavior.rejectsExpiredInvitations) {
      if (request.behavior.deletesRejectedInvitations) {
        invitations.remove(invitation);
        events.logDeleted(request, invitations.toReference(invitation));
      }
      return continueFlowWithoutInvitation;
    }
    if (invitation.isUnreadable) throw notRecorded("the use of an invitation with unreadable fixed data");
    plan.context = { ...plan.context, ...invitation.fixedData };
    events.logInvitationUsed(request, invitation.pk);
    if (invitation.singleUse) {
      invitations.remove(invitation);
      events.logDeleted(request, invitations.toReference(invitation));
    }
    return true;
  }

  private promptChallenge(plan: FlowPlan, stage: Stage): HttpResponse {
    const fields = promptFields[stage.name];
    if (!fields) throw notRecorded(`the prompts of ${stage.name}`);
    if (fields.some((field) => Object.hasOwn(plan.context, String(field["field_key"])))) {
      throw notRecorded("a prompt for a field that is in the fixed data");
    }
    return json(200, { flow_info: this.instance.flows.flowInfo(plan.flow), component: "ak-stage-prompt", fields });
  }

  private submitPrompt(request: ApiRequest, plan: FlowPlan, session: string): HttpResponse {
    const stage = plan.remainingStages[0] as Stage;
    const body = request.bodyFields();
    const fields = promptFields[stage.name] ?? [];
    for (const field of fields) {
      const key = String(field["field_key"]);
      const value = body[key];
      if (typeof value !== "string" || value === "") throw notRecorded(`a prompt response without ${key}`);
      plan.context = { ...plan.context, [key]: value };
    }
    if (plan.context["password"] !== plan.context["password_repeat"]) throw notRecorded("two different passwords");
    plan.remainingStages.shift();
    return this.advance(request, plan, session);
  }

  /** Runs the user write stage: fixed data and prompts become the fields of a new user (enroll.user). */
  private createUser(context: JsonObject): User {
    const { attributes = {}, email = "", name = "", username, ...others } = context;
    const { password: _password, password_repeat: _repeat, ...unknown } = others;
    const unknownField = Object.keys(unknown)[0];
    if (unknownField !== undefined) throw notRecorded(`a user with the fixed data ${unknownField}`);
    if (typeof username !== "string") throw notRecorded("a user without a username");
    if (this.instance.users.findByUsername(username)) throw notRecorded("a second user with the same username");
    if (!isObject(attributes as Json)) throw notRecorded("attributes that are not an object");
    if (typeof email !== "string" || typeof name !== "string")
      throw notRecorded("an email or a name that is not a string");
    return this.instance.users.add({ username, name, email, attributes: attributes as JsonObject, type: "external" });
  }
}
