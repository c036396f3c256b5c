import type * as z from "zod";
import type { Client } from "../authentik/client";
import { ifFound, NotFoundError, ValidationError } from "../authentik/errors";
import { listFlows } from "../authentik/flows";
import { displayedString, wireSlug } from "../authentik/wire";
import { logAbout } from "../common/log";
import { stripWhitespace } from "../common/whitespace";
import { objectKey } from "../lifecycle/connections";
import { declaredSlugs } from "../lifecycle/flow-slugs";
import { UserError } from "../lifecycle/user-error";
import { isKnownString } from "../values/properties";
import { isSameString } from "../values/strings";
import { differingInputs } from "./comparison";
import { declareObject, displaySchema, permission, responseSchema } from "./declaration";
import { declareLookup, notFound, propertyFields, requirePk } from "./lookup";
import { objectOperations } from "./operations";
import { boolean, oneOf, openEnum, slugString, string } from "./property";
import { requestsOf } from "./requests";

export const flow = declareObject({
  name: "Flow",
  noun: "flow",
  path: "flows/instances/",
  app: "authentik_flows",
  model: "flow",
  identity: ["slug"],
  properties: {
    name: string({ defaultsTo: "logical name", comment: "Name in authentik. Must not be blank." }),
    slug: string({
      defaultsTo: "logical name",
      comment:
        "Slug, which is part of the flow's URL: letters a-z and A-Z, digits, `_` and `-`; at most 50 characters on authentik 2024.8. Must be unique.",
      output: "Slug, which is part of the flow's URL.",
      input: slugString,
      wire: wireSlug,
    }),
    title: string({ defaultsTo: { input: "name" }, comment: "Title of the flow's pages." }),
    designation: oneOf(
      [
        "authentication",
        "authorization",
        "invalidation",
        "enrollment",
        "unenrollment",
        "recovery",
        "stage_configuration",
      ],
      { comment: "Purpose of the flow: `enrollment` for invitations.", output: "Purpose of the flow." },
    ),
    authentication: openEnum({
      default: "none",
      comment:
        "Who can run the flow: `none` (no restriction), `require_authenticated`, `require_unauthenticated`, `require_superuser`, `require_outpost`. Newer versions of authentik may support more values.",
      output: "Who can run the flow.",
    }),
    deniedAction: oneOf(["message_continue", "message", "continue"], {
      default: "message_continue",
      comment:
        "What happens when a policy denies access: `message_continue` follows the URL's `next` parameter, or shows a message without one; `message` shows a message; `continue` follows `next`, or redirects to the default interface without one.",
      output: "What happens when a policy denies access.",
    }),
    layout: openEnum({
      default: "stacked",
      comment:
        "Layout of the flow's pages: `stacked`, `content_left`, `content_right`, `sidebar_left`, `sidebar_right`. Newer versions of authentik may support more values.",
      output: "Layout of the flow's pages.",
    }),
    policyEngineMode: oneOf(["all", "any"], {
      default: "any",
      comment: "Whether any or all of the flow's policies must pass.",
    }),
    compatibilityMode: boolean({
      default: false,
      comment: "Whether compatibility mode is enabled, which improves support for password managers on mobile devices.",
      output: "Whether compatibility mode is enabled.",
    }),
  },
  outputs: {},
  documentation: {
    description: `Manages a flow: the pages for enrollment, login and so on. Bind stages to it with {@link FlowStageBinding}. The flow's
background is not managed. Changing any input other than \`connection\`, the slug included, updates the flow in place. A changed slug breaks
links that were already sent, so the preview warns.`,
    examples: [
      {
        program: `import * as authentik from "pulumi-authentik-invitations";

const flow = new authentik.Flow("staff-enrollment", {
  title: "Welcome",
  designation: "enrollment",
  authentication: "require_unauthenticated",
});

new authentik.Invitation("jane", { flow: flow.id, validFor: "14d" });`,
        yaml: `resources:
  staff-enrollment:
    type: authentik-invitations:Flow
    properties:
      title: Welcome
      designation: enrollment
      authentication: require_unauthenticated
  jane:
    type: authentik-invitations:Invitation
    properties:
      flow: \${staff-enrollment.id}
      validFor: 14d`,
      },
      {
        title: "Import an existing flow. Remove the option after `pulumi up`.",
        program: `new authentik.Flow("enrollment", { title: "Welcome", designation: "enrollment" }, { import: "5cb788da-2830-4f77-9a70-b69faeff4386" });`,
      },
    ],
    lookup: { function: "getFlow", by: "slug" },
    read: "?flow_uuid=",
    drift: `A refresh looks the flow up by its pk, so a changed slug is drift, not a deletion. A flow that was deleted and recreated with the
same slug is a different flow: it counts as deleted, and \`pulumi up\` reports which flow has the slug.`,
    throws: [
      "if another flow has the slug; the message contains its pk, for the option `import`",
      "if authentik does not support a value, such as an `authentication` of a newer version",
    ],
  },
});

const response = responseSchema(flow.properties);

export type StoredFlow = z.output<typeof response>;

/** A flow's path is its slug, which another flow may have by now. */
export const flows = requestsOf(flow, response, {
  item: (slug) => ({ path: `${flow.path}${encodeURIComponent(slug)}/` }),
  isKeyed: true,
});

