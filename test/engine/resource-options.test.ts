import { setUpFixture } from "./fixture";
import { invitations, invitationsPath, requestsOf, stagesPath } from "./server";

jest.setTimeout(180_000);

describe("resource options", () => {
  const fixture = setUpFixture();

  const expires = `expires: "2035-01-01T00:00:00Z"`;

  test("protect prevents destroy, and retainOnDelete keeps the invitation in authentik", async () => {
    const { server, project } = fixture;
    await project.write(`
      new authentik.Invitation("protected", { ${expires} }, { protect: true });
      new authentik.Invitation("retained", { ${expires} }, { retainOnDelete: true });
    `);
    await project.up();
    const destroy = await project.pulumi("destroy", "--yes", "--skip-preview", "--suppress-progress");
    expect(destroy.code).not.toBe(0);
    expect(destroy.output).toContain("protect");
    await project.write(`new authentik.Invitation("protected", { ${expires} }, { protect: true });`);
    requestsOf(server);
    await project.up();
    expect(requestsOf(server)).toEqual([]);
    expect((await invitations(server)).map(({ name }) => name)).toEqual(["protected", "retained"]);
    expect([...(await project.state()).keys()]).toEqual(["protected"]);
  });

  test("ignoreChanges ignores changes and drift of inputs and of single keys in fixedData", async () => {
    const { server, project } = fixture;
    const program = (team: string, role: string) => `
      new authentik.Invitation("x", { ${expires}, singleUse: ${team === "b"}, fixedData: { team: "${team}", role: "${role}" } },
        { ignoreChanges: ["fixedData.team", "singleUse"] });
    `;
    await project.write(program("a", "reader"));
    await project.up();
    await project.write(program("b", "writer"));
    await project.up();
    const [x] = await invitations(server);
    expect(x).toMatchObject({ single_use: false, fixed_data: { team: "a", role: "writer" } });
    await server.request("PATCH", `${invitationsPath}${x?.pk}/`, { fixed_data: { team: "by-hand", role: "writer" } });
    const drift = await project.preview("--refresh", "--expect-no-changes");
    expect([drift.code, drift.output]).toEqual([0, expect.anything()]);
  });

  test("supports dependsOn, parent and aliases, and a renamed resource keeps its link", async () => {
    const { server, project } = fixture;
    await project.write(`
      const stage = new authentik.InvitationStage("stage");
      class Team extends pulumi.ComponentResource { constructor(name) { super("test:index:Team", name); } }
      const team = new Team("team");
      new authentik.Invitation("old", { name: "constant", ${expires} }, { parent: team, dependsOn: [stage] });
    `);
    await project.up();
    const [before] = await invitations(server);
    // Two creations, and one search for what an interrupted run has created.
    expect(requestsOf(server).length).toBe(3);
    await project.write(`
      const stage = new authentik.InvitationStage("stage");
      class Team extends pulumi.ComponentResource { constructor(name) { super("test:index:Team", name); } }
      const team = new Team("team");
      new authentik.Invitation("new", { name: "constant", ${expires} }, { parent: team, dependsOn: [stage], aliases: [{ name: "old" }] });
    `);
    const { code, output } = await project.preview("--expect-no-changes");
    expect([code, output]).toEqual([0, expect.stringContaining("unchanged")]);
    await project.up();
    expect(requestsOf(server)).toEqual([]);
    expect(await invitations(server)).toEqual([before]);
    expect((await project.state()).get("new")?.parent).toContain("test:index:Team::team");
  });

  test("replaceOnChanges reissues an invitation, and deletes a stage first because its name is unique", async () => {
    const { server, project } = fixture;
    const program = (team: string, go: boolean) => `
      new authentik.Invitation("x", { ${expires}, fixedData: { team: "${team}" } }, { replaceOnChanges: ["fixedData"] });
      new authentik.InvitationStage("stage", { continueFlowWithoutInvitation: ${go} }, { replaceOnChanges: ["continueFlowWithoutInvitation"] });
      new authentik.Invitation("y", { ${expires}, fixedData: { team: "${team}" } }, { replaceOnChanges: ["*"], deleteBeforeReplace: true });
    `;
    await project.write(program("a", false));
    await project.up();
    const before = await invitations(server);
    requestsOf(server);
    await project.write(program("b", true));
    const preview = await project.preview();
    expect(preview.output).toContain("+-3 to replace");
    await project.up();
    expect(requestsOf(server)).toEqual([
      `DELETE ${invitationsPath}{pk}/`,
      `DELETE ${invitationsPath}{pk}/`,
      `DELETE ${stagesPath}{pk}/`,
      "GET /api/v3/events/events/",
      `POST ${invitationsPath}`,
      `POST ${invitationsPath}`,
      `POST ${stagesPath}`,
    ]);
    const after = await invitations(server);
    expect(after.map(({ name, fixed_data }) => [name, fixed_data])).toEqual([
      ["x", { team: "b" }],
      ["y", { team: "b" }],
    ]);
    expect(after.map(({ pk }) => pk)).not.toEqual(before.map(({ pk }) => pk));
    expect((await project.preview("--refresh", "--expect-no-changes")).code).toBe(0);
  });

  test("--target changes nothing but the target", async () => {
    const { server, project } = fixture;
    await project.write(`
      new authentik.Invitation("x", { ${expires} });
      new authentik.Invitation("y", { ${expires} });
    `);
    await project.up("--target", "**::x");
    expect((await invitations(server)).map(({ name }) => name)).toEqual(["x"]);
    await project.up();
    requestsOf(server);
    await project.write(`
      new authentik.Invitation("x", { ${expires}, singleUse: true });
      new authentik.Invitation("y", { ${expires}, singleUse: true });
    `);
    await project.up("--target", "**::y");
    expect((await invitations(server)).map(({ single_use }) => single_use)).toEqual([false, true]);
    await project.destroy("--target", "**::x");
    expect((await invitations(server)).map(({ name }) => name)).toEqual(["y"]);
  });
});
