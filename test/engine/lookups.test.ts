import type { Run } from "./project";
import { setUp } from "./scene";
import { invitations, invitationsPath, requestsOf, type ServerInvitation, stagesPath } from "./server";

jest.setTimeout(180_000);

const slug = "default-source-enrollment";

describe("look-ups in a program", () => {
  const scene = setUp();

  async function makeInvitation(name: string, fields: Record<string, unknown> = {}): Promise<ServerInvitation> {
    const flow = scene.server.instance.flows.ofSlug(slug)?.pk;
    const body = { name, flow, expires: "2035-01-01T00:00:00Z", ...fields };
    return (await scene.server.request("POST", invitationsPath, body)).body as ServerInvitation;
  }

  /** No pk of an invitation is in the text, in whatever spelling. */
  function expectNoPk(text: string, pks: readonly string[]): void {
    for (const pk of pks) {
      expect(text).not.toContain(pk);
      expect(text).not.toContain(pk.replaceAll("-", ""));
    }
  }

  test("a flow's pk goes to an invitation, at preview and up; each question is asked once a run", async () => {
    const { server, project } = scene;
    await project.write(`
      const flow = authentik.getFlow({ slug: "${slug}" });
      for (const name of ["a", "b", "c"]) {
        new authentik.Invitation(name, { flow: authentik.getFlow({ slug: "${slug}" }).then(({ pk }) => pk), validFor: "14d" });
      }
      exports.designation = flow.then(({ designation }) => designation);
      exports.title = authentik.getFlowOutput({ slug: "${slug}" }).title;
    `);
    const preview = await project.preview("--diff");
    const pk = server.instance.flows.ofSlug(slug)?.pk;
    expect([preview.code, preview.output]).toEqual([0, expect.stringMatching(new RegExp(`flow +: "${pk}"`))]);
    expect(requestsOf(server)).toEqual(["GET /api/v3/flows/instances/"]);
    await project.up();
    expect(requestsOf(server)).toEqual(["GET /api/v3/flows/instances/", ...Array(3).fill(`POST ${invitationsPath}`)]);
    expect((await invitations(server)).map(({ flow }) => flow)).toEqual([pk, pk, pk]);
    expect(await project.outputs()).toMatchObject({ designation: "enrollment", title: expect.stringMatching(/./) });
    expect((await project.preview("--expect-no-changes")).code).toBe(0);
  });

  test("invitations give their links as secret outputs, and no pk shows", async () => {
    const { server, project } = scene;
    const one = await makeInvitation("one", { fixed_data: { email: "one@example.com" } });
    const many = await Promise.all(["m1", "m2", "m3"].map((name) => makeInvitation(name)));
    const pks = [one, ...many].map(({ pk }) => pk);
    await project.write(`
      const one = authentik.getInvitation({ name: "one" });
      const all = authentik.getInvitations({ flowSlug: "${slug}" });
      exports.one = one.then(({ id, status, fixedData }) => ({ id, status, fixedData }));
      exports.onePk = one.then(({ pk }) => pk);
      exports.oneLink = one.then(({ link }) => link);
      exports.names = all.then((found) => found.map(({ name }) => name).sort());
      exports.whole = all;
      exports.twin = authentik.getInvitationOutput({ pk: one.then(({ pk }) => pk) }).link;
      exports.twins = authentik.getInvitationsOutput({ flowSlug: "${slug}" }).apply((found) => found.length);
    `);
    const preview = await project.preview();
    expect(preview.code).toBe(0);
    const output = await project.up();
    const shown = await project.succeed("stack", "output", "--json");
    expectNoPk(preview.output + output + shown + (await project.stateText()), pks);
    const link = `${server.url}/if/flow/${slug}/?itoken=${one.pk}`;
    const outputs = await project.outputs();
    expect(outputs).toMatchObject({
      one: { id: expect.stringMatching(/^[0-9a-f]{16}$/), status: "pending", fixedData: { email: "one@example.com" } },
      onePk: one.pk,
      oneLink: link,
      names: ["m1", "m2", "m3", "one"],
      twin: link,
      twins: 4,
    });
    expect((outputs["whole"] as { pk: string }[]).map(({ pk }) => pk)).toEqual([...pks].sort());
    expect(JSON.parse(shown)).toMatchObject({ onePk: "[secret]", oneLink: "[secret]", twin: "[secret]" });
  });

  test("the twins take what other resources give: at preview of what is not yet made, they wait", async () => {
    const { server, project } = scene;
    await project.write(`
      const stage = new authentik.InvitationStage("stage", { name: "Invitation stage of a twin" });
      const x = new authentik.Invitation("x", { flow: "${slug}", validFor: "14d", fixedData: { a: 1 } });
      exports.stage = authentik.getInvitationStageOutput({ pk: stage.id }).name;
      exports.flow = authentik.getFlowOutput({ pk: x.flowPk }).slug;
      exports.found = authentik.getInvitationOutput({ pk: x.pk }).name;
    `);
    const preview = await project.preview();
    expect([preview.code, preview.output]).toEqual([0, expect.stringContaining("+ 3 to create")]);
    expect(requestsOf(server)).toEqual([]);
    const output = await project.up();
    expect(await project.outputs()).toEqual({ stage: "Invitation stage of a twin", flow: slug, found: "x" });
    const [x] = await invitations(server);
    expectNoPk(output + (await project.stateText()), [x?.pk ?? ""]);
    expect((await project.preview("--expect-no-changes")).code).toBe(0);
  });

  test("a stage is found by its name", async () => {
    const { server, project } = scene;
    await server.request("POST", stagesPath, { name: "By hand", continue_flow_without_invitation: true });
    await project.write(`
      const stage = authentik.getInvitationStage({ name: "By hand" });
      exports.stage = stage.then(({ name, continueFlowWithoutInvitation, flowSet }) => ({ name, continueFlowWithoutInvitation, flowSet }));
    `);
    await project.up();
    expect(await project.outputs()).toEqual({
      stage: { name: "By hand", continueFlowWithoutInvitation: true, flowSet: [] },
    });
  });

  describe("one that finds none, or is asked wrongly, fails the run in one sentence without a stack", () => {
    const missing = "11111111-2222-4333-8444-555555555555";

    async function failing(program: string): Promise<Run> {
      await scene.project.write(program);
      const run = await scene.project.preview();
      expect(run.code).not.toBe(0);
      return run;
    }

    test.each([
      [
        `exports.x = authentik.getFlow({ slug: "nope" });`,
        'getFlow: authentik has no flow with the slug "nope" that the token\'s user may see.',
      ],
      [
        `new authentik.Invitation("x", { flow: authentik.getFlow({ slug: "nope" }).then(({ pk }) => pk), validFor: "1d" });`,
        'getFlow: authentik has no flow with the slug "nope" that the token\'s user may see.',
      ],
      [
        `exports.x = authentik.getInvitationOutput({ pk: pulumi.secret("${missing}") }).name;`,
        "getInvitation: authentik has no invitation with this pk that the token's user may see.",
      ],
      [
        `exports.x = authentik.getInvitations({ flowslug: "enrollment" });`,
        "getInvitations: flowslug is no argument of it; its arguments are name, flowSlug, createdBy, expires, connection.",
      ],
    ])("%s", async (program, sentence) => {
      const { output } = await failing(program);
      expect(output).toContain(sentence);
      expect(output).not.toMatch(/^\s+at /m);
      expect(output).not.toContain("/dist/");
      expectNoPk(output, [missing]);
    });
  });
});
