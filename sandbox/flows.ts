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
import { ViewSet } from "./viewset";

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
}

const defaultBackground = "/static/dist/assets/images/flow_background.jpg";
const designationChoices = [
  "authentication",
  "authorization",
  "invalidation",
  "enrollment",
  "unenrollment",
  "recovery",
  "stage_configuration",
];
const deniedActionChoices = ["message_continue", "message", "continue"];
export const policyEngineModeChoices = ["all", "any"];

export class Flows extends ViewSet<Flow> {
  protected readonly app = "authentik_flows";
  protected readonly model = "flow";
  protected readonly label = "Flow";
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
      ...flow,
    };
    this.rows.set(added.pk, added);
    this.bySlug.set(added.slug, added);
    return added;
  }

  findBySlug(slug: string): Flow | undefined {
    return this.bySlug.get(slug);
  }

  /** The full form, in responses about flows and in the `flow_obj` of invitations. */
  serialize(flow: Flow): JsonObject {
    const { hasThemedBackgrounds } = this.instance.behavior;
    return {
      pk: flow.pk,
      policybindingmodel_ptr_id: flow.policyBindingModel,
      name: flow.name,
      slug: flow.slug,
      title: flow.title,
      designation: flow.designation,
      ...(hasThemedBackgrounds
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

  /** The short form in the `flow_set` of stages (stages.retrieve.bound). */
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

  /** The `flow_info` of the executor's challenges (consume.no-token). */
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
    if (flow.background !== "") throw notRecorded("a flow with a custom background");
    return { background_url: defaultBackground };
  }

  /** The lookup field of flows is the slug (flows.retrieve.by-uuid). */
  protected override getObject(request: ApiRequest, key: string): Flow {
    const flow = this.bySlug.get(key);
    if (!flow) throw notFound(request, this.label);
    return flow;
  }

  protected list(request: ApiRequest): HttpResponse {
    if (searchTerms(request).length > 0) throw notRecorded("a search in flows");
    const filtered = filterRows<Flow>(request, this.rows.values(), {
      slug: (value) => (row) => row.slug === value,
      designation: (value) => {
        // flows.list.designation.bad
        if (!designationChoices.includes(value)) {
          return { errors: [`Select a valid choice. ${value} is not one of the available choices.`] };
        }
        return (row) => row.designation === value;
      },
      flow_uuid: (value) => {
        const pk = parseUuid(value);
        if (pk === undefined) return { errors: ["Enter a valid UUID."] };
        return (row) => row.pk === pk;
      },
      ...unrecordedFilters(["denied_action", "name"]),
    });
    return paginate(request, orderRows(request, filtered, comparators, "slug"), (row) => this.serialize(row));
  }

  protected create(request: ApiRequest): HttpResponse {
    const validated = this.validate(request, undefined, false);
    const flow = this.add(
      validated as Partial<Flow> & { name: string; slug: string; title: string; designation: string },
    );
    this.instance.events.logFlowCreated(request, this.toReference(flow));
    return json(201, this.serialize(flow));
  }

  protected update(request: ApiRequest, flow: Flow, partial: boolean): HttpResponse {
    const validated = this.validate(request, flow, partial);
    this.bySlug.delete(flow.slug);
    Object.assign(flow, validated);
    this.bySlug.set(flow.slug, flow);
    this.instance.events.logUpdated(request, this.toReference(flow));
    return json(200, this.serialize(flow));
  }

  protected destroy(request: ApiRequest, flow: Flow): void {
    this.instance.events.logDeleted(request, this.toReference(flow));
    this.rows.delete(flow.pk);
    this.bySlug.delete(flow.slug);
    this.instance.bindings.removeByFlow(flow);
    this.instance.invitations.clearFlow(flow);
  }

  private validate(request: ApiRequest, flow: Flow | undefined, partial: boolean): Partial<Flow> {
    const { behavior } = request;
    const serializer = new Serializer(request.bodyFields(), partial);
    const validated: Partial<Flow> = {
      name: serializer.required("name", (value) => charField(value)),
      slug: serializer.required("slug", this.uniqueSlugField(behavior, flow)),
      title: serializer.required("title", (value) => charField(value)),
      designation: serializer.required("designation", choiceField(designationChoices)),
      ...(behavior.hasThemedBackgrounds ? { background: serializer.optional("background", backgroundField) } : {}),
      policyEngineMode: serializer.optional("policy_engine_mode", choiceField(policyEngineModeChoices)),
      compatibilityMode: serializer.optional("compatibility_mode", booleanField),
      layout: serializer.optional("layout", choiceField(behavior.layouts)),
      deniedAction: serializer.optional("denied_action", choiceField(deniedActionChoices)),
      authentication: serializer.optional("authentication", choiceField(behavior.authentications)),
    };
    if (serializer.hasErrors) throw apiError(400, serializer.errors);
    return Object.fromEntries(Object.entries(validated).filter(([, value]) => value !== undefined));
  }

  private uniqueSlugField(behavior: VersionBehavior, flow: Flow | undefined): ReturnType<typeof slugField> {
    return (value) => {
      const result = slugField(behavior)(value);
      if ("errors" in result) return result;
      const other = this.bySlug.get(result.value);
      // flows.create.duplicate-slug
      return other && other !== flow ? { errors: ["Flow with this slug already exists."] } : result;
    };
  }
}

function backgroundField(value: unknown): { value: string } {
  if (value !== "") throw notRecorded("a flow with a custom background");
  return { value };
}

const comparators: Record<string, Comparator<Flow>> = {
  pk: byString((row) => row.pk),
  slug: byString((row) => row.slug),
  name: byString((row) => row.name),
};
