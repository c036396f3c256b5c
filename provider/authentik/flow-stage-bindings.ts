import { z } from "zod";
import type { Client } from "./client";

/** What binds a stage to a flow. */
export interface FlowStageBindingFields {
  /** UUID of the flow. */
  readonly target: string;
  /** UUID of the stage. */
  readonly stage: string;
  readonly order: number;
  readonly evaluateOnPlan: boolean;
  readonly reEvaluatePolicies: boolean;
  readonly invalidResponseAction: string;
  readonly policyEngineMode: string;
}

/** A binding as the server has it. */
export interface StoredFlowStageBinding extends FlowStageBindingFields {
  readonly pk: string;
}

const wireBinding = z
  .object({
    pk: z.string(),
    target: z.string(),
    stage: z.string(),
    order: z.number(),
    evaluate_on_plan: z.boolean(),
    re_evaluate_policies: z.boolean(),
    invalid_response_action: z.string(),
    policy_engine_mode: z.string(),
  })
  .transform(
    (wire): StoredFlowStageBinding => ({
      pk: wire.pk,
      target: wire.target,
      stage: wire.stage,
      order: wire.order,
      evaluateOnPlan: wire.evaluate_on_plan,
      reEvaluatePolicies: wire.re_evaluate_policies,
      invalidResponseAction: wire.invalid_response_action,
      policyEngineMode: wire.policy_engine_mode,
    }),
  );

const fieldNames = {
  evaluate_on_plan: "evaluateOnPlan",
  re_evaluate_policies: "reEvaluatePolicies",
  invalid_response_action: "invalidResponseAction",
  policy_engine_mode: "policyEngineMode",
};

const path = "flows/bindings/";

function toWire(fields: FlowStageBindingFields): Record<string, unknown> {
  return {
    target: fields.target,
    stage: fields.stage,
    order: fields.order,
    evaluate_on_plan: fields.evaluateOnPlan,
    re_evaluate_policies: fields.reEvaluatePolicies,
    invalid_response_action: fields.invalidResponseAction,
    policy_engine_mode: fields.policyEngineMode,
  };
}

/** `POST /api/v3/flows/bindings/` */
export async function createFlowStageBinding(
  client: Client,
  fields: FlowStageBindingFields,
): Promise<StoredFlowStageBinding> {
  return await client.send(
    {
      method: "POST",
      path,
      body: toWire(fields),
      failure: "The binding could not be created",
      permission: "authentik_flows.add_flowstagebinding",
      fieldNames,
    },
    wireBinding,
  );
}

/** `GET /api/v3/flows/bindings/{pk}/` */
export async function retrieveFlowStageBinding(client: Client, pk: string): Promise<StoredFlowStageBinding> {
  return await client.send(
    {
      method: "GET",
      path: `${path}${pk}/`,
      failure: "The binding could not be read",
      permission: "authentik_flows.view_flowstagebinding",
    },
    wireBinding,
  );
}

/** `PUT /api/v3/flows/bindings/{pk}/` */
export async function replaceFlowStageBinding(
  client: Client,
  pk: string,
  fields: FlowStageBindingFields,
): Promise<StoredFlowStageBinding> {
  return await client.send(
    {
      method: "PUT",
      path: `${path}${pk}/`,
      body: toWire(fields),
      failure: "The binding could not be changed",
      permission: "authentik_flows.change_flowstagebinding",
      viewPermission: "authentik_flows.view_flowstagebinding",
      fieldNames,
    },
    wireBinding,
  );
}

/** `DELETE /api/v3/flows/bindings/{pk}/`; one that is gone already is no error. */
export async function deleteFlowStageBinding(client: Client, pk: string): Promise<void> {
  await client.delete({
    path: `${path}${pk}/`,
    failure: "The binding could not be deleted",
    permission: "authentik_flows.delete_flowstagebinding",
    viewPermission: "authentik_flows.view_flowstagebinding",
  });
}

/** `GET /api/v3/flows/bindings/?target=`: the bindings of a flow, by their order. */
export async function listFlowStageBindings(client: Client, target: string): Promise<StoredFlowStageBinding[]> {
  const bindings = await client.list(
    {
      path,
      query: { target },
      failure: "The bindings of the flow could not be listed",
      permission: "authentik_flows.view_flowstagebinding",
    },
    wireBinding,
  );
  return bindings.sort((a, b) => a.order - b.order);
}
