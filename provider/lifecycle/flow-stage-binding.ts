import { z } from "zod";
import { ValidationError } from "../authentik/errors";
import {
  createFlowStageBinding,
  deleteFlowStageBinding,
  type FlowStageBindingFields,
  listFlowStageBindings,
  replaceFlowStageBinding,
  retrieveFlowStageBinding,
  type StoredFlowStageBinding,
} from "../authentik/flow-stage-bindings";
import { canonicalUuid } from "../pk";
import { given, isKnownText } from "./check";
import type { Connection } from "./connections";
import { objectProvider } from "./object-provider";
import { connectionName } from "./properties";
import { UserError } from "./user-error";

interface FlowStageBindingInputs extends FlowStageBindingFields {
  readonly connection?: string;
}

interface FlowStageBindingState extends FlowStageBindingInputs {
  readonly pk: string;
  /** UUID of the flow, where `target` is its slug. */
  readonly targetPk: string;
}

/** A binding, and what the slug in its inputs means. */
interface ResolvedBinding extends StoredFlowStageBinding {
  readonly targetOf: string | undefined;
}

const values = ["order", "evaluateOnPlan", "reEvaluatePolicies", "invalidResponseAction", "policyEngineMode"] as const;
const truth = z.boolean("must be true or false");

export const flowStageBindingProvider = objectProvider<FlowStageBindingInputs, ResolvedBinding, FlowStageBindingState>({
  noun: "binding",
  resource: "FlowStageBinding",
  viewPermission: "authentik_flows.view_flowstagebinding",
  schema: z.strictObject({
    target: z
      .string("must be given: a flow's slug or UUID as a text")
      .refine((text) => /^[-\w]+$/.test(text.trim()), "must be a flow's slug (letters, digits, _ and -) or UUID"),
    stage: z
      .string("must be given: a stage's UUID, such as a stage's id")
      .refine((text) => canonicalUuid(text) !== undefined, "must be a stage's UUID: pass the stage's id"),
    order: z
      .int("must be given: a whole number")
      .min(-2147483648, "must be at least -2147483648")
      .max(2147483647, "must be at most 2147483647"),
    evaluateOnPlan: truth.optional(),
    reEvaluatePolicies: truth.optional(),
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
  unique: ["target", "stage", "order"],
  // A binding has no name: its place says which one it is.
  title: ({ target, stage, order }) => `${target}/${order}/${stage}`,
  compare: (declared, state) => [
    ["target", isKnownText(declared.target) && isTarget(declared.target, state)],
    ["stage", isKnownText(declared.stage) && canonicalUuid(declared.stage) === canonicalUuid(state.stage)],
    ...values.map((value) => [value, declared[value] === state[value]] as const),
  ],
  stateOf: (written, { targetOf, ...stored }) => {
    const targetPk = stored.target;
    // The slug stands for the flow that it was looked up as, or that it meant when the state was written.
    const meant = targetOf ?? written.targetPk;
    const isSame = written.target !== undefined && (canonicalUuid(written.target) ?? meant) === targetPk;
    const stage =
      written.stage !== undefined && canonicalUuid(written.stage) === stored.stage ? written.stage : stored.stage;
    return given({
      ...stored,
      target: isSame ? written.target : targetPk,
      stage,
      targetPk,
      connection: written.connection,
    }) as unknown as FlowStageBindingState;
  },
  create: async (inputs, connection) => {
    const fields = await fieldsOf(inputs, connection);
    return { ...(await createFlowStageBinding(connection.client, fields)), targetOf: fields.target };
  },
  findEqual: async (inputs, connection) => {
    const fields = await fieldsOf(inputs, connection);
    const bindings = await listFlowStageBindings(connection.client, fields.target);
    return bindings
      .filter((binding) => binding.stage === fields.stage && values.every((value) => binding[value] === fields[value]))
      .map((binding) => ({ ...binding, targetOf: fields.target }));
  },
  retrieve: async (pk, connection, { target, targetPk }) => {
    const stored = await retrieveFlowStageBinding(connection.client, pk);
    // Of an adoption nothing has told yet what the slug means.
    const isToBeLookedUp = target !== undefined && targetPk === undefined && canonicalUuid(target) === undefined;
    return { ...stored, targetOf: isToBeLookedUp ? await connection.flowPk(target.trim()) : undefined };
  },
  replace: async (pk, inputs, state, connection) => {
    const target = isTarget(inputs.target, state) ? state.targetPk : inputs.target;
    const fields = await fieldsOf({ ...inputs, target }, connection);
    return { ...(await replaceFlowStageBinding(connection.client, pk, fields)), targetOf: fields.target };
  },
  delete: (pk, { client }) => deleteFlowStageBinding(client, pk),
  explain: explainTakenPlace,
});

function isTarget(declared: string, state: FlowStageBindingState): boolean {
  const uuid = canonicalUuid(declared);
  return uuid === undefined ? declared.trim() === state.target.trim() : uuid === state.targetPk;
}

async function fieldsOf(inputs: FlowStageBindingInputs, connection: Connection): Promise<FlowStageBindingFields> {
  return {
    ...inputs,
    target: canonicalUuid(inputs.target) ?? (await connection.flowPk(inputs.target.trim())),
    stage: canonicalUuid(inputs.stage) ?? inputs.stage,
  };
}

/** Where a flow has the stage at this place already: which binding that is, and what can be done. Texts are not looked at. */
async function explainTakenPlace(
  error: unknown,
  inputs: FlowStageBindingInputs,
  connection: Connection,
): Promise<unknown> {
  if (!(error instanceof ValidationError) || !("non_field_errors" in error.fields)) return error;
  const fields = await fieldsOf(inputs, connection);
  const bindings = await listFlowStageBindings(connection.client, fields.target).catch(() => []);
  const taken = bindings.find(({ stage, order }) => stage === fields.stage && order === fields.order);
  if (!taken) return error;
  return new UserError(
    `order: the flow "${inputs.target}" has this stage at the order ${fields.order} already, by the binding with the pk ${taken.pk}: choose another order, or take that binding over with the resource option { import: "${taken.pk}" }.`,
    { cause: error },
  );
}
