import * as z from "zod";
import { ValidationError } from "../authentik/errors";
import {
  createFlowStageBinding,
  deleteFlowStageBinding,
  type FlowStageBindingFields,
  listFlowStageBindings,
  retrieveFlowStageBinding,
  type StoredFlowStageBinding,
  updateFlowStageBinding,
} from "../authentik/flow-stage-bindings";
import { originInput } from "../common/origin";
import { normalizeUuid } from "../common/pk";
import { stripWhitespace } from "../common/whitespace";
import { UserError } from "../lifecycle/user-error";
import { isKnownString, withoutUndefined } from "../values/properties";
import { connectionName } from "../values/strings";
import { objectProvider, type ResourceConnection } from "./object-provider";

interface FlowStageBindingInputs extends FlowStageBindingFields {
  readonly connection?: string;
  readonly [originInput]?: string;
}

interface FlowStageBindingState extends FlowStageBindingInputs {
  readonly pk: string;
  /** UUID of the flow, where `target` is its slug. */
  readonly targetPk: string;
}

/** A binding, and the pk of the flow that its `target` was resolved to. */
interface ResolvedBinding extends StoredFlowStageBinding {
  readonly resolvedTarget: string | undefined;
}

const values = ["order", "evaluateOnPlan", "reEvaluatePolicies", "invalidResponseAction", "policyEngineMode"] as const;
const booleanInput = z.boolean("must be true or false");

export const flowStageBindingProvider = objectProvider<FlowStageBindingInputs, ResolvedBinding, FlowStageBindingState>({
  noun: "binding",
  model: "flowstagebinding",
  resource: "FlowStageBinding",
  viewPermission: "authentik_flows.view_flowstagebinding",
  schema: z.strictObject({
    target: z
      .string("must be a flow's slug or UUID, as a string")
      .refine(
        (value) => /^[-\w]+$/.test(stripWhitespace(value)),
        "must be a flow's slug (letters, digits, _ and -) or UUID",
      ),
    stage: z
      .string("must be a stage's UUID, for example a stage's id")
      .refine((value) => normalizeUuid(value) !== undefined, "must be a stage's UUID. Pass the stage's id"),
    order: z
      .int("must be an integer")
      .min(-2147483648, "must be at least -2147483648")
      .max(2147483647, "must be at most 2147483647"),
    evaluateOnPlan: booleanInput.optional(),
    reEvaluatePolicies: booleanInput.optional(),
    invalidResponseAction: z
      .enum(["retry", "restart", "restart_with_context"], 'must be "retry", "restart" or "restart_with_context"')
      .optional(),
    policyEngineMode: z.enum(["all", "any"], 'must be "all" or "any"').optional(),
    connection: connectionName.optional(),
  }),
  defaults: {
    evaluateOnPlan: false,
    reEvaluatePolicies: true,
    invalidResponseAction: "retry",
    policyEngineMode: "any",
  },
  // authentik rejects this in a POST and a PUT.
  validateCombination: ({ evaluateOnPlan, reEvaluatePolicies }) =>
    evaluateOnPlan === false && reEvaluatePolicies === false
      ? [
          "reEvaluatePolicies: must be true unless evaluateOnPlan is true, because authentik requires one of them. evaluateOnPlan is false by default",
        ]
      : [],
  uniqueInputs: ["target", "stage", "order"],
  // A binding has no name.
  displayName: ({ target, stage, order }) => `${target}/${order}/${stage}`,
  compare: (declared, state) => [
    ["target", isKnownString(declared.target) && refersToTarget(declared.target, state)],
    ["stage", isKnownString(declared.stage) && normalizeUuid(declared.stage) === normalizeUuid(state.stage)],
    ...values.map((value) => [value, declared[value] === state[value]] as const),
  ],
  toState: (configured, { resolvedTarget, ...stored }) => {
    const targetPk = stored.target;
    // A slug refers to the flow that it was resolved to, now or when the state was written.
    const slugPk = resolvedTarget ?? configured.targetPk;
    const isSame = configured.target !== undefined && (normalizeUuid(configured.target) ?? slugPk) === targetPk;
    const stage =
      configured.stage !== undefined && normalizeUuid(configured.stage) === stored.stage
        ? configured.stage
        : stored.stage;
    return withoutUndefined({
      ...stored,
      target: isSame ? configured.target : targetPk,
      stage,
      targetPk,
      connection: configured.connection,
      [originInput]: configured[originInput],
    }) as unknown as FlowStageBindingState;
  },
  create: async (inputs, connection) => {
    const fields = await toApiFields(inputs, connection);
    return { ...(await createFlowStageBinding(connection.client, fields)), resolvedTarget: fields.target };
  },
  retrieve: async (pk, connection, { target, targetPk }) => {
    const stored = await retrieveFlowStageBinding(connection.client, pk);
    // On import, the slug has not been resolved yet.
    const needsLookup = target !== undefined && targetPk === undefined && normalizeUuid(target) === undefined;
    return {
      ...stored,
      resolvedTarget: needsLookup ? await connection.flowPk(stripWhitespace(target), "target") : undefined,
    };
  },
  update: async (pk, inputs, state, connection) => {
    const target = refersToTarget(inputs.target, state) ? state.targetPk : inputs.target;
    const fields = await toApiFields({ ...inputs, target }, connection);
    return { ...(await updateFlowStageBinding(connection.client, pk, fields)), resolvedTarget: fields.target };
  },
  delete: (pk, { client }) => deleteFlowStageBinding(client, pk),
  explainError: explainOrderConflict,
});

function refersToTarget(declared: string, state: FlowStageBindingState): boolean {
  const uuid = normalizeUuid(declared);
  return uuid === undefined ? stripWhitespace(declared) === stripWhitespace(state.target) : uuid === state.targetPk;
}

async function toApiFields(
  inputs: FlowStageBindingInputs,
  connection: ResourceConnection,
): Promise<FlowStageBindingFields> {
  return {
    ...inputs,
    target: normalizeUuid(inputs.target) ?? (await connection.flowPk(stripWhitespace(inputs.target), "target")),
    stage: normalizeUuid(inputs.stage) ?? inputs.stage,
  };
}

/** For a stage that the flow already has at this order: names the binding. Independent of the wording of authentik's message. */
async function explainOrderConflict(
  error: unknown,
  inputs: FlowStageBindingInputs,
  connection: ResourceConnection,
): Promise<unknown> {
  if (!(error instanceof ValidationError) || !("non_field_errors" in error.fields)) return error;
  const fields = await toApiFields(inputs, connection);
  const bindings = await listFlowStageBindings(connection.client, fields.target).catch(() => []);
  const taken = bindings.find(({ stage, order }) => stage === fields.stage && order === fields.order);
  if (!taken) return error;
  return new UserError(
    `order: the flow "${inputs.target}" already has this stage at order ${fields.order}: the binding with the pk ${taken.pk}. Choose another order, or import that binding with the resource option { import: "${taken.pk}" }.`,
    { cause: error },
  );
}
