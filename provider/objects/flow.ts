import * as z from "zod";
import { NotFoundError, ValidationError } from "../authentik/errors";
import {
  createFlow,
  deleteFlow,
  type FlowFields,
  findFlow,
  retrieveFlow,
  type StoredFlow,
  updateFlow,
} from "../authentik/flows";
import { log } from "../common/log";
import { originInput } from "../common/origin";
import { toPrintableLine } from "../common/printable";
import { stripWhitespace } from "../common/whitespace";
import { setFlowSlug } from "../lifecycle/flow-slugs";
import { UserError } from "../lifecycle/user-error";
import { isKnownString, type Properties, withoutUndefined } from "../values/properties";
import { asConfigured, connectionName, isSameString, nonBlankString } from "../values/strings";
import { objectProvider, type ResourceConnection } from "./object-provider";

interface FlowInputs extends FlowFields {
  readonly connection?: string;
  readonly [originInput]?: string;
}

type FlowState = FlowInputs & StoredFlow;

/** An enum to which newer versions of authentik add values, so authentik validates it. */
const openEnum = z
  .string("must be a string")
  .regex(/^[a-z_]+$/, "must be one of authentik's values, which consist of lower-case letters and _");

const stringInputs = ["name", "slug", "title"] as const;
const otherInputs = [
  "designation",
  "authentication",
  "deniedAction",
  "layout",
  "policyEngineMode",
  "compatibilityMode",
] as const;

export const flowProvider = objectProvider<FlowInputs, StoredFlow, FlowState>({
  noun: "flow",
  model: "flow",
  resource: "Flow",
  viewPermission: "authentik_flows.view_flow",
  schema: z.strictObject({
    name: nonBlankString.optional(),
    slug: nonBlankString
      .refine(
        (slug) => /^[-\w]*$/.test(stripWhitespace(slug)),
        "must contain only letters (a-z, A-Z), digits, _ and -. Defaults to the resource's logical name; set it explicitly if the logical name has other characters",
      )
      .optional(),
    title: nonBlankString.optional(),
    designation: z.enum(
      [
        "authentication",
        "authorization",
        "invalidation",
        "enrollment",
        "unenrollment",
        "recovery",
        "stage_configuration",
      ],
      'must be "authentication", "authorization", "invalidation", "enrollment", "unenrollment", "recovery" or "stage_configuration"',
    ),
    authentication: openEnum.optional(),
    deniedAction: z
      .enum(["message_continue", "message", "continue"], 'must be "message_continue", "message" or "continue"')
      .optional(),
    layout: openEnum.optional(),
    policyEngineMode: z.enum(["all", "any"], 'must be "all" or "any"').optional(),
    compatibilityMode: z.boolean("must be true or false").optional(),
    connection: connectionName.optional(),
  }),
  defaults: {
    authentication: "none",
    deniedAction: "message_continue",
    layout: "stacked",
    policyEngineMode: "any",
    compatibilityMode: false,
  },
  uniqueInputs: ["slug"],
  displayName: ({ slug }) => String(slug),
  compare: compareInputs,
  planUpdate: ({ slug }, state) => {
    if (!isKnownString(slug)) return;
    setFlowSlug(state.pk, stripWhitespace(slug));
    if (isSameString(slug, state.slug)) return;
    log.warn(
      toPrintableLine(
        `Flow "${stripWhitespace(slug)}": links that were sent with the slug "${stripWhitespace(state.slug)}" stop working when the slug changes. Send the new links.`,
      ),
    );
  },
  toState: (configured, stored) =>
    withoutUndefined({
      ...stored,
      ...Object.fromEntries(stringInputs.map((input) => [input, asConfigured(configured[input], stored[input])])),
      connection: configured.connection,
      [originInput]: configured[originInput],
    }) as unknown as FlowState,
  create: (inputs, { client }) => createFlow(client, inputs),
  retrieve: (pk, { client }, { slug }) => retrieveFlow(client, pk, slug),
  update: async (pk, inputs, state, { client }) => {
    // Look up the current slug: another flow may have the one in the state by now.
    const { slug } = await retrieveFlow(client, pk, state.slug);
    try {
      return await updateFlow(client, slug, inputs);
    } catch (error) {
      // If the response to a rename is lost, the retry finds no flow at the old slug, or another one, which cannot get the new slug.
      if (!(error instanceof NotFoundError || isSlugError(error))) throw error;
      const stored = await retrieveFlow(client, pk, stripWhitespace(inputs.slug));
      if (compareInputs({ ...inputs }, stored).every(([, isSame]) => isSame)) return stored;
      throw error;
    }
  },
  delete: async (pk, { client }, { slug }) => {
    try {
      await deleteFlow(client, (await retrieveFlow(client, pk, slug)).slug);
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
    }
  },
  explainError: explainSlugConflict,
});

function compareInputs(declared: Properties, stored: FlowFields): (readonly [input: string, isSame: boolean])[] {
  return [
    ...stringInputs.map((input) => [input, isSameString(declared[input], stored[input])] as const),
    ...otherInputs.map((input) => [input, declared[input] === stored[input]] as const),
  ];
}

function isSlugError(error: unknown): error is ValidationError {
  return error instanceof ValidationError && "slug" in error.fields;
}

/** For a slug that authentik rejected: names the flow that has it. Independent of the wording of authentik's message. */
async function explainSlugConflict(
  error: unknown,
  inputs: FlowInputs,
  { client }: ResourceConnection,
): Promise<unknown> {
  if (!isSlugError(error)) return error;
  const taken = await findFlow(client, stripWhitespace(inputs.slug)).catch(() => undefined);
  if (!taken) return error;
  return new UserError(
    `slug: authentik rejected "${inputs.slug}": ${error.fields.slug?.join(" ")} The flow with the pk ${taken.pk} has this slug. Choose another slug, or import that flow with the resource option { import: "${taken.pk}" }.`,
    { cause: error },
  );
}
