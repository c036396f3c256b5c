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

  test("ignoreChanges, replaceOnChanges, dependsOn, parent and aliases work, and a renamed resource keeps its link", async () => {
    const { server, project } = fixture;
    const program = (team: string, role: string, go: boolean, renamed: string) => `
      new authentik.Invitation("ignoring", { ${expires}, singleUse: ${go}, fixedData: { team: "${team}", role: "${role}" } },
        { ignoreChanges: ["fixedData.team", "singleUse"] });
      new authentik.Invitation("x", { ${expires}, fixedData: { team: "${team}" } }, { replaceOnChanges: ["fixedData"] });
      const stage = new authentik.InvitationStage("stage", { continueFlowWithoutInvitation: ${go} },
        { replaceOnChanges: ["continueFlowWithoutInvitation"] });
      new authentik.Invitation("y", { ${expires}, fixedData: { team: "${team}" } }, { replaceOnChanges: ["*"], deleteBeforeReplace: true });
      class Team extends pulumi.ComponentResource { constructor(name) { super("test:index:Team", name); } }
      const parent = new Team("team");
      const other = new authentik.InvitationStage("other");
      new authentik.Invitation(${renamed}`;
    await project.write(
      program("a", "reader", false, `"old", { name: "constant", ${expires} }, { parent, dependsOn: [other] });`),
    );
    await project.up();
    const before = await invitations(server);
    requestsOf(server);
    await project.write(
      program(
        "b",
        "writer",
        true,
        `"new", { name: "constant", ${expires} }, { parent, dependsOn: [other], aliases: [{ name: "old" }] });`,
      ),
    );
    const preview = await project.preview();
    expect(preview.output).toMatch(/~ 1 to update\n\s+\+-3 to replace\n/);
    await project.up();
    expect(requestsOf(server)).toEqual([
      `DELETE ${invitationsPath}{pk}/`,
      `DELETE ${invitationsPath}{pk}/`,
      // Deleted first, because its name is unique.
      `DELETE ${stagesPath}{pk}/`,
      "GET /api/v3/events/events/",
      `POST ${invitationsPath}`,
      `POST ${invitationsPath}`,
      `POST ${stagesPath}`,
      `PUT ${invitationsPath}{pk}/`,
    ]);
    const after = await invitations(server);
    expect(after.map(({ name, fixed_data, single_use }) => [name, fixed_data, single_use])).toEqual([
      ["constant", {}, false],
      ["ignoring", { team: "a", role: "writer" }, false],
      ["x", { team: "b" }, false],
      ["y", { team: "b" }, false],
    ]);
    expect(after.map(({ pk }, index) => pk === before[index]?.pk)).toEqual([true, true, false, false]);
    expect(after[0]).toEqual(before[0]);
    expect((await project.state()).get("new")?.parent).toContain("test:index:Team::team");
    await server.request("PATCH", `${invitationsPath}${after[1]?.pk}/`, {
      fixed_data: { team: "by-hand", role: "writer" },
    });
    await project.expectNoChanges("--refresh");
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
