import { z } from "zod";
import { NotFoundError, ValidationError } from "../authentik/errors";
import {
  createFlow,
  deleteFlow,
  type FlowFields,
  findWholeFlow,
  replaceFlow,
  retrieveFlow,
  type StoredWholeFlow,
} from "../authentik/flows";
import { given } from "./check";
import type { Connection } from "./connections";
import { objectProvider } from "./object-provider";
import { asWritten, connectionName, filledText, isSameText } from "./properties";
import { UserError } from "./user-error";

interface FlowInputs extends FlowFields {
  readonly connection?: string;
}

type FlowState = FlowInputs & StoredWholeFlow;

/** Enumerations that grow with authentik's versions: what it takes is its own to say. */
const growing = z
  .string("must be a text")
  .regex(/^[a-z_]+$/, "must be one of authentik's values, which are made of small letters and _");

const texts = ["name", "slug", "title"] as const;
const values = [
  "designation",
  "authentication",
  "deniedAction",
  "layout",
  "policyEngineMode",
  "compatibilityMode",
] as const;

export const flowProvider = objectProvider<FlowInputs, StoredWholeFlow, FlowState>({
  noun: "flow",
  resource: "Flow",
  viewPermission: "authentik_flows.view_flow",
  schema: z.strictObject({
    name: filledText.optional(),
    slug: filledText
      .refine(
        (slug) => /^[-\w]*$/.test(slug.trim()),
        "must hold only the letters a-z and A-Z, digits, _ and - (it is the resource's name unless it is set)",
      )
      .optional(),
    title: filledText.optional(),
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
      'must be given, and be "authentication", "authorization", "invalidation", "enrollment", "unenrollment", "recovery" or "stage_configuration"',
    ),
    authentication: growing.optional(),
    deniedAction: z
      .enum(["message_continue", "message", "continue"], 'must be "message_continue", "message" or "continue"')
      .optional(),
    layout: growing.optional(),
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
  unique: ["slug"],
  title: ({ slug }) => String(slug),
  compare: (declared, state) => [
    ...texts.map((text) => [text, isSameText(declared[text], state[text])] as const),
    ...values.map((value) => [value, declared[value] === state[value]] as const),
  ],
  stateOf: (written, stored) =>
    given({
      ...stored,
      ...Object.fromEntries(texts.map((text) => [text, asWritten(written[text], stored[text])])),
      // The server's order means nothing, and changes.
      stages: [...stored.stages].sort(),
      connection: written.connection,
    }) as unknown as FlowState,
  create: (inputs, { client }) => createFlow(client, inputs),
  findEqual: async (inputs, { client }) => {
    const flow = await findWholeFlow(client, inputs.slug.trim());
    const isEqual =
      flow &&
      values.every((value) => flow[value] === inputs[value]) &&
      texts.every((text) => isSameText(inputs[text], flow[text]));
    return flow && isEqual ? [flow] : [];
  },
  retrieve: (pk, { client }, { slug }) => retrieveFlow(client, pk, slug),
  replace: async (pk, inputs, state, { client }) => {
    // By pk first: under the slug that the state has there may be another flow by now.
    const { slug } = await retrieveFlow(client, pk, state.slug);
    return await replaceFlow(client, slug, inputs);
  },
  delete: async (pk, { client }, { slug }) => {
    try {
      await deleteFlow(client, (await retrieveFlow(client, pk, slug)).slug);
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
    }
  },
  explain: explainTakenSlug,
});

/** Where the server refuses the slug, and a flow has it: which one that is, and what can be done. Texts are not looked at. */
async function explainTakenSlug(error: unknown, inputs: FlowInputs, { client }: Connection): Promise<unknown> {
  if (!(error instanceof ValidationError) || !("slug" in error.fields)) return error;
  const taken = await findWholeFlow(client, inputs.slug.trim()).catch(() => undefined);
  if (!taken) return error;
  return new UserError(
    `slug: authentik refuses "${inputs.slug}": ${error.fields.slug?.join(" ")} The flow with the pk ${taken.pk} has this slug: choose another slug, or take that flow over with the resource option { import: "${taken.pk}" }.`,
    { cause: error },
  );
}
