import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseDocument } from "yaml";
import { z } from "zod";
import { kit } from "./kit";

const blueprint = z.strictObject({
  version: z.literal(1),
  metadata: z.strictObject({ name: z.string() }),
  entries: z.array(
    z.strictObject({
      model: z.string(),
      id: z.string().optional(),
      identifiers: z.record(z.string(), z.string()),
      attrs: z.record(z.string(), z.unknown()),
    }),
  ),
});

export type Blueprint = z.infer<typeof blueprint>;

/** The blueprint of the service accounts. A reference to another entry is read as `!KeyOf` and that entry's id. */
export async function readBlueprint(): Promise<Blueprint> {
  const document = parseDocument(await readFile(join(kit, "service-account.blueprint.yaml"), "utf8"), {
    customTags: [{ tag: "!KeyOf", resolve: (id: string) => `!KeyOf ${id}` }],
  });
  for (const problem of [...document.errors, ...document.warnings]) throw problem;
  return blueprint.parse(document.toJS());
}

/** The permissions of a role that the blueprint declares. */
export async function permissionsOf(role: "pulumi-invitations" | "pulumi-invitations-read"): Promise<string[]> {
  const { entries } = await readBlueprint();
  const found = entries.find(({ model, identifiers }) => model === "authentik_rbac.role" && identifiers.name === role);
  return z.array(z.string()).parse(found?.attrs.permissions);
}
