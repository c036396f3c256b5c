import { createHash } from "node:crypto";
import type { Authentik } from "../../sandbox";
import { canary } from "../secrecy/canary";
import { removeVersions, startVersions, type VersionsFixture } from "./fixture";
import { type ApiInvitation, invitations, invitationsPath, requestsOf, stagesPath } from "./server";

jest.setTimeout(180_000);

describe("on all versions of authentik", () => {
  let fixture: VersionsFixture;
  let count: number;

  const password = canary();

  function createProgram(connections: readonly string[]): string {
    return `
      for (const connection of ${JSON.stringify(connections)}) {
        const stage = new authentik.InvitationStage("invitation-" + connection, { connection, name: "invitation",
          continueFlowWithoutInvitation: false });
        const jane = new authentik.Invitation("jane-" + connection, { connection, name: "jane",
          flow: "default-source-enrollment",
          validFor: "14d",
          singleUse: true,
          fixedData: { email: "jane@example.com", attributes: { team: "backend" } },
        });
        new authentik.Invitation("team-" + connection, { connection, name: "team",
          flow: "default-source-enrollment",
          expires: "2030-12-31T23:59:59.123456789+02:00",
          fixedData: pulumi.secret({ z: -0, a: { c: 1.5, b: [true, null, "\\u2713"] }, password: "${password}" }),
        });
        const anyFlow = new authentik.Invitation("any-flow-" + connection, { connection, name: "  any-flow-name  ",
          expires: "9999-12-31T23:59:59Z" });
        exports[connection] = {
          stageId: stage.id,
          stagePk: stage.pk,
          link: jane.link,
          pk: jane.pk,
          id: jane.id,
          jane: { status: jane.status, createdBy: jane.createdBy, flowSlug: jane.flowSlug, expires: jane.expires,
            issuedAt: jane.issuedAt },
        };
        exports["anyLink-" + connection] = anyFlow.link;
      }`;
  }

  beforeAll(async () => {
    fixture = await startVersions();
    const { project, servers } = fixture;
    await project.write(createProgram(servers.map(({ connection }) => connection)));
    count = 4 * servers.length + 1;
  });

  afterAll(() => removeVersions(fixture));

  async function forEachServer(action: (server: Authentik, connection: string) => Promise<void>): Promise<void> {
    for (const { server, connection } of fixture.servers) await action(server, connection);
  }

  async function listAll(): Promise<ApiInvitation[]> {
    return (await Promise.all(fixture.servers.map(({ server }) => invitations(server)))).flat();
  }

  function expectRequests(expected: readonly string[]): void {
    for (const { server, connection } of fixture.servers) {
      expect([connection, ...requestsOf(server)]).toEqual([connection, ...expected]);
    }
  }

  function forgetRequests(): void {
    for (const { server } of fixture.servers) requestsOf(server);
  }

  test("previews without a request", async () => {
    const { code, output } = await fixture.project.preview();
    expect(code).toBe(0);
    expect(output).toContain(`+ ${count} to create`);
    expectRequests([]);
  });

  test("creates with one POST each, and one lookup of the flow", async () => {
    await fixture.project.up();
    expectRequests([
      // The first creation of a process looks for what an interrupted run has created.
      "GET /api/v3/events/events/",
      "GET /api/v3/flows/instances/",
      `POST ${invitationsPath}`,
      `POST ${invitationsPath}`,
      `POST ${invitationsPath}`,
      `POST ${stagesPath}`,
    ]);
    await forEachServer(async (server) => {
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
    });
  });

  test("returns links, outputs and opaque ids", async () => {
    const allOutputs = await fixture.project.outputs();
    await forEachServer(async (server, connection) => {
      const [, jane] = await invitations(server);
      const outputs = allOutputs[connection] as Record<string, unknown>;
      expect(outputs["link"]).toBe(`${server.url}/if/flow/default-source-enrollment/?itoken=${jane?.pk}`);
      expect(outputs["pk"]).toBe(jane?.pk);
      expect(outputs["id"]).toBe(
        createHash("sha256")
          .update(jane?.pk ?? "")
          .digest("hex")
          .slice(0, 16),
      );
      expect(outputs["jane"]).toMatchObject({
        status: "pending",
        createdBy: "akadmin",
        flowSlug: "default-source-enrollment",
      });
      expect(allOutputs[`anyLink-${connection}`]).toBeNull();
      expect(outputs["stageId"]).toBe(outputs["stagePk"]);
    });
    // Has no secrets: see ../secrecy/environment.js.
    await fixture.project.succeed("stack", "output");
  });

  test("keeps the state small", async () => {
    for (const [name, { type, inputs, outputs }] of await fixture.project.state()) {
      const resource = type.split(":").at(-1);
      expect(inputs.__provider).toBe(
        `exports.handler=()=>require('module').createRequire(process.cwd()+'/')('pulumi-authentik-invitations/provider').${resource}`,
      );
      expect(outputs.__provider).toBe(inputs.__provider);
      if (resource === "Invitation") {
        // An invitation of the default connection has no `connection`.
        const [inputSize = 0, outputSize = 0] = [inputs, outputs].map(
          ({ fixedData: _data, connection: _connection, ...others }) => JSON.stringify(others).length,
        );
        const size = inputSize + outputSize;
        expect([name, size]).toEqual([name, expect.any(Number)]);
        expect(size).toBeLessThanOrEqual("__secretInputs" in inputs ? 1300 : 1200);
      }
    }
  });

  test("changes nothing in a second run, with or without a refresh", async () => {
    const { project } = fixture;
    forgetRequests();
    const second = await project.expectNoChanges();
    expect(second).toContain(`${count} unchanged`);
    expect(second).not.toContain("~");
    expectRequests([]);
    expect(await project.expectNoChanges("--refresh", "--diff")).not.toMatch(/^ *[~+-] \w+ *: /m);
    expectRequests([
      // The first is read singly, the others from the list page.
      `GET ${invitationsPath}`,
      `GET ${invitationsPath}{pk}/`,
      `GET ${stagesPath}{pk}/`,
    ]);
    await project.up("--expect-no-changes");
  });

  test("shows drift line by line, and repairs it with one PUT each", async () => {
    const { project, servers } = fixture;
    const before = (await listAll()).map(({ pk }) => pk);
    await forEachServer(async (server) => {
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
    });

    const { code, output } = await project.preview("--refresh", "--diff", "--expect-no-changes");
    expect(code).toBe(7);
    const plan = output.slice(output.indexOf("(same)"));
    const lines = plan.match(/^ +[~+-] +\w+ *:.*$/gm)?.map((line) => line.trim().replace(/ +:/, ":"));
    for (const change of [
      `~ email: "mallory@example.com" => "jane@example.com"`,
      "~ singleUse: false => true",
      `~ expires: "2040-01-01T00:00:00Z" => "2030-12-31T23:59:59.123456789+02:00"`,
      `+ flow: "default-source-enrollment"`,
      `~ name: "renamed" => "  any-flow-name  "`,
      "~ continueFlowWithoutInvitation: true => false",
    ]) {
      expect([change, lines?.filter((line) => line === change).length]).toEqual([change, servers.length]);
    }
    forgetRequests();

    await project.up("--refresh");
    for (const { server } of servers) {
      expect(requestsOf(server).filter((request) => !request.startsWith("GET /api/v3/stages/"))).toEqual([
        // One event log request for each drifted object, to find out who changed it, and one to find out who deleted its flow.
        ...Array(5).fill("GET /api/v3/events/events/"),
        "GET /api/v3/flows/instances/",
        `PUT ${invitationsPath}{pk}/`,
        `PUT ${invitationsPath}{pk}/`,
        `PUT ${invitationsPath}{pk}/`,
        `PUT ${stagesPath}{pk}/`,
      ]);
    }
    await project.expectNoChanges("--refresh");
    expect((await listAll()).map(({ pk }) => pk).sort()).toEqual(before.sort());
  });

  test("destroys with one DELETE each", async () => {
    forgetRequests();
    await fixture.project.destroy();
    expectRequests([
      `DELETE ${invitationsPath}{pk}/`,
      `DELETE ${invitationsPath}{pk}/`,
      `DELETE ${invitationsPath}{pk}/`,
      `DELETE ${stagesPath}{pk}/`,
    ]);
    expect(await listAll()).toEqual([]);
    expect((await fixture.project.state()).size).toBe(0);
  });
});
