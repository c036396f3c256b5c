import { randomBytes } from "node:crypto";
import { type Answer, json, unseen } from "./responses";
import type { Binding } from "./bindings";
import type { Call } from "./call";
import { readUuid } from "./fields";
import type { Flow } from "./flows";
import type { Instance } from "./instance";
import { isObject, type Json, type JsonObject } from "./json";
import { kinds, type Stage } from "./stages";
import type { User } from "./users";
import { allowing } from "./viewset";

/** A flow that somebody is going through. */
interface Plan {
  flow: Flow;
  left: Stage[];
  /** What the invitation gave and the prompts were answered. */
  data: JsonObject;
  user: User | null;
}

/** `cache_timeout_flows` in milliseconds. */
const plansAreKept = 300_000;
const cookie = "authentik_session";

/** What the default prompt stages ask (enroll.open, enroll.answer.0). */
const prompts: Record<string, JsonObject[]> = {
  "default-source-enrollment-prompt": [prompt("username", "Username", "username", 100)],
  "default-password-change-prompt": [
    prompt("password", "Password", "password", 300),
    prompt("password_repeat", "Password (repeat)", "password", 301),
  ],
};

function prompt(key: string, label: string, type: string, order: number): JsonObject {
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
  private readonly plans = new Map<string, Plan>();
  /** When a flow was last planned. */
  private readonly planned = new Map<Flow, number>();

  constructor(private readonly instance: Instance) {}

  /** /flows/executor/{slug}/?query=itoken%3D… */
  answer(call: Call, slug: string): Answer {
    // Its JSON has no charset, other than all else in 2024.8 (consume.no-token).
    const answer = allowing("GET, POST, HEAD, OPTIONS", () => this.run(call, slug));
    return { ...answer, headers: { "content-type": "application/json", ...answer.headers } };
  }

  /** Whoever is nobody yet shares one plan, which is kept for a while (events.changed.patch, `config`). */
  cachedPlans(flow: Flow): number {
    const planned = this.planned.get(flow);
    return planned !== undefined && this.instance.clock().getTime() - planned < plansAreKept ? 1 : 0;
  }

  private run(call: Call, slug: string): Answer {
    const flow = this.instance.flows.ofSlug(slug);
    if (!flow) throw unseen("a flow executor without its flow");
    if (flow.policies.length > 0) throw unseen("a flow with policies");
    if (flow.authentication !== "none" && flow.authentication !== "require_unauthenticated") {
      throw unseen(`a flow with the authentication ${flow.authentication}`);
    }
    if (call.header("authorization") !== undefined) throw unseen("a flow executor asked with a token");
    const session = new RegExp(`(?:^|;\\s*)${cookie}=([^;]+)`).exec(call.header("cookie") ?? "")?.[1];
    if (call.method === "GET") {
      const known = session ?? randomBytes(20).toString("hex");
      const answer = this.open(call, flow, known);
      if (session === undefined) answer.headers["set-cookie"] = `${cookie}=${known}; HttpOnly; Path=/; SameSite=None`;
      return answer;
    }
    if (call.method !== "POST") throw unseen(`${call.method} on the flow executor`);
    const plan = this.plans.get(`${session} ${flow.pk}`);
    if (session === undefined || !plan) throw unseen("an answer to a question that was not asked");
    return this.take(call, plan, session);
  }

  private open(call: Call, flow: Flow, session: string): Answer {
    const running = this.plans.get(`${session} ${flow.pk}`);
    if (running) return this.step(call, running, session);
    const left = this.instance.bindings.ofFlow(flow).map((binding: Binding) => binding.stage);
    if (left.length === 0) throw unseen("a flow without stages");
    this.planned.set(flow, this.instance.clock().getTime());
    return this.step(call, { flow, left, data: {}, user: null }, session);
  }

  /** Goes on to the next question, or to the end. */
  private step(call: Call, plan: Plan, session: string): Answer {
    const key = `${session} ${plan.flow.pk}`;
    for (;;) {
      const stage = plan.left[0];
      if (!stage) {
        this.plans.delete(key);
        return json(200, { component: "xak-flow-redirect", to: "/" });
      }
      if (stage.kind === kinds.prompt) {
        this.plans.set(key, plan);
        return this.ask(plan, stage);
      }
      if (stage.kind === kinds.invitation) {
        if (!this.accept(call, plan, stage)) {
          this.plans.delete(key);
          return this.deny(plan.flow);
        }
      } else if (stage.kind === kinds.userWrite) {
        plan.user = this.writeUser(plan.data);
      } else if (stage.kind === kinds.userLogin) {
        if (!plan.user) throw unseen("a login without a user");
        plan.user.lastLogin = this.instance.moment();
      } else {
        throw unseen(`the stage ${stage.name} in a flow`);
      }
      plan.left.shift();
    }
  }

  private deny(flow: Flow): Answer {
    return json(200, {
      flow_info: this.instance.flows.info(flow),
      component: "ak-stage-access-denied",
      pending_user: "",
      pending_user_avatar: "/static/dist/assets/images/user_default.png",
      error_message: "Invalid invite/invite not found",
    });
  }

  /** Whether the invitation stage lets the invitee through. A single-use invitation is gone with that (consume.single). */
  private accept(call: Call, plan: Plan, stage: Stage): boolean {
    const { events, invitations } = this.instance;
    const given = new URLSearchParams(call.parameter("query") ?? "").get("itoken");
    const pk = readUuid(given ?? "");
    const invitation = pk === undefined ? undefined : invitations.find(pk);
    const without = stage.continueFlowWithoutInvitation;
    // consume.no-token, consume.unknown, consume.malformed; consume.continue.*
    if (!invitation) return without;
    // consume.wrong-flow
    if (invitation.flow && invitation.flow !== plan.flow) return without;
    if (invitation.expires < this.instance.moment() && call.profile.refusesExpired) {
      // consume.expired: the attempt deletes it.
      invitations.drop(invitation);
      events.deleted(call, invitations.ref(invitation));
      return without;
    }
    if (invitation.poisoned) throw unseen("the use of an invitation whose fixed data cannot be read");
    plan.data = { ...plan.data, ...invitation.fixedData };
    events.invitationUsed(call, invitation.pk);
    if (invitation.singleUse) {
      invitations.drop(invitation);
      events.deleted(call, invitations.ref(invitation));
    }
    return true;
  }

  private ask(plan: Plan, stage: Stage): Answer {
    const fields = prompts[stage.name];
    if (!fields) throw unseen(`the prompts of ${stage.name}`);
    if (fields.some((field) => Object.hasOwn(plan.data, String(field["field_key"])))) {
      throw unseen("a prompt for what the invitation's fixed data already say");
    }
    return json(200, { flow_info: this.instance.flows.info(plan.flow), component: "ak-stage-prompt", fields });
  }

  private take(call: Call, plan: Plan, session: string): Answer {
    const stage = plan.left[0] as Stage;
    const answers = call.fields();
    const fields = prompts[stage.name] ?? [];
    for (const field of fields) {
      const key = String(field["field_key"]);
      const value = answers[key];
      if (typeof value !== "string" || value === "") throw unseen(`an answer without ${key}`);
      plan.data = { ...plan.data, [key]: value };
    }
    if (plan.data["password"] !== plan.data["password_repeat"]) throw unseen("two different passwords");
    plan.left.shift();
    return this.step(call, plan, session);
  }

  /** enroll.user: the fixed data become the user's. */
  private writeUser(data: JsonObject): User {
    const { attributes = {}, email = "", name = "", username, ...others } = data;
    const { password: _password, password_repeat: _repeat, ...unknown } = others;
    const strange = Object.keys(unknown)[0];
    if (strange !== undefined) throw unseen(`the fixed data ${strange} in a user`);
    if (typeof username !== "string") throw unseen("a user without a user name");
    if (this.instance.users.named(username)) throw unseen("a second user of the same name");
    if (!isObject(attributes as Json)) throw unseen("attributes that are no object");
    if (typeof email !== "string" || typeof name !== "string") throw unseen("an email or a name that is no text");
    return this.instance.users.add({ username, name, email, attributes: attributes as JsonObject, type: "external" });
  }
}