/** A flow as lookups return it, also one that is nested in a stage. Only what identifies it is required: the rest is displayed. */
export const wireFlowSummary = displaySchema(flow.properties, ["slug"], { export_url: displayedString }).transform(
  ({ export_url, ...summary }) => ({
    ...summary,
    name: summary.name ?? summary.slug,
    title: summary.title ?? summary.name ?? summary.slug,
    exportUrl: export_url,
  }),
);

export const flowOperations = objectOperations(flow, flows, {
  planUpdate({ slug }, state) {
    if (!isKnownString(slug)) return;
    declaredSlugs.set(objectKey(state.pk, state.connection), stripWhitespace(slug));
    if (isSameString(slug, state.slug)) return;
    logAbout(
      `flow "${stripWhitespace(slug)}"`,
      "warn",
      `links that were sent with the slug "${stripWhitespace(state.slug)}" stop working when the slug changes. Send the new links.`,
    );
  },

  retrieve: (pk, { client }, { slug }) => retrieveFlow(client, pk, slug),

  async update(pk, inputs, state, { client }) {
    // Look up the current slug: another flow may have the one in the state by now.
    const { slug } = await retrieveFlow(client, pk, state.slug);
    try {
      return await flows.update(client, slug, inputs);
    } catch (error) {
      // If the response to a rename is lost, the retry finds no flow at the old slug, or another one, which cannot get the new slug.
      if (!(error instanceof NotFoundError || isSlugError(error))) throw error;
      const stored = await retrieveFlow(client, pk, stripWhitespace(inputs.slug));
      if (differingInputs(flow.properties, { ...inputs }, stored).length === 0) return stored;
      throw error;
    }
  },

  async delete(pk, { client }, { slug }) {
    const stored = await ifFound(retrieveFlow(client, pk, slug));
    if (stored !== undefined) await flows.delete(client, stored.slug);
  },

  /** For a slug that authentik rejected: names the flow that has it. Independent of the wording of authentik's message. */
  async explainError(error, inputs, { client }) {
    if (!isSlugError(error)) return error;
    const taken = await findFlow(client, stripWhitespace(inputs.slug)).catch(() => undefined);
    if (!taken) return error;
    return new UserError(
      `slug: authentik rejected "${inputs.slug}": ${error.fields.slug?.join(" ")} The flow with the pk ${taken.pk} has this slug. Choose another slug, or import that flow with the resource option { import: "${taken.pk}" }.`,
      { cause: error },
    );
  },
});

function isSlugError(error: unknown): error is ValidationError {
  return error instanceof ValidationError && "slug" in error.fields;
}

/**
 * `GET /api/v3/flows/instances/?flow_uuid=`. Only a lookup by pk finds this flow. An empty list does not prove that the flow was deleted: a GET by
 * its last slug has to confirm it with a 404.
 */
async function retrieveFlow(client: Client, pk: string, lastSlug: string | undefined): Promise<StoredFlow> {
  const failure = "Could not read the flow";
  const [found] = await flows.list(client, { flow_uuid: pk }, failure);
  if (found) return found;
  if (lastSlug !== undefined) {
    const flowWithSlug = await flows.retrieve(client, lastSlug);
    if (flowWithSlug.pk === pk) return flowWithSlug;
  }
  throw new NotFoundError(
    failure,
    { method: "GET", path: `/api/v3/${flow.path}` },
    `It does not exist, or the token's user is not allowed to view it (${permission(flow, "view")}).`,
  );
}

/** `GET /api/v3/flows/instances/?slug=`: `undefined` if there is none that the token's user is allowed to view. */
export async function findFlow(client: Client, slug: string): Promise<StoredFlow | undefined> {
  const found = await listFlows(client, { slug }, response);
  return found.find((stored) => stored.slug === slug);
}

const { designation, authentication, ...fields } = propertyFields(flow.properties, ["slug", "name", "title"]);

export const getFlow = declareLookup({
  name: "getFlow",
  args: { slug: { comment: "Slug of the flow." }, pk: { comment: "UUID of the flow." } },
  exactlyOneOf: ["slug", "pk"],
  result: {
    name: "GetFlowResult",
    comment: "A flow, as returned by {@link getFlow} and in a stage's `flowSet`.",
    fields: {
      pk: { type: "string", comment: "UUID of the flow." },
      ...fields,
      designation: { ...designation, comment: "Purpose of the flow: `enrollment`, `authentication`, …" },
      authentication: {
        ...authentication,
        comment: "Who can run the flow: `none`, `require_unauthenticated`, … Not set in a stage's `flowSet`.",
      },
      exportUrl: { type: "string", comment: "Path of the flow's export as a blueprint.", isOptional: true },
    },
  },
  path: flow.path,
  documentation: {
    description: "Looks up a flow by its slug or pk.",
    permissions: "`authentik_flows.view_flow`.",
    throws: ["if there is no such flow that the token's user is allowed to view"],
    example: `const enrollment = authentik.getFlowOutput({ slug: "enrollment" });
new authentik.Invitation("jane", { flow: enrollment.pk, validFor: "14d" });`,
  },

  async run({ client }, args) {
    const pk = args.pk === undefined ? undefined : requirePk("getFlow", args.pk);
    const slug = args.slug?.trim() ?? "";
    const found = await listFlows(client, pk === undefined ? { slug } : { pk }, wireFlowSummary);
    const match = found.find((listed) => (pk === undefined ? listed.slug === slug : listed.pk === pk));
    if (match) return match;
    throw notFound("getFlow", `flow with the ${pk === undefined ? `slug "${args.slug}"` : `pk ${pk}`}`);
  },
});
