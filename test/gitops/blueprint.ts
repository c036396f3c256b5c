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

/** Reads the blueprint of the service accounts. A reference to another entry becomes the string `!KeyOf` and that entry's id. */
export async function readBlueprint(): Promise<Blueprint> {
  const document = parseDocument(await readFile(join(kit, "service-account.blueprint.yaml"), "utf8"), {
    customTags: [{ tag: "!KeyOf", resolve: (id: string) => `!KeyOf ${id}` }],
  });
  for (const error of [...document.errors, ...document.warnings]) throw error;
  return blueprint.parse(document.toJS());
}

export const roles = {
  preview: "pulumi-invitations-preview",
  drift: "pulumi-invitations-drift",
  invitations: "pulumi-invitations",
  /** Opt-in: no account has it. */
  flows: "pulumi-invitations-flows",
} as const;

/** Reads the permissions of a role in the blueprint. */
export async function readPermissions(role: keyof typeof roles): Promise<string[]> {
  const { entries } = await readBlueprint();
  const entry = entries.find(
    ({ model, identifiers }) => model === "authentik_rbac.role" && identifiers.name === roles[role],
  );
  return z.array(z.string()).parse(entry?.attrs.permissions);
}
