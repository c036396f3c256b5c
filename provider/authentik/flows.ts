import { z } from "zod";
import type { Client } from "./client";
import { NotFoundError } from "./errors";

/** A flow as the server has it: what all versions give, in every answer that shows a flow, and what users use. */
export interface StoredFlow {
  readonly pk: string;
  readonly name: string;
  readonly slug: string;
  readonly title: string;
  readonly designation: string;
  readonly authentication: string | undefined;
  readonly policyEngineMode: string | undefined;
  readonly compatibilityMode: boolean | undefined;
  readonly layout: string | undefined;
  readonly deniedAction: string | undefined;
  readonly exportUrl: string | undefined;
}

/** Enumerations are read as texts: newer servers know values that older ones do not. */
export const wireFlow = z
  .object({
    pk: z.string(),
    name: z.string(),
    slug: z.string(),
    title: z.string(),
    designation: z.string(),
    authentication: z.string().optional(),
    policy_engine_mode: z.string().optional(),
    compatibility_mode: z.boolean().optional(),
    layout: z.string().optional(),
    denied_action: z.string().optional(),
    export_url: z.string().optional(),
  })
  .transform(
    (wire): StoredFlow => ({
      pk: wire.pk,
      name: wire.name,
      slug: wire.slug,
      title: wire.title,
      designation: wire.designation,
      authentication: wire.authentication,
      policyEngineMode: wire.policy_engine_mode,
      compatibilityMode: wire.compatibility_mode,
      layout: wire.layout,
      deniedAction: wire.denied_action,
      exportUrl: wire.export_url,
    }),
  );

/** What a flow is made of. Its `background` is left alone. */
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

/** A flow as its own address shows it. */
export interface StoredWholeFlow extends FlowFields {
  readonly pk: string;
  readonly exportUrl: string;
  /** Pks of the stages that are bound to it, in no order that means anything. */
  readonly stages: readonly string[];
  readonly policies: readonly string[];
}

const wireWholeFlow = z
  .object({
    pk: z.string(),
    name: z.string(),
    slug: z.string(),
    title: z.string(),
    designation: z.string(),
    authentication: z.string(),
    denied_action: z.string(),
    layout: z.string(),
    policy_engine_mode: z.string(),
    compatibility_mode: z.boolean(),
    export_url: z.string(),
    stages: z.array(z.string()),
    policies: z.array(z.string()),
  })
  .transform(
    (wire): StoredWholeFlow => ({
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
      exportUrl: wire.export_url,
      stages: wire.stages,
      policies: wire.policies,
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
export async function createFlow(client: Client, fields: FlowFields): Promise<StoredWholeFlow> {
  return await client.send(
    {
      method: "POST",
      path,
      body: toWire(fields),
      failure: "The flow could not be created",
      permission: "authentik_flows.add_flow",
      fieldNames,
    },
    wireWholeFlow,
  );
}

/**
 * `GET /api/v3/flows/instances/?flow_uuid=`. A flow's own address is its slug, under which another flow may have been made since: only a
 * look-up by its pk finds this one, whatever its slug is now. That it finds nothing is asked for once more under the slug, for an
 * answer that says so: an empty list alone is no word that something is gone.
 */
export async function retrieveFlow(client: Client, pk: string, lastSlug: string | undefined): Promise<StoredWholeFlow> {
  const failure = "The flow could not be read";
  const permission = "authentik_flows.view_flow";
  const [flow] = await client.list({ path, query: { flow_uuid: pk }, failure, permission }, wireWholeFlow);
  if (flow) return flow;
  const gone = new NotFoundError(
    failure,
    { method: "GET", path: `/api/v3/${path}` },
    `It does not exist, or the token's user may not see it (${permission}).`,
  );
  if (lastSlug === undefined) throw gone;
  const request = { method: "GET", path: `${path}${encodeURIComponent(lastSlug)}/`, failure, permission } as const;
  const namesake = await client.send(request, wireWholeFlow);
  if (namesake.pk === pk) return namesake;
  throw gone;
}

/** `PUT /api/v3/flows/instances/{slug}/`, by the slug that the flow has now. */
export async function replaceFlow(client: Client, slug: string, fields: FlowFields): Promise<StoredWholeFlow> {
  return await client.send(
    {
      method: "PUT",
      path: `${path}${encodeURIComponent(slug)}/`,
      body: toWire(fields),
      failure: "The flow could not be changed",
      permission: "authentik_flows.change_flow",
      fieldNames,
    },
    wireWholeFlow,
  );
}

/** `DELETE /api/v3/flows/instances/{slug}/`; one that is gone already is no error. */
export async function deleteFlow(client: Client, slug: string): Promise<void> {
  await client.delete({
    path: `${path}${encodeURIComponent(slug)}/`,
    failure: "The flow could not be deleted",
    permission: "authentik_flows.delete_flow",
  });
}

/** The flow with this slug, as a whole. */
export async function findWholeFlow(client: Client, slug: string): Promise<StoredWholeFlow | undefined> {
  const flows = await client.list(
    {
      path,
      query: { slug },
      failure: `The flow "${slug}" could not be looked up`,
      permission: "authentik_flows.view_flow",
    },
    wireWholeFlow,
  );
  return flows.find((flow) => flow.slug === slug);
}

/** `GET /api/v3/flows/instances/?slug=` or `?flow_uuid=`: undefined if there is none that the token's user may see. */
export async function findFlow(
  client: Client,
  wanted: { slug: string } | { pk: string },
): Promise<StoredFlow | undefined> {
  const isBySlug = "slug" in wanted;
  const flows = await client.list(
    {
      path,
      query: isBySlug ? { slug: wanted.slug } : { flow_uuid: wanted.pk },
      failure: `The flow ${isBySlug ? `"${wanted.slug}"` : wanted.pk} could not be looked up`,
      permission: "authentik_flows.view_flow",
    },
    wireFlow,
  );
  return flows.find((flow) => (isBySlug ? flow.slug === wanted.slug : flow.pk === wanted.pk));
}
