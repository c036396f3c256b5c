import { z } from "zod";
import type { Client } from "./client";

const wireFlow = z.object({ pk: z.string(), slug: z.string() });

/** `GET /api/v3/flows/instances/?slug=`: the pk of the flow with this slug, undefined if there is none that the token's user may see. */
export async function findFlowPk(client: Client, slug: string): Promise<string | undefined> {
  const flows = await client.list(
    {
      path: "flows/instances/",
      query: { slug },
      failure: `The flow "${slug}" could not be looked up`,
      permission: "authentik_flows.view_flow",
    },
    wireFlow,
  );
  return flows.find((flow) => flow.slug === slug)?.pk;
}
