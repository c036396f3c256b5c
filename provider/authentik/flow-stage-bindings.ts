import * as z from "zod";
import type { Client } from "./client";
import { wireObject, wirePk } from "./wire";

/** The fields of a binding that this package sets. */
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

/** A binding as authentik returns it. */
export interface StoredFlowStageBinding extends FlowStageBindingFields {
  readonly pk: string;
}

const wireBinding = z
  .object({
    pk: wirePk,
    target: wirePk,
    stage: wirePk,
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
  return await client.create(
    {
      path,
      body: toWire(fields),
      failure: "Could not create the binding",
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
      failure: "Could not read the binding",
      permission: "authentik_flows.view_flowstagebinding",
    },
    wireObject(wireBinding, pk),
  );
}

/** `PUT /api/v3/flows/bindings/{pk}/` */
export async function updateFlowStageBinding(
  client: Client,
  pk: string,
  fields: FlowStageBindingFields,
): Promise<StoredFlowStageBinding> {
  return await client.send(
    {
      method: "PUT",
      path: `${path}${pk}/`,
      body: toWire(fields),
      failure: "Could not update the binding",
      permission: "authentik_flows.change_flowstagebinding",
      viewPermission: "authentik_flows.view_flowstagebinding",
      fieldNames,
    },
    wireObject(wireBinding, pk),
  );
}

/** `DELETE /api/v3/flows/bindings/{pk}/`; succeeds if it does not exist. */
export async function deleteFlowStageBinding(client: Client, pk: string): Promise<void> {
  await client.delete({
    path: `${path}${pk}/`,
    failure: "Could not delete the binding",
    permission: "authentik_flows.delete_flowstagebinding",
    viewPermission: "authentik_flows.view_flowstagebinding",
  });
}

/** `GET /api/v3/flows/bindings/?target=`: a flow's bindings, sorted by their order. */
export async function listFlowStageBindings(client: Client, target: string): Promise<StoredFlowStageBinding[]> {
  const bindings = await client.list(
    {
      path,
      query: { target },
      failure: "Could not list the flow's bindings",
      permission: "authentik_flows.view_flowstagebinding",
    },
    wireBinding,
  );
  return bindings.sort((a, b) => a.order - b.order);
}
