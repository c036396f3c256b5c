import { z } from "zod";
import type { Client } from "./client";

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

/** `GET /api/v3/flows/instances/?slug=` or `?flow_uuid=`: undefined if there is none that the token's user may see. */
export async function findFlow(
  client: Client,
  wanted: { slug: string } | { pk: string },
): Promise<StoredFlow | undefined> {
  const isBySlug = "slug" in wanted;
  const flows = await client.list(
    {
      path: "flows/instances/",
      query: isBySlug ? { slug: wanted.slug } : { flow_uuid: wanted.pk },
      failure: `The flow ${isBySlug ? `"${wanted.slug}"` : wanted.pk} could not be looked up`,
      permission: "authentik_flows.view_flow",
    },
    wireFlow,
  );
  return flows.find((flow) => (isBySlug ? flow.slug === wanted.slug : flow.pk === wanted.pk));
}
