import { booleanField, charField, choiceField, parseUuid, Serializer, slugField } from "./fields";
import type { JsonObject } from "./json";
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
import { apiError, type HttpResponse, json, notRecorded } from "./responses";
import type { VersionBehavior } from "./versions";
import { usedByEntry, ViewSet } from "./viewset";

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

const defaultBackground = "/static/dist/assets/images/flow_background.jpg";
const validDesignations = [
  "authentication",
  "authorization",
  "invalidation",
  "enrollment",
  "unenrollment",
  "recovery",
  "stage_configuration",
];
const validDeniedActions = ["message_continue", "message", "continue"];
export const validPolicyEngineModes = ["all", "any"];

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
  serialize(flow: Flow): JsonObject {
    const themed = this.instance.behavior.hasThemedBackgrounds;
    return {
      pk: flow.pk,
      policybindingmodel_ptr_id: flow.policyBindingModel,
      name: flow.name,
      slug: flow.slug,
      title: flow.title,
      designation: flow.designation,
      ...(themed
        ? { background: flow.background, ...this.backgroundUrl(flow), background_themed_urls: null }
        : { background: defaultBackground }),
      stages: this.instance.bindings.findByFlow(flow).map((binding) => binding.stage.pk),
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
  serializeInFlowSet(flow: Flow): JsonObject {
    return {
      pk: flow.pk,
      policybindingmodel_ptr_id: flow.policyBindingModel,
      name: flow.name,
      slug: flow.slug,
      title: flow.title,
      designation: flow.designation,
      ...(this.instance.behavior.hasThemedBackgrounds ? this.backgroundUrl(flow) : { background: defaultBackground }),
      policy_engine_mode: flow.policyEngineMode,
      compatibility_mode: flow.compatibilityMode,
      export_url: `/api/v3/flows/instances/${flow.slug}/export/`,
      layout: flow.layout,
      denied_action: flow.deniedAction,
    };
  }

  /** What the executor tells of a flow (consume.no-token). */
  flowInfo(flow: Flow): JsonObject {
    return {
      title: flow.title,
      ...(this.instance.behavior.hasThemedBackgrounds
        ? { background: this.backgroundUrl(flow)["background_url"] as string, background_themed_urls: null }
        : { background: defaultBackground }),
      cancel_url: "/flows/-/cancel/",
      layout: flow.layout,
    };
  }

  private backgroundUrl(flow: Flow): JsonObject {
    if (flow.background !== "") throw notRecorded("a flow with a background of its own");
    return { background_url: defaultBackground };
  }

  /** Flows are looked up by slug (flows.retrieve.by-uuid). */
  protected override getObject(call: ApiRequest, key: string): Flow {
    const flow = this.bySlug.get(key);
    if (!flow) throw notFound(call, this.label);
    return flow;
  }

  protected list(call: ApiRequest): HttpResponse {
    if (searchTerms(call).length > 0) throw notRecorded("a search through flows");
    const found = filterRows<Flow>(call, this.rows.values(), {
      slug: (text) => (row) => row.slug === text,
      designation: (text) => {
        // flows.list.designation.bad
        if (!validDesignations.includes(text)) {
          return { errors: [`Select a valid choice. ${text} is not one of the available choices.`] };
        }
        return (row) => row.designation === text;
      },
      flow_uuid: (text) => {
        const pk = parseUuid(text);
        if (pk === undefined) return { errors: ["Enter a valid UUID."] };
        return (row) => row.pk === pk;
      },
      name: (text) => (row) => row.name === text,
      ...unrecordedFilters(["denied_action"]),
    });
    return paginate(call, orderRows(call, found, comparators, "slug"), (row) => this.serialize(row));
  }

  protected create(call: ApiRequest): HttpResponse {
    const written = this.validate(call, undefined, false);
    const flow = this.add(
      written as Partial<Flow> & { name: string; slug: string; title: string; designation: string },
    );
    return json(201, this.serialize(flow));
  }

  protected update(call: ApiRequest, flow: Flow, partial: boolean): HttpResponse {
    const written = this.validate(call, flow, partial);
    this.bySlug.delete(flow.slug);
    Object.assign(flow, written);
    this.bySlug.set(flow.slug, flow);
    return json(200, this.serialize(flow));
  }

  protected destroy(_call: ApiRequest, flow: Flow): void {
    this.rows.delete(flow.pk);
    this.bySlug.delete(flow.slug);
    this.instance.bindings.removeByFlow(flow);
    this.instance.invitations.clearFlow(flow);
  }

  protected usedBy(flow: Flow): JsonObject[] {
    if (flow.isDefault) throw notRecorded("used_by of a flow that came with the server");
    const bindings = this.instance.bindings.findByFlow(flow);
    const uses = bindings.map((binding) => this.instance.bindings.usedByEntry(binding));
    // Once for every binding (flows.used_by.bound).
    for (const { stage } of bindings) {
      uses.push(usedByEntry("authentik_flows", "stage", stage.pk, `Stage ${stage.name}`, "cascade_many"));
    }
    for (const invitation of this.instance.invitations.all()) {
      if (invitation.flow !== flow) continue;
      const name = `Invitation ${invitation.pk} created by ${invitation.createdBy.pk}`;
      uses.push(usedByEntry("authentik_stages_invitation", "invitation", invitation.pk, name, "set_default"));
    }
    return uses;
  }

  private validate(call: ApiRequest, flow: Flow | undefined, partial: boolean): Partial<Flow> {
    const { behavior: profile } = call;
    const form = new Serializer(call.bodyFields(), partial);
    const written: Partial<Flow> = {
      name: form.required("name", (value) => charField(value)),
      slug: form.required("slug", this.uniqueSlugField(profile, flow)),
      title: form.required("title", (value) => charField(value)),
      designation: form.required("designation", choiceField(validDesignations)),
      ...(profile.hasThemedBackgrounds ? { background: form.optional("background", backgroundField) } : {}),
      policyEngineMode: form.optional("policy_engine_mode", choiceField(validPolicyEngineModes)),
      compatibilityMode: form.optional("compatibility_mode", booleanField),
      layout: form.optional("layout", choiceField(profile.layouts)),
      deniedAction: form.optional("denied_action", choiceField(validDeniedActions)),
      authentication: form.optional("authentication", choiceField(profile.authentications)),
    };
    if (form.hasErrors) throw apiError(400, form.errors);
    return Object.fromEntries(Object.entries(written).filter(([, value]) => value !== undefined));
  }

  private uniqueSlugField(profile: VersionBehavior, flow: Flow | undefined): ReturnType<typeof slugField> {
    return (value) => {
      const read = slugField(profile)(value);
      if ("errors" in read) return read;
      const other = this.bySlug.get(read.value);
      // flows.create.duplicate-slug
      return other && other !== flow ? { errors: ["Flow with this slug already exists."] } : read;
    };
  }
}

function backgroundField(value: unknown): { value: string } {
  if (value !== "") throw notRecorded("a flow with a background of its own");
  return { value };
}

const comparators: Record<string, Comparator<Flow>> = {
  pk: byString((row) => row.pk),
  slug: byString((row) => row.slug),
  name: byString((row) => row.name),
};
