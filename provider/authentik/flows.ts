import * as z from "zod";
import type { Client } from "./client";
import { NotFoundError } from "./errors";
import { displayedString, wirePk, wireSlug } from "./wire";

/** The fields that a flow has in every response, including the flows nested in a stage. */
export interface FlowSummary {
  readonly pk: string;
  readonly name: string;
  readonly slug: string;
  readonly title: string;
  readonly designation: string | undefined;
  readonly authentication: string | undefined;
  readonly policyEngineMode: string | undefined;
  readonly compatibilityMode: boolean | undefined;
  readonly layout: string | undefined;
  readonly deniedAction: string | undefined;
  readonly exportUrl: string | undefined;
}

/** Only what identifies the flow is required: the rest is displayed. */
export const wireFlowSummary = z
  .object({
    pk: wirePk,
    name: displayedString,
    slug: wireSlug,
    title: displayedString,
    designation: displayedString,
    authentication: displayedString,
    policy_engine_mode: displayedString,
    compatibility_mode: z.boolean().optional().catch(undefined),
    layout: displayedString,
    denied_action: displayedString,
    export_url: displayedString,
  })
  .transform(
    (wire): FlowSummary => ({
      pk: wire.pk,
      name: wire.name ?? wire.slug,
      slug: wire.slug,
      title: wire.title ?? wire.name ?? wire.slug,
      designation: wire.designation,
      authentication: wire.authentication,
      policyEngineMode: wire.policy_engine_mode,
      compatibilityMode: wire.compatibility_mode,
      layout: wire.layout,
      deniedAction: wire.denied_action,
      exportUrl: wire.export_url,
    }),
  );

/** The fields of a flow that this package sets. It never sends `background`. */
export interface FlowFields {
  readonly name: string;
  readonly slug: string;
  readonly title: string;
  readonly designation: string;
  readonly authentication: string;
  readonly deniedAction: string;
  readonly layout: string;
  readonly policyEngineMode: string;
  readonly compatibilityMode: boolean;
}

/** A flow as authentik returns it from `/flows/instances/`. */
export interface StoredFlow extends FlowFields {
  readonly pk: string;
}

const wireFlow = z
  .object({
    pk: wirePk,
    name: z.string(),
    slug: wireSlug,
    title: z.string(),
    designation: z.string(),
    authentication: z.string(),
    denied_action: z.string(),
    layout: z.string(),
    policy_engine_mode: z.string(),
    compatibility_mode: z.boolean(),
  })
  .transform(
    (wire): StoredFlow => ({
      pk: wire.pk,
      name: wire.name,
      slug: wire.slug,
      title: wire.title,
      designation: wire.designation,
      authentication: wire.authentication,
      deniedAction: wire.denied_action,
      layout: wire.layout,
      policyEngineMode: wire.policy_engine_mode,
      compatibilityMode: wire.compatibility_mode,
    }),
  );

const fieldNames = {
  denied_action: "deniedAction",
  policy_engine_mode: "policyEngineMode",
  compatibility_mode: "compatibilityMode",
};

const path = "flows/instances/";

function toWire(fields: FlowFields): Record<string, unknown> {
  return {
    name: fields.name,
    slug: fields.slug,
    title: fields.title,
    designation: fields.designation,
    authentication: fields.authentication,
    denied_action: fields.deniedAction,
    layout: fields.layout,
    policy_engine_mode: fields.policyEngineMode,
    compatibility_mode: fields.compatibilityMode,
  };
}

/** `POST /api/v3/flows/instances/` */
export async function createFlow(client: Client, fields: FlowFields): Promise<StoredFlow> {
  return await client.create(
    {
      path,
      body: toWire(fields),
      failure: "Could not create the flow",
      permission: "authentik_flows.add_flow",
      fieldNames,
    },
    wireFlow,
  );
}

/**
 * `GET /api/v3/flows/instances/?flow_uuid=`. A flow's path is its slug, which another flow may have by now, so only a lookup by pk finds this
 * flow. An empty list does not prove that the flow was deleted: a GET by its last slug has to confirm it with a 404.
 */
export async function retrieveFlow(client: Client, pk: string, lastSlug: string | undefined): Promise<StoredFlow> {
  const failure = "Could not read the flow";
  const permission = "authentik_flows.view_flow";
  const [flow] = await client.list({ path, query: { flow_uuid: pk }, failure, permission }, wireFlow);
  if (flow) return flow;
  const notFound = new NotFoundError(
    failure,
    { method: "GET", path: `/api/v3/${path}` },
    `It does not exist, or the token's user is not allowed to view it (${permission}).`,
  );
  if (lastSlug === undefined) throw notFound;
  const request = { method: "GET", path: `${path}${encodeURIComponent(lastSlug)}/`, failure, permission } as const;
  const flowWithSlug = await client.send(request, wireFlow);
  if (flowWithSlug.pk === pk) return flowWithSlug;
  throw notFound;
}

/** `PUT /api/v3/flows/instances/{slug}/`, with the flow's current slug. */
export async function updateFlow(client: Client, slug: string, fields: FlowFields): Promise<StoredFlow> {
  return await client.send(
    {
      method: "PUT",
      path: `${path}${encodeURIComponent(slug)}/`,
      body: toWire(fields),
      failure: "Could not update the flow",
      permission: "authentik_flows.change_flow",
      fieldNames,
    },
    wireFlow,
  );
}

/** `DELETE /api/v3/flows/instances/{slug}/`; succeeds if it does not exist. */
export async function deleteFlow(client: Client, slug: string): Promise<void> {
  await client.delete({
    path: `${path}${encodeURIComponent(slug)}/`,
    failure: "Could not delete the flow",
    permission: "authentik_flows.delete_flow",
  });
}

/** `GET /api/v3/flows/instances/?slug=`: `undefined` if there is none that the token's user is allowed to view. */
export async function findFlow(client: Client, slug: string): Promise<StoredFlow | undefined> {
  const flows = await client.list(
    {
      path,
      query: { slug },
      failure: `Could not look up the flow "${slug}"`,
      permission: "authentik_flows.view_flow",
    },
    wireFlow,
  );
  return flows.find((flow) => flow.slug === slug);
}

/** `GET /api/v3/flows/instances/?slug=` or `?flow_uuid=`: `undefined` if there is none that the token's user is allowed to view. */
export async function findFlowSummary(
  client: Client,
  criteria: { slug: string } | { pk: string },
): Promise<FlowSummary | undefined> {
  const isBySlug = "slug" in criteria;
  const flows = await client.list(
    {
      path,
      query: isBySlug ? { slug: criteria.slug } : { flow_uuid: criteria.pk },
      failure: `Could not look up the flow ${isBySlug ? `"${criteria.slug}"` : criteria.pk}`,
      permission: "authentik_flows.view_flow",
    },
    wireFlowSummary,
  );
  return flows.find((flow) => (isBySlug ? flow.slug === criteria.slug : flow.pk === criteria.pk));
}
