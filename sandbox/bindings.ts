import type { ObjectReference } from "./events";
import { booleanField, choiceField, integerField, parseUuid, primaryKeyField, Serializer, toHex } from "./fields";
import { type Flow, policyEngineModeChoices } from "./flows";
import type { JsonObject } from "./json";
import {
  byString,
  type Comparator,
  type Filter,
  filterRows,
  orderRows,
  paginate,
  searchTerms,
  unrecordedFilters,
} from "./lists";
import type { ApiRequest } from "./request";
import { apiError, type HttpResponse, json, notRecorded } from "./responses";
import type { Stage } from "./stages";
import { ViewSet } from "./viewset";

interface Binding {
  pk: string;
  policyBindingModel: string;
  target: Flow;
  stage: Stage;
  order: number;
  evaluateOnPlan: boolean;
  reEvaluatePolicies: boolean;
  policyEngineMode: string;
  invalidResponseAction: string;
}

const invalidResponseActionChoices = ["retry", "restart", "restart_with_context"];

/** Flow-stage bindings: the stages of each flow, in order. */
export class Bindings extends ViewSet<Binding> {
  protected readonly app = "authentik_flows";
  protected readonly model = "flowstagebinding";
  protected readonly label = "FlowStageBinding";

  add(binding: Partial<Binding> & { target: Flow; stage: Stage; order: number }): Binding {
    const added: Binding = {
      pk: this.instance.uuid(),
      policyBindingModel: this.instance.uuid(),
      evaluateOnPlan: false,
      reEvaluatePolicies: true,
      policyEngineMode: "any",
      invalidResponseAction: "retry",
      ...binding,
    };
    this.rows.set(added.pk, added);
    return added;
  }

  /** In the order in which the flow runs them. */
  findByFlow(flow: Flow): Binding[] {
    return this.all()
      .filter((row) => row.target === flow)
      .sort((a, b) => a.order - b.order);
  }

  findByStage(stage: Stage): Binding[] {
    return this.all().filter((row) => row.stage === stage);
  }

  removeByFlow(flow: Flow): void {
    for (const row of this.rows.values()) if (row.target === flow) this.rows.delete(row.pk);
  }

  removeByStage(stage: Stage): void {
    for (const row of this.rows.values()) if (row.stage === stage) this.rows.delete(row.pk);
  }

  override toReference({ pk, order, target }: Binding): ObjectReference {
    return { app: this.app, model: this.model, pk, name: `Flow-stage binding #${order} to ${target.pk}` };
  }

  protected list(request: ApiRequest): HttpResponse {
    if (searchTerms(request).length > 0) throw notRecorded("a search in bindings");
    const uuidFilter =
      (pkOf: (row: Binding) => string): Filter<Binding> =>
      (value) => {
        const pk = parseUuid(value);
        const isKnown = pk !== undefined && (this.instance.flows.find(pk) ?? this.instance.stages.findOfAnyType(pk));
        if (!isKnown) throw notRecorded("a filter of bindings by an object that does not exist");
        return (row) => pkOf(row) === pk;
      };
    const filtered = filterRows<Binding>(request, this.rows.values(), {
      target: uuidFilter((row) => row.target.pk),
      stage: uuidFilter((row) => row.stage.pk),
      ...unrecordedFilters([
        "evaluate_on_plan",
        "fsb_uuid",
        "invalid_response_action",
        "order",
        "pbm_uuid",
        "policies",
        "policy_engine_mode",
        "re_evaluate_policies",
      ]),
    });
    return paginate(request, orderRows(request, filtered, comparators, "target,order"), (row) => this.serialize(row));
  }

  protected create(request: ApiRequest): HttpResponse {
    const validated = this.validate(request, undefined, false);
    const row = this.add(validated as { target: Flow; stage: Stage; order: number });
    this.instance.events.logCreated(request, this.toReference(row), {
      order: row.order,
      stage: toHex(row.stage.pk),
      target: toHex(row.target.pk),
      fsb_uuid: toHex(row.pk),
      pbm_uuid: toHex(row.policyBindingModel),
      evaluate_on_plan: row.evaluateOnPlan,
      policy_engine_mode: row.policyEngineMode,
      re_evaluate_policies: row.reEvaluatePolicies,
      policybindingmodel_ptr: toHex(row.policyBindingModel),
      invalid_response_action: row.invalidResponseAction,
    });
    return json(201, this.serializeWithStage(row, this.instance.stages.serializeUntyped(row.stage)));
  }

