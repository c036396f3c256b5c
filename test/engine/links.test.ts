import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setUpFixture } from "./fixture";
import { type ApiInvitation, invitations, requestsOf } from "./server";

const fixture = setUpFixture();

const program = (slug: string, entries: Record<string, object> = { ada: {}, bob: {} }): string => `
const flow = new authentik.Flow("staff", { slug: "${slug}", title: "Staff", designation: "enrollment" });
const jane = new authentik.Invitation("jane", { flow: flow.id, validFor: "14d" });
const sam = new authentik.Invitation("sam", { flow: flow.slug, validFor: "14d" });
const batch = new authentik.InvitationBatch("intake", {
  flow: flow.id, validFor: "14d", invitations: ${JSON.stringify(entries)},
});
exports.links = pulumi.all([jane.link, sam.link, batch.links]);
exports.isSecret = pulumi.all([jane.link, batch.links].map((link) => pulumi.isSecret(link)));
`;

async function expectLinks(url: string, slug: string): Promise<void> {
  const listed = await invitations(fixture.server);
  const linkOf = (name: string): string => {
    const { pk } = listed.find((invitation) => invitation.name === name) as ApiInvitation;
    return `${url}/if/flow/${slug}/?itoken=${pk}`;
  };
  const outputs = await fixture.project.outputs();
  const links = [linkOf("jane"), linkOf("sam"), { ada: linkOf("intake-ada"), bob: linkOf("intake-bob") }];
  expect(outputs).toEqual({ links, isSecret: [true, true] });
  requestsOf(fixture.server);
}

function writes(): string[] {
  return requestsOf(fixture.server).filter((line) => !line.startsWith("GET"));
}

/** Removes the links from the state, as an earlier version wrote it. */
async function removeLinksFromState(): Promise<void> {
  const { project } = fixture;
  const file = join(project.folder, "state.json");
  await project.succeed("stack", "export", "--show-secrets", "--file", file);
  const state = JSON.parse(await readFile(file, "utf8")) as {
    deployment: { resources: { outputs?: Record<string, unknown>; additionalSecretOutputs?: string[] }[] };
  };
  for (const resource of state.deployment.resources) {
    delete resource.outputs?.["link"];
    if (resource.outputs && "pks" in resource.outputs) delete resource.outputs["links"];
  }
  await writeFile(file, JSON.stringify(state));
  await project.succeed("stack", "import", "--file", file);
}

test("links follow the slug of their flow and the URL in the configuration, in the same update", async () => {
  const { project, server } = fixture;
  await project.write(program("staff"));
  const created = await project.preview();
  expect(created.output).toContain("intake (2 invitations): 2 to create");
  await project.up();
  await expectLinks(server.url, "staff");

  await project.write(program("employees"));
  const renamed = await project.preview("--diff");
  expect(renamed.output).toContain('Invitation "jane": the link changes, because the slug of its flow');
  expect(renamed.output).toContain("intake (2 invitations): 2 with another link, because the slug of the flow");
  const countWarnings = (output: string) => output.split("Diagnostics:").at(-1)?.split(warning).length;
  const warning = 'Flow "employees": links that were sent with the slug "staff" stop working when the slug changes.';
  expect(countWarnings(renamed.output)).toBe(2);
  expect(writes()).toEqual([]);
  expect(countWarnings(await project.up())).toBe(2);
  expect(writes()).toEqual(["PUT /api/v3/flows/instances/staff/", "PUT /api/v3/stages/invitation/invitations/{pk}/"]);
  await expectLinks(server.url, "employees");
  const refreshed = await project.expectNoChanges("--refresh");
  expect(refreshed).toContain("5 unchanged");
  expect(refreshed).not.toContain("stop working");

  requestsOf(server);
  await project.succeed("config", "set", "authentik:publicUrl", "https://id.example.com/");
  await project.up();
  expect(requestsOf(server)).toEqual([]);
  await expectLinks("https://id.example.com", "employees");

  await removeLinksFromState();
  await project.expectNoChanges();
  await project.up();
  await expectLinks("https://id.example.com", "employees");
  // Someone changes the slug in authentik, and the next update changes it back.
  await server.request("PATCH", "/api/v3/flows/instances/employees/", { slug: "guests" });
  await project.succeed("refresh", "--yes", "--skip-preview");
  expect(JSON.stringify(await project.outputs())).not.toContain("/guests/");
  await project.up();
  await expectLinks("https://id.example.com", "employees");
}, 180_000);

test("a preview counts what changes in a batch", async () => {
  const { project } = fixture;
  const entries = (names: string[]): Record<string, object> => Object.fromEntries(names.map((name) => [name, {}]));
  await project.write(program("staff", entries(["a", "b", "c", "d"])));
  await project.up();
  await project.write(program("staff", { a: {}, b: { singleUse: true }, c: { keepers: { v: 1 } }, e: {} }));
  const { output } = await project.preview();
  expect(output).toContain("intake (5 invitations): 1 to create, 1 to update, 1 to reissue, 1 to delete");
  expect(output).toContain("intake: reissued, so that the old link stops working: c");
}, 120_000);
