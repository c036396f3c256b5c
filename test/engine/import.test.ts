import { setUpFixture } from "./fixture";
import { type ApiInvitation, invitations, invitationsPath, requestsOf, stagesPath } from "./server";

jest.setTimeout(180_000);

describe("import and get", () => {
  const fixture = setUpFixture();

  async function createInvitation(fields: Record<string, unknown> = {}): Promise<ApiInvitation> {
    const { body } = await fixture.server.request("POST", invitationsPath, {
      name: "existing",
      expires: "2035-01-01T00:00:00Z",
      single_use: true,
      fixed_data: { email: "jane@example.com", attributes: { team: "a" } },
      ...fields,
    });
    return body as ApiInvitation;
  }

  async function createStage(name: string): Promise<string> {
    const { body } = await fixture.server.request("POST", stagesPath, { name, continue_flow_without_invitation: true });
    return (body as { pk: string }).pk;
  }

  test("imports with reads only, and shows no change whether the option stays or is removed", async () => {
    const { server, project } = fixture;
    const { pk } = await createInvitation();
    const stagePk = await createStage("Existing stage");
    const program = (options: (pk: string) => string) => `
      const jane = new authentik.Invitation("jane", { name: "existing", expires: "2035-01-01T01:00:00+01:00", singleUse: true,
        fixedData: { attributes: { team: "a" }, email: "jane@example.com" } }, ${options(pk.toUpperCase())});
      new authentik.InvitationStage("stage", { name: "Existing stage", continueFlowWithoutInvitation: true }, ${options(stagePk)});
      exports.pk = jane.pk;
    `;
    await project.write(program((uuid) => `{ import: "${uuid}" }`));
    await project.preview();
    requestsOf(server);
    await project.up();
    expect(requestsOf(server)).toEqual([`GET ${invitationsPath}{pk}/`, `GET ${stagesPath}{pk}/`]);
    expect(await project.outputs()).toEqual({ pk });

    expect(await project.expectNoChanges("--refresh")).toContain("3 unchanged");
    await project.up();
    expect((await project.state()).get("jane")?.inputs).not.toHaveProperty("import");
    await project.write(program(() => "{}"));
    await project.expectNoChanges();
    await project.destroy();
    expect(await invitations(server)).toEqual([]);
  });

  test("rejects imports that differ from the program or do not exist, and names the stage that has a taken name, without writing", async () => {
    const { server, project } = fixture;
    const { pk } = await createInvitation();
    const stagePk = await createStage("taken");
    const missing = "00000000-0000-4000-8000-000000000000";
    requestsOf(server);
    await project.write(`new authentik.Invitation("jane", { validFor: "14d", flow: "default-source-enrollment",
      fixedData: { email: "j@example.com", attributes: { team: "a" }, extra: "s3cr3t" } }, { import: "${pk}" });`);
    const differing = await project.preview();
    expect(differing.code).not.toBe(0);
    expect(differing.output).toContain(
      'has a problem: Invitation "jane" cannot be imported, because it differs from the program in name, validFor, fixedData.email, fixedData.extra, singleUse, flow. Nothing was changed. Declare the values that authentik has, run `pulumi up`, then change them.',
    );
    await project.write(`new authentik.Invitation("missing", { validFor: "14d" }, { import: "${missing}" });`);
    const notFound = await project.preview();
    expect(notFound.output).toContain(
      'has a problem: Invitation "missing" cannot be imported: authentik has no invitation with the pk in the resource option import.',
    );
    for (const secret of ["s3cr3t", pk, missing]) expect(differing.output + notFound.output).not.toContain(secret);
    // Checking an import only reads.
    expect(requestsOf(server)).toEqual(Array(2).fill(`GET ${invitationsPath}{pk}/`));

    await project.write(
      'new authentik.InvitationStage("taken"); new authentik.InvitationStage("default-authentication-login");',
    );
    const options = ["--yes", "--skip-preview", "--suppress-progress", "--continue-on-error"];
    const { code, output } = await project.pulumi("up", ...options);
    expect(code).not.toBe(0);
    expect(output).toContain(
      `The invitation stage with the pk ${stagePk} has this name. Choose another name, or import that stage with the resource option { import: "${stagePk}" }.`,
    );
    expect(output).toContain("No invitation stage has this name");
    const writes = requestsOf(server).filter((request) => !request.startsWith("GET"));
    expect(writes).toEqual([`POST ${stagesPath}`, `POST ${stagesPath}`]);
    expect((await invitations(server)).map((invitation) => invitation.pk)).toEqual([pk]);
    expect((await project.state()).size).toBe(0);
  });

  test("imports an expired invitation, adopts none again while it is replaced, and keeps the one that a renamed resource imports", async () => {
    const { server, project } = fixture;
    const { pk: expired } = await createInvitation({
      name: "expired",
      expires: "2020-01-01T00:00:00Z",
      fixed_data: {},
      single_use: false,
    });
    const { pk } = await createInvitation();
    const program = (team: string, last: string) => `
      const x = new authentik.Invitation("expired", { expires: "2020-01-01T00:00:00Z" }, { import: "${expired}" });
      exports.status = x.status;
      new authentik.Invitation("existing", { expires: "2035-01-01T00:00:00Z", singleUse: true,
        fixedData: { email: "jane@example.com", attributes: { team: "${team}" } } }, { import: "${pk}", replaceOnChanges: ["fixedData"] });
      ${last}`;
    const constant = `{ name: "constant", expires: "2035-01-01T00:00:00Z" }`;
    await project.write(program("a", `new authentik.Invitation("old", ${constant});`));
    await project.up();
    // It could not be issued.
    expect(await project.outputs()).toEqual({ status: "expired" });
    const before = (await invitations(server)).find(({ name }) => name === "constant");

    await project.write(program("b", `new authentik.Invitation("new", ${constant}, { import: "${before?.pk}" });`));
    const output = await project.up();
    expect(output).toContain('Invitation "constant": not deleted, because another resource adopted it in this run.');
    const after = await invitations(server);
    expect(after.map(({ name }) => name)).toEqual(["constant", "existing", "expired"]);
    expect(after[0]).toEqual(before);
    expect(after[1]?.fixed_data).toEqual({ email: "jane@example.com", attributes: { team: "b" } });
    expect(after[1]?.pk).not.toBe(pk);
    expect([...(await project.state()).keys()].sort()).toEqual(["existing", "expired", "new"]);
  });

  test("reads existing objects with get, and neither changes nor deletes them", async () => {
    const { server, project } = fixture;
    const { pk } = await createInvitation({ flow: null });
    const stagePk = await createStage("Existing stage");
    await project.write(`
      const x = authentik.Invitation.get("x", "${pk}");
      const stage = authentik.InvitationStage.get("stage", "${stagePk}");
      exports.x = { name: x.name, expires: x.expires, singleUse: x.singleUse, fixedData: x.fixedData, status: x.status };
      exports.stage = { id: stage.id, pk: stage.pk, name: stage.name, continues: stage.continueFlowWithoutInvitation };
      exports.pk = x.pk;
      exports.id = x.id;
    `);
    const preview = await project.preview();
    expect([preview.code, preview.output]).toEqual([0, preview.output]);
    await project.up();
    expect(await project.outputs()).toMatchObject({
      x: {
        name: "existing",
        expires: "2035-01-01T00:00:00Z",
        singleUse: true,
        fixedData: { email: "jane@example.com", attributes: { team: "a" } },
        status: "pending",
      },
      stage: { id: stagePk, pk: stagePk, name: "Existing stage", continues: true },
      pk,
      id: expect.stringMatching(/^[0-9a-f]{16}$/),
    });
    await project.destroy();
    expect(await invitations(server)).toHaveLength(1);
  });

  test.each([
    [
      "Invitation",
      "Invitation.get: authentik has no invitation with this pk that the token's user is allowed to view (permission authentik_stages_invitation.view_invitation).",
    ],
    ["InvitationStage", "InvitationStage.get: authentik has no invitation stage with the pk 00000000-"],
  ])("rejects %s.get of an object that does not exist", async (resource, message) => {
    const { project } = fixture;
    await project.write(`exports.name = authentik.${resource}.get("x", "00000000-0000-4000-8000-000000000000").name;`);
    const { code, output } = await project.preview();
    expect([code, output]).toEqual([1, expect.stringContaining(message)]);
  });
});
