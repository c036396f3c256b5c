import { createHash } from "node:crypto";
import { Authentik, authentikVersions } from "../sandbox";
import { canary } from "../secrecy/canary";
import { Project } from "./project";
import { invitations, invitationsPath, requestsOf, stagesPath } from "./server";

jest.setTimeout(180_000);

describe.each(authentikVersions)("on authentik %s", (version) => {
  let server: Authentik;
  let project: Project;

  const password = canary();
  const program = `
    const stage = new authentik.InvitationStage("invitation", { continueFlowWithoutInvitation: false });
    const jane = new authentik.Invitation("jane", {
      flow: "default-source-enrollment",
      validFor: "14d",
      singleUse: true,
      fixedData: { email: "jane@example.com", attributes: { team: "backend" } },
    });
    const team = new authentik.Invitation("team", {
      flow: "default-source-enrollment",
      expires: "2030-12-31T23:59:59.123456789+02:00",
      fixedData: pulumi.secret({ z: -0, a: { c: 1.5, b: [true, null, "\\u2713"] }, password: "${password}" }),
    });
    const anyFlow = new authentik.Invitation("any-flow", { name: "  any-flow-name  ", expires: "9999-12-31T23:59:59Z" });
    exports.stageId = stage.id;
    exports.stagePk = stage.pk;
    exports.link = jane.link;
    exports.pk = jane.pk;
    exports.id = jane.id;
    exports.jane = { status: jane.status, createdBy: jane.createdBy, flowSlug: jane.flowSlug, expires: jane.expires, issuedAt: jane.issuedAt };
    exports.anyLink = anyFlow.link;
  `;

  beforeAll(async () => {
    server = await Authentik.start({ version });
    project = await Project.create(program, { authentik: server });
  });

  afterAll(async () => {
    await project.remove();
    await server.close();
  });

  test("previews without a request", async () => {
    const { code, output } = await project.preview();
    expect(code).toBe(0);
    expect(output).toContain("+ 5 to create");
    expect(requestsOf(server)).toEqual([]);
  });

  test("creates with one POST each, and one lookup of the flow", async () => {
    const output = await project.up();
    expect(requestsOf(server)).toEqual([
      // The first creation of a process looks for what an interrupted run has created.
      "GET /api/v3/events/events/",
      "GET /api/v3/flows/instances/",
      `POST ${invitationsPath}`,
      `POST ${invitationsPath}`,
      `POST ${invitationsPath}`,
      `POST ${stagesPath}`,
    ]);
    const [anyFlow, jane, team] = await invitations(server);
    expect(anyFlow).toMatchObject({
      name: "any-flow-name",
      expires: "9999-12-31T23:59:59Z",
      flow: null,
      single_use: false,
    });
    expect(jane).toMatchObject({ name: "jane", single_use: true, fixed_data: { attributes: { team: "backend" } } });
    expect(Date.parse(jane?.expires ?? "") - Date.now()).toBeGreaterThan(14 * 86_400_000 - 60_000);
    expect(team).toMatchObject({ expires: "2030-12-31T21:59:59.123456Z", fixed_data: { a: { c: 1.5 } } });
    for (const { pk } of await invitations(server)) expect(output).not.toContain(pk);
    expect(output).not.toContain(password);
    expect(output).not.toContain(server.token);
  });

  test("returns links, outputs and opaque ids", async () => {
    const [, jane] = await invitations(server);
    const outputs = await project.outputs();
    expect(outputs.link).toBe(`${server.url}/if/flow/default-source-enrollment/?itoken=${jane?.pk}`);
    expect(outputs.pk).toBe(jane?.pk);
    expect(outputs.id).toBe(
      createHash("sha256")
        .update(jane?.pk ?? "")
        .digest("hex")
        .slice(0, 16),
    );
    expect(outputs.jane).toMatchObject({
      status: "pending",
      createdBy: "akadmin",
      flowSlug: "default-source-enrollment",
    });
    expect(outputs.anyLink).toBeNull();
    expect(outputs.stageId).toBe(outputs.stagePk);
    expect(await project.succeed("stack", "output")).not.toContain(jane?.pk);
  });

  test("keeps the state small, without the token, and without pks or secrets in plaintext", async () => {
    const state = await project.stateText();
    for (const { pk } of await invitations(server)) expect(state).not.toContain(pk);
    expect(state).not.toContain(server.token);
    expect(state).not.toContain(password);
    for (const [name, { type, inputs, outputs }] of await project.state()) {
      const resource = type.split(":").at(-1);
      expect(inputs.__provider).toBe(
        `exports.handler=()=>require('module').createRequire(process.cwd()+'/')('pulumi-authentik-invitations/provider').${resource}`,
      );
      expect(String(inputs.__provider).length).toBeLessThanOrEqual(128);
      expect(outputs.__provider).toBe(inputs.__provider);
      const { fixedData: _inputData, ...otherInputs } = inputs;
      const { fixedData: _outputData, ...otherOutputs } = outputs;
      if (resource === "Invitation") {
        const size = JSON.stringify(otherInputs).length + JSON.stringify(otherOutputs).length;
        expect([name, size]).toEqual([name, expect.any(Number)]);
        expect(size).toBeLessThanOrEqual("__secretInputs" in inputs ? 1300 : 1200);
      }
    }
  });

  test("changes nothing in a second run, with or without a refresh", async () => {
    requestsOf(server);
    const second = await project.preview("--expect-no-changes");
    expect(second.output).toContain("5 unchanged");
    expect(second.output).not.toContain("~");
    expect(second.code).toBe(0);
    expect(requestsOf(server)).toEqual([]);
    const refreshed = await project.preview("--refresh", "--expect-no-changes", "--diff");
    expect(refreshed.code).toBe(0);
    expect(refreshed.output).not.toMatch(/^ *[~+-] \w+ *: /m);
    expect(requestsOf(server)).toEqual([
      // The first is read singly, the others from the list page.
      `GET ${invitationsPath}`,
      `GET ${invitationsPath}{pk}/`,
      `GET ${stagesPath}{pk}/`,
    ]);
    await project.up("--expect-no-changes");
  });

  test("shows drift line by line, and repairs it with one PUT each", async () => {
    const [anyFlow, jane, team] = await invitations(server);
    const { body } = await server.request("GET", stagesPath);
    const [stage] = (body as { results: { pk: string }[] }).results;
    await server.request("PATCH", `${stagesPath}${stage?.pk}/`, { continue_flow_without_invitation: true });
    await server.request("PATCH", `${invitationsPath}${jane?.pk}/`, {
      single_use: false,
      fixed_data: { email: "mallory@example.com", attributes: { team: "backend" } },
    });
    await server.request("PATCH", `${invitationsPath}${team?.pk}/`, { expires: "2040-01-01T00:00:00Z", flow: null });
    await server.request("PATCH", `${invitationsPath}${anyFlow?.pk}/`, { name: "renamed" });
    requestsOf(server);

    const { code, output } = await project.preview("--refresh", "--diff", "--expect-no-changes");
    expect(code).toBe(7);
    const plan = output.slice(output.indexOf("(same)"));
    expect(plan.match(/^ +[~+-] +\w+ *:.*$/gm)?.map((line) => line.trim().replace(/ +:/, ":"))).toEqual(
      expect.arrayContaining([
        `~ email: "mallory@example.com" => "jane@example.com"`,
        "~ singleUse: false => true",
        `~ expires: "2040-01-01T00:00:00Z" => "2030-12-31T23:59:59.123456789+02:00"`,
        `+ flow: "default-source-enrollment"`,
        `~ name: "renamed" => "  any-flow-name  "`,
        "~ continueFlowWithoutInvitation: true => false",
      ]),
    );
    requestsOf(server);

    await project.up("--refresh");
    expect(requestsOf(server).filter((request) => !request.startsWith("GET /api/v3/stages/"))).toEqual([
      // One event log request for each drifted object, to find out who changed it, and one to find out who deleted its flow.
      ...Array(5).fill("GET /api/v3/events/events/"),
      "GET /api/v3/flows/instances/",
      `PUT ${invitationsPath}{pk}/`,
      `PUT ${invitationsPath}{pk}/`,
      `PUT ${invitationsPath}{pk}/`,
      `PUT ${stagesPath}{pk}/`,
    ]);
    expect((await project.preview("--refresh", "--expect-no-changes")).code).toBe(0);
    expect(await project.stateText()).not.toContain(password);
    expect((await invitations(server)).map(({ pk }) => pk).sort()).toEqual([anyFlow?.pk, jane?.pk, team?.pk].sort());
  });

  test("destroys with one DELETE each", async () => {
    requestsOf(server);
    await project.destroy();
    expect(requestsOf(server)).toEqual([
      `DELETE ${invitationsPath}{pk}/`,
      `DELETE ${invitationsPath}{pk}/`,
      `DELETE ${invitationsPath}{pk}/`,
      `DELETE ${stagesPath}{pk}/`,
    ]);
    expect(await invitations(server)).toEqual([]);
    expect((await project.state()).size).toBe(0);
  });
});
