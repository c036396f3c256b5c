import type { Authentik } from "../../../sandbox";

/** Adds a flow with only an invitation stage, so that opening the link is enough to use an invitation. */
export function addFlow({ instance }: Authentik, slug: string): void {
  const { flows, stages, bindings } = instance;
  const target = flows.add({ name: slug, slug, title: slug, designation: "enrollment" });
  bindings.add({ target, stage: stages.add({ name: `${slug}-${target.pk}` }), order: 0 });
}

/** Opens the link of an invitation in a new session. */
export async function openLink(server: Authentik, slug: string, pk: string): Promise<void> {
  const query = encodeURIComponent(`itoken=${pk}`);
  await server.request("GET", `/api/v3/flows/executor/${slug}/?query=${query}`, undefined, null);
}
