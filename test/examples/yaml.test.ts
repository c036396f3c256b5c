/** The programs in YAML on the pages of the documentation. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Authentik } from "../../sandbox";
import { Project, packageRoot } from "../engine/project";

jest.setTimeout(240_000);

const docs = join(packageRoot, "docs");

async function readPrograms(page: string): Promise<string[]> {
  const markdown = await readFile(join(docs, page), "utf8");
  return [...markdown.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, program = ""]) => program);
}

test("the quick start of the plugin, and the example of each resource, pass a preview", async () => {
  const [quickStart = ""] = await readPrograms("plugin.md");
  const resources = await readdir(join(docs, "resources"));
  const examples = (await Promise.all(resources.map((page) => readPrograms(join("resources", page))))).flat();
  expect(examples).toHaveLength(resources.length);

  const server = await Authentik.start();
  const project = await Project.create("", {
    authentik: server,
    plugin: true,
    // Otherwise the host of the links would be a warning.
    config: { "authentik-invitations:publicUrl": "https://authentik.example.com" },
  });
  try {
    for (const slug of ["enrollment", "staff-enrollment"]) {
      const flow = { slug, name: slug, title: slug, designation: "enrollment" };
      expect(await server.request("POST", "/api/v3/flows/instances/", flow)).toMatchObject({ status: 201 });
    }
    for (const program of [quickStart.replace(/^name: .*\nruntime: .*\n/, ""), ...examples]) {
      await project.writeYaml(program);
      const { code, output } = await project.preview();
      expect([program, code, output]).toEqual([program, 0, expect.not.stringMatching(/warning: (?!using pulumi-)/)]);
      expect(output).toContain("to create");
    }
  } finally {
    await project.remove();
    await server.close();
  }
});
