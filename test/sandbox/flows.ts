import { type Answer, json, refuse, unseen } from "./responses";
import type { Call } from "./call";
import { choice, Form, readUuid, slug, text, truth } from "./fields";
import type { JsonObject } from "./json";
import { byText, filter, list, missing, type Order, order, searchWords, unseenFilters } from "./lists";
import type { Profile } from "./profiles";
import { use, ViewSet } from "./viewset";

export interface Flow {
  pk: string;
  policyBindingModel: string;
  name: string;
  slug: string;
  title: string;
  designation: string;
  background: string;
  policies: string[];
  policyEngineMode: string;
  compatibilityMode: boolean;
  layout: string;
  deniedAction: string;
  authentication: string;
  /** Came with the server: other objects use it that the stand-in does not have. */
  isDefault: boolean;
}

const background = "/static/dist/assets/images/flow_background.jpg";
const designations = [
  "authentication",
  "authorization",
  "invalidation",
  "enrollment",
  "unenrollment",
  "recovery",
  "stage_configuration",
];
const deniedActions = ["message_continue", "message", "continue"];
export const policyEngineModes = ["all", "any"];

export class Flows extends ViewSet<Flow> {
  protected readonly app = "authentik_flows";
  protected readonly model = "flow";
  protected readonly label = "Flow";
  private readonly rows = new Map<string, Flow>();
  private readonly bySlug = new Map<string, Flow>();

  add(flow: Partial<Flow> & { name: string; slug: string; title: string; designation: string }): Flow {
    const added: Flow = {
      pk: this.instance.uuid(),
      policyBindingModel: this.instance.uuid(),
      background: "",
      policies: [],
      policyEngineMode: "any",
      compatibilityMode: false,
      layout: "stacked",
      deniedAction: "message_continue",
      authentication: "none",
      isDefault: false,
      ...flow,
    };
    this.rows.set(added.pk, added);
    this.bySlug.set(added.slug, added);
    return added;
  }

  find(pk: string): Flow | undefined {
    return this.rows.get(pk);
  }

  ofSlug(slug: string): Flow | undefined {
    return this.bySlug.get(slug);
  }

  /** The whole flow, as the flows' own addresses and invitations show it. */
  show(flow: Flow): JsonObject {
    const themed = this.instance.profile.themedBackground;
    return {
      pk: flow.pk,
      policybindingmodel_ptr_id: flow.policyBindingModel,
      name: flow.name,
      slug: flow.slug,
      title: flow.title,
      designation: flow.designation,
      ...(themed
        ? { background: flow.background, ...this.backgroundUrl(flow), background_themed_urls: null }
        : { background }),
      stages: this.instance.bindings.ofFlow(flow).map((binding) => binding.stage.pk),
      policies: flow.policies,
      cache_count: this.instance.executor.cachedPlans(flow),
      policy_engine_mode: flow.policyEngineMode,
      compatibility_mode: flow.compatibilityMode,
      export_url: `/api/v3/flows/instances/${flow.slug}/export/`,
      layout: flow.layout,
      denied_action: flow.deniedAction,
      authentication: flow.authentication,
    };
  }

  /** The shorter form in the `flow_set` of stages (stages.retrieve.bound). */
  showInSet(flow: Flow): JsonObject {
    return {
      pk: flow.pk,
      policybindingmodel_ptr_id: flow.policyBindingModel,
      name: flow.name,
      slug: flow.slug,
      title: flow.title,
      designation: flow.designation,
      ...(this.instance.profile.themedBackground ? this.backgroundUrl(flow) : { background }),
      policy_engine_mode: flow.policyEngineMode,
      compatibility_mode: flow.compatibilityMode,
      export_url: `/api/v3/flows/instances/${flow.slug}/export/`,
      layout: flow.layout,
      denied_action: flow.deniedAction,
    };
  }

  /** What the executor tells of a flow (consume.no-token). */
  info(flow: Flow): JsonObject {
    return {
      title: flow.title,
      ...(this.instance.profile.themedBackground
        ? { background: this.backgroundUrl(flow)["background_url"] as string, background_themed_urls: null }
        : { background }),
      cancel_url: "/flows/-/cancel/",
      layout: flow.layout,
    };
  }

  private backgroundUrl(flow: Flow): JsonObject {
    if (flow.background !== "") throw unseen("a flow with a background of its own");
    return { background_url: background };
  }

