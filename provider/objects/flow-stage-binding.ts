import * as z from "zod";
import type { Client } from "../authentik/client";
import { ValidationError } from "../authentik/errors";
import { wirePk } from "../authentik/wire";
import { normalizeUuid } from "../common/pk";
import { stripWhitespace } from "../common/whitespace";
import { UserError } from "../lifecycle/user-error";
import { isKnownString } from "../values/properties";
import { declareObject, type FieldsOf, responseSchema } from "./declaration";
import { declareLookup, propertyFields } from "./lookup";
import { type ObjectInputs, type ObjectState, objectOperations, type ResourceConnection } from "./operations";
import { boolean, integer, oneOf, property } from "./property";
import { requestsOf } from "./requests";

export const flowStageBinding = declareObject({
  name: "FlowStageBinding",
  noun: "binding",
  path: "flows/bindings/",
  app: "authentik_flows",
  model: "flowstagebinding",
  // A binding has no name.
  identity: ["target", "order", "stage"],
  properties: {
    target: property<string, string>({
      comment: "The flow: a {@link Flow}, or the slug or UUID of a flow.",
      output: "Slug or UUID of the flow, as configured; of a {@link Flow}, its UUID.",
      type: "string | pulumi.CustomResource",
      input: z
        .string("must be a flow's slug or UUID, as a string")
        .refine(
          (value) => /^[-\w]+$/.test(stripWhitespace(value)),
          "must be a flow's slug (letters, digits, _ and -) or UUID",
        ),
      wire: wirePk,
      isRequired: true,
    }),
    stage: property<string, string>({
      comment:
        "The stage: an {@link InvitationStage} or another resource whose `id` is the UUID of a stage, or the UUID itself.",
      output: "UUID of the stage.",
      type: "string | pulumi.CustomResource",
      input: z
        .string("must be a stage's UUID, for example a stage's id")
        .refine((value) => normalizeUuid(value) !== undefined, "must be a stage's UUID. Pass the stage's id"),
      wire: wirePk,
      isRequired: true,
      isSame: isSameUuid,
      asConfigured: (configured, stored) => (isSameUuid(configured, stored) ? configured : stored),
    }),
    order: integer({
      comment: "Position of the stage in the flow, an integer; the lowest comes first.",
      output: "Position of the stage in the flow.",
    }),
    evaluateOnPlan: boolean({
      default: false,
      comment: "Whether the binding's policies are evaluated when the flow is planned.",
    }),
    reEvaluatePolicies: boolean({
      default: true,
      comment: "Whether the binding's policies are evaluated when the stage is reached.",
    }),
    invalidResponseAction: oneOf(["retry", "restart", "restart_with_context"], {
      default: "retry",
      comment:
        "What happens after an invalid response: `retry` shows the stage again, `restart` restarts the flow, `restart_with_context` restarts it and keeps its context.",
      output: "What happens after an invalid response.",
    }),
    policyEngineMode: oneOf(["all", "any"], {
      default: "any",
      comment: "Whether any or all of the binding's policies must pass.",
    }),
  },
  outputs: { targetPk: { type: "string", comment: "UUID of the flow.", dependsOn: ["target"] } },
  documentation: {
    description: "Binds a stage to a flow. Changing any input other than `connection` updates the binding in place.",
    examples: [
      {
        program: `import * as authentik from "pulumi-authentik-invitations";

const stage = new authentik.InvitationStage("invitation");
new authentik.FlowStageBinding("invitation", { target: "enrollment", stage, order: 0 });`,
        yaml: `resources:
  invitation:
    type: authentik-invitations:InvitationStage
  binding:
    type: authentik-invitations:FlowStageBinding
    properties:
      target: enrollment
      stage: \${invitation.id}
      order: 0`,
      },
    ],
    lookup: { function: "getFlowStageBindings" },
    read: "{pk}/",
    drift: "When a flow or a stage is deleted, authentik deletes its bindings as well, and `pulumi up` recreates them.",
    morePermissions: "`authentik_flows.view_flow` if `target` is a slug",
    throws: [
      "if there is no flow with the slug in `target`, or no flow or stage with the UUID",
      "if the flow already has this stage at this order; the message contains that binding's pk, for the option `import`",
    ],
  },
});

const response = responseSchema(flowStageBinding.properties);

export type StoredFlowStageBinding = z.output<typeof response>;

const flowStageBindings = requestsOf(flowStageBinding, response);

type Inputs = ObjectInputs<typeof flowStageBinding.properties>;

interface State extends ObjectState<typeof flowStageBinding.properties> {
  /** UUID of the flow, where `target` is its slug. */
  readonly targetPk: string;
}

/** A binding, and the pk of the flow that its `target` was resolved to. */
type ResolvedBinding = StoredFlowStageBinding & { readonly resolvedTarget?: string | undefined };

