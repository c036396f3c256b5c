import { setUpFixture, setUpSharedFixture } from "./fixture";
import { type ApiInvitation, invitations, invitationsPath, requestsOf } from "./server";

jest.setTimeout(180_000);

const slug = "default-source-enrollment";

describe("lookups in a program", () => {
  const fixture = setUpFixture();

  async function createInvitation(name: string, fields: Record<string, unknown> = {}): Promise<ApiInvitation> {
    const flow = fixture.server.instance.flows.findBySlug(slug)?.pk;
    const body = { name, flow, expires: "2035-01-01T00:00:00Z", ...fields };
    return (await fixture.server.request("POST", invitationsPath, body)).body as ApiInvitation;
  }

  test("resolves a flow's pk for invitations at preview and up, with one request per run for equal lookups", async () => {
    const { server, project } = fixture;
    await project.write(`
      const flow = authentik.getFlow({ slug: "${slug}" });
      for (const name of ["a", "b", "c"]) {
        new authentik.Invitation(name, { flow: authentik.getFlow({ slug: "${slug}" }).then(({ pk }) => pk), validFor: "14d" });
      }
      exports.designation = flow.then(({ designation }) => designation);
      exports.title = authentik.getFlowOutput({ slug: "${slug}" }).title;
    `);
    const preview = await project.preview("--diff");
    const pk = server.instance.flows.findBySlug(slug)?.pk;
    expect([preview.code, preview.output]).toEqual([0, expect.stringMatching(new RegExp(`flow +: "${pk}"`))]);
    expect(requestsOf(server)).toEqual(["GET /api/v3/flows/instances/"]);
    await project.up();
    expect(requestsOf(server)).toEqual([
      "GET /api/v3/events/events/",
      "GET /api/v3/flows/instances/",
      ...Array(3).fill(`POST ${invitationsPath}`),
    ]);
    expect((await invitations(server)).map(({ flow }) => flow)).toEqual([pk, pk, pk]);
    expect(await project.outputs()).toMatchObject({ designation: "enrollment", title: expect.stringMatching(/./) });
    await project.expectNoChanges();
  });

  test("returns links as secret outputs, and prints no pk", async () => {
    const { server, project } = fixture;
    const one = await createInvitation("one", { fixed_data: { email: "one@example.com" } });
    const many = await Promise.all(["m1", "m2", "m3"].map((name) => createInvitation(name)));
    const pks = [one, ...many].map(({ pk }) => pk);
    await project.write(`
      const one = authentik.getInvitation({ name: "one" });
      const all = authentik.getInvitations({ flowSlug: "${slug}" });
      exports.one = one.then(({ id, status, fixedData }) => ({ id, status, fixedData }));
      exports.onePk = one.then(({ pk }) => pk);
      exports.oneLink = one.then(({ link }) => link);
      exports.names = all.then((found) => found.map(({ name }) => name).sort());
      exports.all = all;
      exports.linkOutput = authentik.getInvitationOutput({ pk: one.then(({ pk }) => pk) }).link;
      exports.countOutput = authentik.getInvitationsOutput({ flowSlug: "${slug}" }).apply((found) => found.length);
    `);
    const preview = await project.preview();
    expect(preview.code).toBe(0);
    await project.up();
    const redacted = await project.succeed("stack", "output", "--json");
    const link = `${server.url}/if/flow/${slug}/?itoken=${one.pk}`;
    const outputs = await project.outputs();
    expect(outputs).toMatchObject({
      one: { id: expect.stringMatching(/^[0-9a-f]{16}$/), status: "pending", fixedData: { email: "one@example.com" } },
      onePk: one.pk,
      oneLink: link,
      names: ["m1", "m2", "m3", "one"],
      linkOutput: link,
      countOutput: 4,
    });
    expect((outputs["all"] as { pk: string }[]).map(({ pk }) => pk)).toEqual([...pks].sort());
    expect(JSON.parse(redacted)).toMatchObject({ onePk: "[secret]", oneLink: "[secret]", linkOutput: "[secret]" });
  });

  test("…Output lookups accept outputs of other resources, and send nothing at preview while those are unknown", async () => {
    const { server, project } = fixture;
    await project.write(`
      const stage = new authentik.InvitationStage("stage", { name: "Invitation stage of an output" });
      const x = new authentik.Invitation("x", { flow: "${slug}", validFor: "14d", fixedData: { a: 1 } });
      exports.stage = authentik.getInvitationStageOutput({ pk: stage.id }).name;
      exports.flow = authentik.getFlowOutput({ pk: x.flowPk }).slug;
      exports.found = authentik.getInvitationOutput({ pk: x.pk }).name;
    `);
    const preview = await project.preview();
    expect([preview.code, preview.output]).toEqual([0, expect.stringContaining("+ 3 to create")]);
    expect(requestsOf(server)).toEqual([]);
    await project.up();
    expect(await project.outputs()).toEqual({ stage: "Invitation stage of an output", flow: slug, found: "x" });
    await project.expectNoChanges();
  });

  test("…Output lookups run after the resources that they depend on, also through arguments that are known at preview", async () => {
    const { server, project } = fixture;
    await project.write(`
      class Stages extends pulumi.ComponentResource {
        constructor(name) {
          super("test:Stages", name);
          new authentik.InvitationStage("inner", {}, { parent: this });
        }
      }
      const outer = new authentik.InvitationStage("outer");
      const component = new Stages("stages");
      exports.byArgument = authentik.getStageOutput({ name: outer.name }).name;
      exports.byOption = authentik.getStageOutput({ name: "outer" }, { dependsOn: [outer] }).name;
      exports.byComponent = authentik.getInvitationStageOutput({ name: "inner" }, { dependsOn: pulumi.output(component) }).name;
      new authentik.InviteOnlyEnrollment("x", { stages: [outer.name] });`);
    const preview = await project.preview();
    expect([preview.code, preview.output]).toEqual([0, expect.stringContaining("+ 9 to create")]);
    expect(requestsOf(server)).toEqual([]);
    await project.up();
    expect(await project.outputs()).toEqual({ byArgument: "outer", byOption: "outer", byComponent: "inner" });
    await project.expectNoChanges();
  });
});

describe("a lookup fails the run with one sentence and no stack trace if nothing is found", () => {
  const fixture = setUpSharedFixture();
  const missing = "11111111-2222-4333-8444-555555555555";

  test.each([
    [
      `new authentik.Invitation("x", { flow: authentik.getFlow({ slug: "nope" }).then(({ pk }) => pk), validFor: "1d" });`,
      'getFlow: authentik has no flow with the slug "nope" that the token\'s user is allowed to view.',
    ],
    [
      `exports.x = authentik.getInvitationOutput({ pk: pulumi.secret("${missing}") }).name;`,
      "getInvitation: authentik has no invitation with this pk that the token's user is allowed to view.",
    ],
  ])("%s", async (program, sentence) => {
    await fixture.project.write(program);
    const { code, output } = await fixture.project.preview();
    expect(code).not.toBe(0);
    expect(output).toContain(sentence);
    expect(output).not.toContain("/dist/");
    expect(output).not.toContain(missing);
  });
});