  /** Flows are looked up by slug (flows.retrieve.by-uuid). */
  protected override lookUp(call: Call, key: string): Flow {
    const flow = this.bySlug.get(key);
    if (!flow) throw missing(call, this.label);
    return flow;
  }

  protected list(call: Call): Answer {
    if (searchWords(call).length > 0) throw unseen("a search through flows");
    const found = filter<Flow>(call, this.rows.values(), {
      slug: (text) => (row) => row.slug === text,
      designation: (text) => {
        // flows.list.designation.bad
        if (!designations.includes(text)) {
          return { errors: [`Select a valid choice. ${text} is not one of the available choices.`] };
        }
        return (row) => row.designation === text;
      },
      flow_uuid: (text) => {
        const pk = readUuid(text);
        if (pk === undefined) return { errors: ["Enter a valid UUID."] };
        return (row) => row.pk === pk;
      },
      name: (text) => (row) => row.name === text,
      ...unseenFilters(["denied_action"]),
    });
    return list(call, order(call, found, orders, "slug"), (row) => this.show(row));
  }

  protected create(call: Call): Answer {
    const written = this.read(call, undefined, false);
    const flow = this.add(
      written as Partial<Flow> & { name: string; slug: string; title: string; designation: string },
    );
    return json(201, this.show(flow));
  }

  protected update(call: Call, flow: Flow, partial: boolean): Answer {
    const written = this.read(call, flow, partial);
    this.bySlug.delete(flow.slug);
    Object.assign(flow, written);
    this.bySlug.set(flow.slug, flow);
    return json(200, this.show(flow));
  }

  protected remove(_call: Call, flow: Flow): void {
    this.rows.delete(flow.pk);
    this.bySlug.delete(flow.slug);
    this.instance.bindings.removeThoseOfFlow(flow);
    this.instance.invitations.forgetFlow(flow);
  }

  protected usedBy(flow: Flow): JsonObject[] {
    if (flow.isDefault) throw unseen("used_by of a flow that came with the server");
    const bindings = this.instance.bindings.ofFlow(flow);
    const uses = bindings.map((binding) => this.instance.bindings.use(binding));
    // Once for every binding (flows.used_by.bound).
    for (const { stage } of bindings) {
      uses.push(use("authentik_flows", "stage", stage.pk, `Stage ${stage.name}`, "cascade_many"));
    }
    for (const invitation of this.instance.invitations.all()) {
      if (invitation.flow !== flow) continue;
      const name = `Invitation ${invitation.pk} created by ${invitation.createdBy.pk}`;
      uses.push(use("authentik_stages_invitation", "invitation", invitation.pk, name, "set_default"));
    }
    return uses;
  }

  private read(call: Call, flow: Flow | undefined, partial: boolean): Partial<Flow> {
    const { profile } = call;
    const form = new Form(call.fields(), partial);
    const written: Partial<Flow> = {
      name: form.required("name", (value) => text(value)),
      slug: form.required("slug", this.freeSlug(profile, flow)),
      title: form.required("title", (value) => text(value)),
      designation: form.required("designation", choice(designations)),
      ...(profile.themedBackground ? { background: form.optional("background", ownBackground) } : {}),
      policyEngineMode: form.optional("policy_engine_mode", choice(policyEngineModes)),
      compatibilityMode: form.optional("compatibility_mode", truth),
      layout: form.optional("layout", choice(profile.layouts)),
      deniedAction: form.optional("denied_action", choice(deniedActions)),
      authentication: form.optional("authentication", choice(profile.authentications)),
    };
    if (form.wrong) throw refuse(400, form.errors);
    return Object.fromEntries(Object.entries(written).filter(([, value]) => value !== undefined));
  }

  private freeSlug(profile: Profile, flow: Flow | undefined): ReturnType<typeof slug> {
    return (value) => {
      const read = slug(profile)(value);
      if ("errors" in read) return read;
      const other = this.bySlug.get(read.value);
      // flows.create.duplicate-slug
      return other && other !== flow ? { errors: ["Flow with this slug already exists."] } : read;
    };
  }
}

function ownBackground(value: unknown): { value: string } {
  if (value !== "") throw unseen("a flow with a background of its own");
  return { value };
}

const orders: Record<string, Order<Flow>> = {
  pk: byText((row) => row.pk),
  slug: byText((row) => row.slug),
  name: byText((row) => row.name),
};
