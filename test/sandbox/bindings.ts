import { type Answer, json, refuse, unseen } from "./responses";
import type { Call } from "./call";
import { choice, Form, hex, readUuid, reference, truth, whole } from "./fields";
import { type Flow, policyEngineModes } from "./flows";
import type { JsonObject } from "./json";
import { byText, type Filter, filter, list, type Order, order, searchWords, unseenFilters } from "./lists";
import type { Stage } from "./stages";
import { use, ViewSet } from "./viewset";

export interface Binding {
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

const invalidResponseActions = ["retry", "restart", "restart_with_context"];

/** Which stage comes when in which flow. */
export class Bindings extends ViewSet<Binding> {
  protected readonly app = "authentik_flows";
  protected readonly model = "flowstagebinding";
  protected readonly label = "FlowStageBinding";
  private readonly rows = new Map<string, Binding>();

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

  find(pk: string): Binding | undefined {
    return this.rows.get(pk);
  }

  /** In the order in which the flow runs. */
  ofFlow(flow: Flow): Binding[] {
    return Array.from(this.rows.values())
      .filter((row) => row.target === flow)
      .sort((a, b) => a.order - b.order);
  }

  ofStage(stage: Stage): Binding[] {
    return Array.from(this.rows.values()).filter((row) => row.stage === stage);
  }

  removeThoseOfFlow(flow: Flow): void {
    for (const row of this.rows.values()) if (row.target === flow) this.rows.delete(row.pk);
  }

  removeThoseOfStage(stage: Stage): void {
    for (const row of this.rows.values()) if (row.stage === stage) this.rows.delete(row.pk);
  }

  use(row: Binding): JsonObject {
    return use(this.app, this.model, row.pk, title(row), "cascade");
  }

  protected list(call: Call): Answer {
    if (searchWords(call).length > 0) throw unseen("a search through bindings");
    const byUuid =
      (pkOf: (row: Binding) => string): Filter<Binding> =>
      (text) => {
        const pk = readUuid(text);
        if (pk === undefined) throw unseen("a filter of bindings by what is no UUID");
        return (row) => pkOf(row) === pk;
      };
    const found = filter<Binding>(call, this.rows.values(), {
      target: byUuid((row) => row.target.pk),
      stage: byUuid((row) => row.stage.pk),
      ...unseenFilters([
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
    return list(call, order(call, found, orders, "target,order"), (row) => this.show(row));
  }

  protected create(call: Call): Answer {
    const written = this.read(call, undefined, false);
    const row = this.add(written as { target: Flow; stage: Stage; order: number });
    this.instance.events.created(
      call,
      { app: this.app, model: this.model, pk: row.pk, name: title(row) },
      {
        order: row.order,
        stage: hex(row.stage.pk),
        target: hex(row.target.pk),
        fsb_uuid: hex(row.pk),
        pbm_uuid: hex(row.policyBindingModel),
        evaluate_on_plan: row.evaluateOnPlan,
        policy_engine_mode: row.policyEngineMode,
        re_evaluate_policies: row.reEvaluatePolicies,
        policybindingmodel_ptr: hex(row.policyBindingModel),
        invalid_response_action: row.invalidResponseAction,
      },
    );
    return json(201, this.shown(row, this.instance.stages.showKindless(row.stage)));
  }

  protected update(call: Call, row: Binding, partial: boolean): Answer {
    const written = this.read(call, row, partial);
    Object.assign(row, written);
    this.instance.events.updated(call, { app: this.app, model: this.model, pk: row.pk, name: title(row) });
    // A stage that the body names is not looked up by its kind, as in a new binding.
    return json(200, written.stage ? this.shown(row, this.instance.stages.showKindless(row.stage)) : this.show(row));
  }

  protected remove(call: Call, row: Binding): void {
    this.rows.delete(row.pk);
    this.instance.events.deleted(call, { app: this.app, model: this.model, pk: row.pk, name: title(row) });
  }

  protected show(row: Binding): JsonObject {
    return this.shown(row, this.instance.stages.showPlain(row.stage));
  }

  protected usedBy(): never {
    throw unseen("used_by of a binding");
  }

  private shown(row: Binding, stage: JsonObject): JsonObject {
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

  private read(call: Call, row: Binding | undefined, partial: boolean): Partial<Binding> {
    const form = new Form(call.fields(), partial);
    const written: Partial<Binding> = {
      target: form.required(
        "target",
        reference((pk) => this.instance.flows.find(pk)),
      ),
      stage: form.required(
        "stage",
        reference((pk) => this.instance.stages.any(pk)),
      ),
      evaluateOnPlan: form.optional("evaluate_on_plan", truth),
      reEvaluatePolicies: form.optional("re_evaluate_policies", truth),
      order: form.required("order", whole),
      policyEngineMode: form.optional("policy_engine_mode", choice(policyEngineModes)),
      invalidResponseAction: form.optional("invalid_response_action", choice(invalidResponseActions)),
    };
    if (form.wrong) throw refuse(400, form.errors);
    const given = Object.fromEntries(Object.entries(written).filter(([, value]) => value !== undefined));
    const result = { ...row, ...given } as Binding;
    for (const other of this.rows.values()) {
      // bindings.create.duplicate
      const same = other.target === result.target && other.stage === result.stage && other.order === result.order;
      if (same && other !== row) {
        throw refuse(400, { non_field_errors: ["The fields target, stage, order must make a unique set."] });
      }
    }
    return given;
  }
}

function title(row: Binding): string {
  return `Flow-stage binding #${row.order} to ${row.target.pk}`;
}

const orders: Record<string, Order<Binding>> = {
  pk: byText((row) => row.pk),
  target: byText((row) => row.target.pk),
  order: (a, b) => a.order - b.order,
};
