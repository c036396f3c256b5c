import * as z from "zod";
import type { Client } from "../authentik/client";
import { displayedString, wirePk } from "../authentik/wire";
import { missingStagesError } from "../common/enrollment";
import type { Connection } from "../lifecycle/connections";
import { UserError } from "../lifecycle/user-error";
import { declareLookup, notFound } from "./lookup";

/** A stage of any kind, as authentik returns it in the list of all stages. */
const response = z
  .object({
    pk: wirePk,
    name: z.string(),
    component: displayedString,
    verbose_name: displayedString,
    meta_model_name: displayedString,
  })
  .transform(({ verbose_name, meta_model_name, ...stage }) => ({
    ...stage,
    verboseName: verbose_name,
    metaModelName: meta_model_name,
  }));

export type StoredStage = z.output<typeof response>;

const permission = "authentik_flows.view_stage";

/** `GET /api/v3/stages/all/`, all pages. With `name`, at most one stage: names are unique across all kinds of stages. */
export async function listStages(client: Client, filters: { name?: string } = {}): Promise<StoredStage[]> {
  const request = { path: "stages/all/", query: { ...filters }, failure: "Could not list the stages", permission };
  return await client.list(request, response);
}

/** `GET /api/v3/stages/all/{pk}/` */
export async function retrieveStage(client: Client, pk: string): Promise<StoredStage> {
  return await client.send(
    { method: "GET", path: `stages/all/${pk}/`, failure: "Could not read the stage", permission },
    response,
  );
}

export const getStage = declareLookup({
  name: "getStage",
  args: { name: { comment: "Name in authentik. Unique across all kinds of stages." } },
  exactlyOneOf: ["name"],
  result: {
    name: "GetStageResult",
    comment: "A stage of any kind, as returned by {@link getStage}.",
    fields: {
      pk: { type: "string", comment: "UUID of the stage." },
      name: { type: "string", comment: "Name in authentik." },
      component: {
        type: "string",
        comment: "The element of authentik's admin interface that edits stages of this kind.",
        isOptional: true,
      },
      verboseName: {
        type: "string",
        comment: "authentik's name for this kind of stage, for example `Prompt Stage`.",
        isOptional: true,
      },
      metaModelName: {
        type: "string",
        comment: "authentik's model name, for example `authentik_stages_prompt.promptstage`.",
        isOptional: true,
      },
    },
  },
  path: "stages/all/",
  documentation: {
    description: "Looks up a stage of any kind by its name.",
    permissions: "`authentik_flows.view_stage`.",
    throws: ["if there is no such stage that the token's user is allowed to view; the error lists the existing names"],
    example: `const prompt = authentik.getStageOutput({ name: "default-source-enrollment-prompt" });
new authentik.FlowStageBinding("prompt", { target: "enrollment", stage: prompt.pk, order: 10 });`,
  },

  async run({ client }, args) {
    const name = args.name?.trim() ?? "";
    const [stage] = await listStages(client, { name });
    if (stage) return stage;
    throw notFound("getStage", `stage with the name "${name}"`, await describeExistingStages(client));
  },
});

/** The pks of an enrollment's stages, by their names. One error lists all that are missing. */
export async function lookUpEnrollmentStages(
  connection: Pick<Connection, "client" | "cached">,
  component: string,
  names: readonly string[],
): Promise<Record<string, string>> {
  const stages = await Promise.all(
    names.map(async (name) => {
      const found = await connection.cached(`stage ${name.trim()}`, () =>
        listStages(connection.client, { name: name.trim() }),
      );
      return [name, found[0]?.pk ?? ""] as const;
    }),
  );
  const missing = stages.filter(([, pk]) => pk === "").map(([name]) => name);
  if (missing.length === 0) return Object.fromEntries(stages);
  const existing = await connection.cached("stages", () => describeExistingStages(connection.client));
  throw new UserError(missingStagesError(component, missing, existing));
}

/** The end of an error about a stage that does not exist. */
async function describeExistingStages(client: Client): Promise<string> {
  // A failing list must not hide that the stage does not exist.
  const all = await listStages(client).catch(() => []);
  const names = all.map(({ name }) => name).sort();
  return names.length > 0 ? ` Existing stages: ${names.join(", ")}.` : "";
}
