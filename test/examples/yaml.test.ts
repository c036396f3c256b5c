/** The programs in YAML on the pages of the documentation. */
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { Authentik } from "../../sandbox";
import { Project, packageRoot } from "../engine/project";
import { readPrograms } from "./example";

jest.setTimeout(240_000);

/** The programs of the pages in a folder, each of which has one. */
async function readExamples(folder: string): Promise<string[]> {
  const pages = await readdir(join(packageRoot, "docs", folder));
  const examples = (await Promise.all(pages.map((page) => readPrograms(join(folder, page), "yaml")))).flat();
  expect(examples).toHaveLength(pages.length);
  return examples;
}

/** Programs as one, which takes one preview instead of several. Their names differ. */
function mergePrograms(programs: readonly string[]): string {
  const merged: Record<string, Record<string, unknown>> = {};
  for (const program of programs) {
    for (const [section, entries] of Object.entries(parse(program) as typeof merged)) {
      const known = merged[section] ?? {};
      expect(Object.keys(known)).not.toEqual(expect.arrayContaining(Object.keys(entries)));
      merged[section] = { ...known, ...entries };
    }
  }
  return stringify(merged);
}

test("the programs of the plugin's guide, and the example of each resource and function, pass a preview", async () => {
  const [quickStart = "", ...fragments] = await readPrograms("plugin.md", "yaml");
  const server = await Authentik.start();
  const project = await Project.create("", {
    authentik: server,
    plugin: true,
    config: {
      // Otherwise the host of the links would be a warning.
      "authentik-invitations:publicUrl": "https://authentik.example.com",
      stagingToken: { secret: "t0ken" },
    },
  });
  const create = async (path: string, object: object): Promise<void> =>
    expect(await server.request("POST", `/api/v3/${path}/`, object)).toMatchObject({ status: 201 });
  try {
    for (const slug of ["enrollment", "staff-enrollment"])
      await create("flows/instances", { slug, name: slug, title: slug, designation: "enrollment" });
    await create("stages/invitation/stages", { name: "enrollment-invitation" });
    await create("stages/invitation/invitations", { name: "partners-2027", expires: "2040-01-01T00:00:00Z" });
    const people = "email,name,Team\nada@example.com,Ada,backend\n";
    await writeFile(join(project.folder, "people.csv"), people);
    for (const program of [
      quickStart.replace(/^name: .*\nruntime: .*\n/, ""),
      mergePrograms(fragments),
      mergePrograms(await readExamples("functions")),
      ...(await readExamples("resources")),
    ]) {
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