export const flowStageBindingOperations = objectOperations<typeof flowStageBinding.properties, ResolvedBinding, State>(
  flowStageBinding,
  flowStageBindings,
  {
    // authentik rejects this in a POST and a PUT.
    validateCombination: ({ evaluateOnPlan, reEvaluatePolicies }) =>
      evaluateOnPlan === false && reEvaluatePolicies === false
        ? [
            "reEvaluatePolicies: must be true unless evaluateOnPlan is true, because authentik requires one of them. evaluateOnPlan is false by default",
          ]
        : [],

    isSame: (state) => ({ target: (declared) => isKnownString(declared) && refersToTarget(declared, state) }),

    toState({ target, targetPk: previousPk }, { target: targetPk, resolvedTarget }) {
      // A slug refers to the flow that it was resolved to, now or when the state was written.
      const slugPk = resolvedTarget ?? previousPk;
      const isSame = target !== undefined && (normalizeUuid(target) ?? slugPk) === targetPk;
      return { target: isSame ? target : targetPk, targetPk };
    },

    async create(inputs, connection) {
      const fields = await toFields(inputs, connection);
      return { ...(await flowStageBindings.create(connection.client, fields)), resolvedTarget: fields.target };
    },

    async retrieve(pk, connection, { target, targetPk }) {
      const stored = await flowStageBindings.retrieve(connection.client, pk);
      // On import, the slug has not been resolved yet.
      const isUnresolved = target !== undefined && targetPk === undefined;
      return { ...stored, resolvedTarget: isUnresolved ? await connection.flowPk(target, "target") : undefined };
    },

    async update(pk, inputs, state, connection) {
      const target = refersToTarget(inputs.target, state) ? state.targetPk : inputs.target;
      const fields = await toFields({ ...inputs, target }, connection);
      return { ...(await flowStageBindings.update(connection.client, pk, fields)), resolvedTarget: fields.target };
    },

    /** For a stage that the flow already has at this order: names the binding. Independent of the wording of authentik's message. */
    async explainError(error, inputs, connection) {
      if (!(error instanceof ValidationError) || !("non_field_errors" in error.fields)) return error;
      const fields = await toFields(inputs, connection);
      const bindings = await listFlowStageBindings(connection.client, fields.target).catch(() => []);
      const taken = bindings.find(({ stage, order }) => stage === fields.stage && order === fields.order);
      if (!taken) return error;
      return new UserError(
        `order: the flow "${inputs.target}" already has this stage at order ${fields.order}: the binding with the pk ${taken.pk}. Choose another order, or import that binding with the resource option { import: "${taken.pk}" }.`,
        { cause: error },
      );
    },
  },
);

/** A flow's bindings, sorted by their order. */
export async function listFlowStageBindings(client: Client, target: string): Promise<StoredFlowStageBinding[]> {
  const bindings = await flowStageBindings.list(client, { target }, "Could not list the flow's bindings");
  return bindings.sort((a, b) => a.order - b.order);
}

const { target, invalidResponseAction, ...fields } = propertyFields(flowStageBinding.properties);

export const getFlowStageBindings = declareLookup({
  name: "getFlowStageBindings",
  args: { flow: { comment: "Slug or UUID of the flow." } },
  exactlyOneOf: ["flow"],
  result: {
    name: "GetFlowStageBindingResult",
    comment: "A binding, as returned by {@link getFlowStageBindings}.",
    fields: {
      pk: { type: "string", comment: "UUID of the binding." },
      target: { ...target, comment: "UUID of the flow." },
      ...fields,
      invalidResponseAction: {
        ...invalidResponseAction,
        comment: "What happens after an invalid response: `retry`, `restart`, `restart_with_context`.",
      },
    },
  },
  list: "bindings",
  path: flowStageBinding.path,
  documentation: {
    description: "Looks up the bindings of a flow, sorted by their order.",
    permissions: "`authentik_flows.view_flowstagebinding`, and `authentik_flows.view_flow` if `flow` is a slug.",
    throws: ["if there is no flow with this slug that the token's user is allowed to view"],
    example: `const bindings = authentik.getFlowStageBindingsOutput({ flow: "enrollment" });
export const stages = bindings.apply((all) => all.map(({ stage, order }) => ({ stage, order })));`,
  },

  async run(connection, args) {
    return await listFlowStageBindings(connection.client, await connection.flowPk(args.flow?.trim() ?? ""));
  },
});

function isSameUuid(declared: unknown, stored: string): boolean {
  return isKnownString(declared) && normalizeUuid(declared) === normalizeUuid(stored);
}

function refersToTarget(declared: string, state: State): boolean {
  const uuid = normalizeUuid(declared);
  return uuid === undefined ? stripWhitespace(declared) === stripWhitespace(state.target) : uuid === state.targetPk;
}

async function toFields(
  inputs: Inputs,
  connection: ResourceConnection,
): Promise<FieldsOf<typeof flowStageBinding.properties>> {
  return {
    ...inputs,
    target: await connection.flowPk(inputs.target, "target"),
    stage: normalizeUuid(inputs.stage) ?? inputs.stage,
  };
}
