import { randomBytes } from "node:crypto";
import type { Binding } from "./bindings";
import { parseUuid } from "./fields";
import type { Flow } from "./flows";
import type { Instance } from "./instance";
import { isObject, type Json, type JsonObject } from "./json";
import type { ApiRequest } from "./request";
import { type HttpResponse, json, notRecorded } from "./responses";
import { type Stage, stageTypes } from "./stages";
import type { User } from "./users";
import { withAllowHeader } from "./viewset";

/** A flow that somebody is going through. */
interface FlowPlan {
  flow: Flow;
  remainingStages: Stage[];
  /** What the invitation gave and the prompts were answered. */
  context: JsonObject;
  user: User | null;
}

/** `cache_timeout_flows` in milliseconds. */
const planCacheMs = 300_000;
const sessionCookie = "authentik_session";

/** What the default prompt stages ask (enroll.open, enroll.answer.0). */
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

/** The flow executor, as far as an invitation goes. */
export class Executor {
  /** By session and flow. */
  private readonly plans = new Map<string, FlowPlan>();
  /** When a flow was last planned. */
  private readonly lastPlannedAt = new Map<Flow, number>();

  constructor(private readonly instance: Instance) {}

  /** /flows/executor/{slug}/?query=itoken%3D… */
  dispatch(call: ApiRequest, slug: string): HttpResponse {
    // Its JSON has no charset, other than all else in 2024.8 (consume.no-token).
    const answer = withAllowHeader("GET, POST, HEAD, OPTIONS", () => this.execute(call, slug));
    return { ...answer, headers: { "content-type": "application/json", ...answer.headers } };
  }

  /** Whoever is nobody yet shares one plan, which is kept for a while (events.changed.patch, `config`). */
  cachedPlans(flow: Flow): number {
    const planned = this.lastPlannedAt.get(flow);
    return planned !== undefined && this.instance.clock().getTime() - planned < planCacheMs ? 1 : 0;
  }

  private execute(call: ApiRequest, slug: string): HttpResponse {
    const flow = this.instance.flows.ofSlug(slug);
    if (!flow) throw notRecorded("a flow executor without its flow");
    if (flow.policies.length > 0) throw notRecorded("a flow with policies");
    if (flow.authentication !== "none" && flow.authentication !== "require_unauthenticated") {
      throw notRecorded(`a flow with the authentication ${flow.authentication}`);
    }
    if (call.header("authorization") !== undefined) throw notRecorded("a flow executor asked with a token");
    const session = new RegExp(`(?:^|;\\s*)${sessionCookie}=([^;]+)`).exec(call.header("cookie") ?? "")?.[1];
    if (call.method === "GET") {
      const known = session ?? randomBytes(20).toString("hex");
      const answer = this.startFlow(call, flow, known);
      if (session === undefined)
        answer.headers["set-cookie"] = `${sessionCookie}=${known}; HttpOnly; Path=/; SameSite=None`;
      return answer;
    }
    if (call.method !== "POST") throw notRecorded(`${call.method} on the flow executor`);
    const plan = this.plans.get(`${session} ${flow.pk}`);
    if (session === undefined || !plan) throw notRecorded("an answer to a question that was not asked");
    return this.submitPrompt(call, plan, session);
  }

  private startFlow(call: ApiRequest, flow: Flow, session: string): HttpResponse {
    const running = this.plans.get(`${session} ${flow.pk}`);
    if (running) return this.advance(call, running, session);
    const left = this.instance.bindings.findByFlow(flow).map((binding: Binding) => binding.stage);
    if (left.length === 0) throw notRecorded("a flow without stages");
    this.lastPlannedAt.set(flow, this.instance.clock().getTime());
    return this.advance(call, { flow, remainingStages: left, context: {}, user: null }, session);
  }

  /** Goes on to the next question, or to the end. */
  private advance(call: ApiRequest, plan: FlowPlan, session: string): HttpResponse {
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
        if (!this.acceptInvitation(call, plan, stage)) {
          this.plans.delete(key);
          return this.accessDenied(plan.flow);
        }
      } else if (stage.type === stageTypes.userWrite) {
        plan.user = this.createUser(plan.context);
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

  /** Whether the invitation stage lets the invitee through. A single-use invitation is gone with that (consume.single). */
  private acceptInvitation(call: ApiRequest, plan: FlowPlan, stage: Stage): boolean {
    const { events, invitations } = this.instance;
    const given = new URLSearchParams(call.parameter("query") ?? "").get("itoken");
    const pk = parseUuid(given ?? "");
    const invitation = pk === undefined ? undefined : invitations.find(pk);
    const without = stage.continueFlowWithoutInvitation;
    // consume.no-token, consume.unknown, consume.malformed; consume.continue.*
    if (!invitation) return without;
    // consume.wrong-flow
    if (invitation.flow && invitation.flow !== plan.flow) return without;
    if (invitation.expires < this.instance.timestamp() && call.behavior.rejectsExpiredInvitations) {
      // consume.expired: the attempt deletes it.
      invitations.remove(invitation);
      events.logDeleted(call, invitations.toReference(invitation));
      return without;
    }
    if (invitation.isUnreadable) throw notRecorded("the use of an invitation whose fixed data cannot be read");
    plan.context = { ...plan.context, ...invitation.fixedData };
    events.logInvitationUsed(call, invitation.pk);
    if (invitation.singleUse) {
      invitations.remove(invitation);
      events.logDeleted(call, invitations.toReference(invitation));
    }
    return true;
  }

  private promptChallenge(plan: FlowPlan, stage: Stage): HttpResponse {
    const fields = promptFields[stage.name];
    if (!fields) throw notRecorded(`the prompts of ${stage.name}`);
    if (fields.some((field) => Object.hasOwn(plan.context, String(field["field_key"])))) {
      throw notRecorded("a prompt for what the invitation's fixed data already say");
    }
    return json(200, { flow_info: this.instance.flows.flowInfo(plan.flow), component: "ak-stage-prompt", fields });
  }

  private submitPrompt(call: ApiRequest, plan: FlowPlan, session: string): HttpResponse {
    const stage = plan.remainingStages[0] as Stage;
    const answers = call.bodyFields();
    const fields = promptFields[stage.name] ?? [];
    for (const field of fields) {
      const key = String(field["field_key"]);
      const value = answers[key];
      if (typeof value !== "string" || value === "") throw notRecorded(`an answer without ${key}`);
      plan.context = { ...plan.context, [key]: value };
    }
    if (plan.context["password"] !== plan.context["password_repeat"]) throw notRecorded("two different passwords");
    plan.remainingStages.shift();
    return this.advance(call, plan, session);
  }

  /** enroll.user: the fixed data become the user's. */
  private createUser(data: JsonObject): User {
    const { attributes = {}, email = "", name = "", username, ...others } = data;
    const { password: _password, password_repeat: _repeat, ...unknown } = others;
    const strange = Object.keys(unknown)[0];
    if (strange !== undefined) throw notRecorded(`the fixed data ${strange} in a user`);
    if (typeof username !== "string") throw notRecorded("a user without a user name");
    if (this.instance.users.named(username)) throw notRecorded("a second user of the same name");
    if (!isObject(attributes as Json)) throw notRecorded("attributes that are no object");
    if (typeof email !== "string" || typeof name !== "string") throw notRecorded("an email or a name that is no text");
    return this.instance.users.add({ username, name, email, attributes: attributes as JsonObject, type: "external" });
  }
}
