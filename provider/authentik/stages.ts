import { z } from "zod";
import type { Client } from "./client";

/** A stage of any kind, as the list of all stages shows it. */
export interface StoredStage {
  readonly pk: string;
  readonly name: string;
  readonly component: string;
  readonly verboseName: string;
  readonly metaModelName: string;
}

const wireStage = z
  .object({
    pk: z.string(),
    name: z.string(),
    component: z.string(),
    verbose_name: z.string(),
    meta_model_name: z.string(),
  })
  .transform(
    (wire): StoredStage => ({
      pk: wire.pk,
      name: wire.name,
      component: wire.component,
      verboseName: wire.verbose_name,
      metaModelName: wire.meta_model_name,
    }),
  );

/** `GET /api/v3/stages/all/`, all pages; with `name` the one stage that has it, for names are unique over all kinds. */
export async function listStages(client: Client, filters: { name?: string } = {}): Promise<StoredStage[]> {
  return await client.list(
    {
      path: "stages/all/",
      query: { ...filters },
      failure: "The stages could not be listed",
      permission: "authentik_flows.view_stage",
    },
    wireStage,
  );
}

/** `GET /api/v3/stages/all/{pk}/` */
export async function retrieveStage(client: Client, pk: string): Promise<StoredStage> {
  return await client.send(
    {
      method: "GET",
      path: `stages/all/${pk}/`,
      failure: "The stage could not be read",
      permission: "authentik_flows.view_stage",
    },
    wireStage,
  );
}
