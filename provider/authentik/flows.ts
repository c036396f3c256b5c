import * as z from "zod";
import type { Client } from "./client";
import { wirePk, wireSlug } from "./wire";

const wireFlowReference = z.object({ pk: wirePk, slug: wireSlug });

/** `GET /api/v3/flows/instances/?slug=` or `?flow_uuid=`. */
export async function listFlows<Flow>(
  client: Client,
  criteria: { slug: string } | { pk: string },
  response: z.ZodType<Flow>,
): Promise<Flow[]> {
  const isBySlug = "slug" in criteria;
  return await client.list(
    {
      path: "flows/instances/",
      query: isBySlug ? { slug: criteria.slug } : { flow_uuid: criteria.pk },
      failure: `Could not look up the flow ${isBySlug ? `"${criteria.slug}"` : criteria.pk}`,
      permission: "authentik_flows.view_flow",
    },
    response,
  );
}

/** The pk of the flow with a slug: `undefined` if there is none that the token's user is allowed to view. */
export async function findFlowPk(client: Client, slug: string): Promise<string | undefined> {
  const flows = await listFlows(client, { slug }, wireFlowReference);
  return flows.find((flow) => flow.slug === slug)?.pk;
}
