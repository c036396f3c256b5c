import * as z from "zod";
import type { Client } from "./client";
import { displayedString, wirePk } from "./wire";

/** A stage of any kind, as authentik returns it in the list of all stages. */
export interface StoredStage {
  readonly pk: string;
  readonly name: string;
  readonly component: string | undefined;
  readonly verboseName: string | undefined;
  readonly metaModelName: string | undefined;
}

const wireStage = z
  .object({
    pk: wirePk,
    name: z.string(),
    component: displayedString,
    verbose_name: displayedString,
    meta_model_name: displayedString,
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

/** `GET /api/v3/stages/all/`, all pages. With `name`, at most one stage: names are unique across all kinds of stages. */
export async function listStages(client: Client, filters: { name?: string } = {}): Promise<StoredStage[]> {
  return await client.list(
    {
      path: "stages/all/",
      query: { ...filters },
      failure: "Could not list the stages",
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
      failure: "Could not read the stage",
      permission: "authentik_flows.view_stage",
    },
    wireStage,
  );
}