  protected update(request: ApiRequest, row: Binding, partial: boolean): HttpResponse {
    const validated = this.validate(request, row, partial);
    Object.assign(row, validated);
    this.instance.events.logUpdated(request, this.toReference(row));
    // As after a create, a stage that was in the body is serialized without its type.
    return json(
      200,
      validated.stage
        ? this.serializeWithStage(row, this.instance.stages.serializeUntyped(row.stage))
        : this.serialize(row),
    );
  }

  protected destroy(request: ApiRequest, row: Binding): void {
    this.rows.delete(row.pk);
    this.instance.events.logDeleted(request, this.toReference(row));
  }

  protected serialize(row: Binding): JsonObject {
    return this.serializeWithStage(row, this.instance.stages.serializeBase(row.stage));
  }

  private serializeWithStage(row: Binding, stage: JsonObject): JsonObject {
    return {
      pk: row.pk,
      policybindingmodel_ptr_id: row.policyBindingModel,
      target: row.target.pk,
      stage: row.stage.pk,
      stage_obj: stage,
      evaluate_on_plan: row.evaluateOnPlan,
      re_evaluate_policies: row.reEvaluatePolicies,
      order: row.order,
      policy_engine_mode: row.policyEngineMode,
      invalid_response_action: row.invalidResponseAction,
    };
  }

  private validate(request: ApiRequest, row: Binding | undefined, partial: boolean): Partial<Binding> {
    const serializer = new Serializer(request.bodyFields(), partial);
    const validated: Partial<Binding> = {
      target: serializer.required(
        "target",
        primaryKeyField((pk) => this.instance.flows.find(pk)),
      ),
      stage: serializer.required(
        "stage",
        primaryKeyField((pk) => this.instance.stages.findOfAnyType(pk)),
      ),
      evaluateOnPlan: serializer.optional("evaluate_on_plan", booleanField),
      reEvaluatePolicies: serializer.optional("re_evaluate_policies", booleanField),
      order: serializer.required("order", integerField),
      policyEngineMode: serializer.optional("policy_engine_mode", choiceField(policyEngineModeChoices)),
      invalidResponseAction: serializer.optional("invalid_response_action", choiceField(invalidResponseActionChoices)),
    };
    if (serializer.hasErrors) throw apiError(400, serializer.errors);
    validateEvaluation(validated, partial);
    const fields = Object.fromEntries(Object.entries(validated).filter(([, value]) => value !== undefined));
    const result = { ...row, ...fields } as Binding;
    for (const other of this.rows.values()) {
      // bindings.create.duplicate
      const isDuplicate =
        other.target === result.target && other.stage === result.stage && other.order === result.order;
      if (isDuplicate && other !== row) {
        throw apiError(400, { non_field_errors: ["The fields target, stage, order must make a unique set."] });
      }
    }
    return fields;
  }
}

function validateEvaluation({ evaluateOnPlan, reEvaluatePolicies }: Partial<Binding>, partial: boolean): void {
  // field.binding.patch-neither-flag: a PATCH can turn off both, with evaluate_on_plan alone.
  if (reEvaluatePolicies !== false || evaluateOnPlan === true) return;
  if (partial) throw notRecorded("a PATCH of a binding with re_evaluate_policies false");
  if (evaluateOnPlan === undefined) throw notRecorded("re_evaluate_policies false without evaluate_on_plan");
  // field.binding.create-neither-flag, field.binding.put-neither-flag
  throw apiError(400, { non_field_errors: ["Either evaluation on plan or evaluation on run must be enabled"] });
}

const comparators: Record<string, Comparator<Binding>> = {
  pk: byString((row) => row.pk),
  target: byString((row) => row.target.pk),
  order: (a, b) => a.order - b.order,
};
