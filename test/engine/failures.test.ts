import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Authentik } from "../sandbox";
import { setUpFixture } from "./fixture";
import { Project } from "./project";
import { invitations, invitationsPath, requestsOf, stagesPath } from "./server";

jest.setTimeout(180_000);

describe("failures", () => {
  const fixture = setUpFixture();

  const expires = `expires: "2035-01-01T00:00:00Z"`;

  test("adopts the invitation and the stage when the create responses are lost", async () => {
    const { server, project } = fixture;
    await project.write(`
      new authentik.Invitation("jane", { ${expires}, flow: "default-source-enrollment", fixedData: { a: 1 } });
      new authentik.InvitationStage("stage");
    `);
    server.injectFailure({ method: "POST", path: /invitations\/$/, when: "after", disconnect: true });
    server.injectFailure({ method: "POST", path: /stages\/$/, when: "after", status: 502, body: "Bad Gateway" });
    const output = await project.up();
    expect(output).toContain(
      'Invitation "jane": the response to the create request was lost. authentik had created it; adopted the existing one.',
    );
    expect(output).toContain('Invitation stage "stage": the response to the create request was lost');
    expect(requestsOf(server).filter((request) => request.startsWith("POST"))).toHaveLength(2);
    expect(await invitations(server)).toHaveLength(1);
    expect((await project.preview("--refresh", "--expect-no-changes")).code).toBe(0);
  });

  test("reports a create request that never arrived, and creates the invitation on the next run", async () => {
    const { server, project } = fixture;
    await project.write(`new authentik.Invitation("jane", { ${expires} });`);
    server.injectFailure({ method: "POST", path: /invitations\/$/, when: "before", disconnect: true });
    const { code, output } = await project.pulumi("up", "--yes", "--skip-preview", "--suppress-progress");
    expect(code).not.toBe(0);
    expect(output).toContain(
      "authentik's event log has no object that this request created. Run `pulumi up` again. It warns if the event was only late.",
    );
    await project.up();
    expect(await invitations(server)).toHaveLength(1);
  });

  test("retries reads, updates and deletions after connection resets and 503", async () => {
    const { server, project } = fixture;
    await project.write(`new authentik.Invitation("jane", { ${expires} });`);
    await project.up();
    await project.write(`new authentik.Invitation("jane", { ${expires}, singleUse: true });`);
    server.injectFailure({ method: "GET", path: /invitations/, disconnect: true });
    server.injectFailure({ method: "PUT", path: /invitations/, when: "after", disconnect: true });
    server.injectFailure({
      method: "DELETE",
      path: /invitations/,
      when: "after",
      status: 503,
      headers: { "retry-after": "1" },
    });
    await project.up("--refresh");
    expect(await invitations(server)).toMatchObject([{ single_use: true }]);
    await project.destroy();
    expect(await invitations(server)).toEqual([]);
  });

  test("shows an invitation that was deleted outside Pulumi at refresh, and recreates it", async () => {
    const { server, project } = fixture;
    await project.write(`new authentik.Invitation("jane", { ${expires} }); new authentik.InvitationStage("stage");`);
    await project.up();
    const [jane] = await invitations(server);
    await server.request("DELETE", `${invitationsPath}${jane?.pk}/`);
    const { code, output } = await project.preview("--refresh", "--expect-no-changes");
    expect([code, output]).toEqual([7, expect.stringContaining("+ 1 to create")]);
    await project.up("--refresh");
    expect(await invitations(server)).toHaveLength(1);
  });

  test("reports an update of a deleted invitation, and destroy succeeds", async () => {
    const { server, project } = fixture;
    await project.write(`new authentik.Invitation("jane", { ${expires} });`);
    await project.up();
    const [jane] = await invitations(server);
    await server.request("DELETE", `${invitationsPath}${jane?.pk}/`);
    await project.write(`new authentik.Invitation("jane", { ${expires}, singleUse: true });`);
    const { code, output } = await project.pulumi("up", "--yes", "--skip-preview", "--suppress-progress");
    expect(code).not.toBe(0);
    expect(output).toContain('error: Invitation "jane" no longer exists in authentik. Run `pulumi up --refresh`.');
    await project.destroy();
  });

  test("does not count a 404 that is not from authentik as a deletion", async () => {
    const { project } = fixture;
    await project.write(`new authentik.Invitation("jane", { ${expires} });`);
    await project.up();
    const otherServer = await startServer(404, "text/html", "<html><title>Nothing here</title></html>");
    await project.succeed("config", "set", "authentik:url", otherServer.url);
    // Without --run-program, the engine uses the settings that the last `up` stored in the state.
    const refresh = await project.pulumi("refresh", "--yes", "--run-program", "--skip-preview", "--suppress-progress");
    expect(refresh.code).not.toBe(0);
    expect(refresh.output).toContain("returned 404: an HTML page. The response did not come from authentik's API");
    expect(refresh.output).not.toMatch(/\n\s+at .*\(/);
    const destroy = await project.pulumi("destroy", "--yes", "--run-program", "--skip-preview", "--suppress-progress");
    expect(destroy.code).not.toBe(0);
    expect((await project.state()).size).toBe(1);
    expect(destroy.output).toContain("Add --run-program to use the current ones.");
    otherServer.server.close();
  });

  test("reports an unreachable server at preview and up, and recovers when it is reachable", async () => {
    const { server, project } = fixture;
    await project.write(`new authentik.Invitation("jane", { ${expires} });`);
    await project.up();
    await project.succeed("config", "set", "authentik:url", "http://127.0.0.1:9");
    await project.write(`new authentik.Invitation("jane", { ${expires}, singleUse: true });`);
    const runs = [
      await project.preview("--refresh", "--run-program"),
      await project.pulumi("up", "--yes", "--skip-preview", "--suppress-progress"),
    ];
    for (const { code, output } of runs) {
      expect(code).not.toBe(0);
      expect(output).toContain("Could not connect to authentik at http://127.0.0.1:9");
      expect(output).not.toMatch(/\n\s+at .*\(/);
    }
    await project.succeed("config", "set", "authentik:url", `${server.url}/api/v3/`);
    await project.up();
    expect(await invitations(server)).toMatchObject([{ single_use: true }]);
  });

  test("distinguishes an invalid token from a missing permission, and prints neither the token nor a stack trace", async () => {
    const { server, project } = fixture;
    await project.write(`new authentik.Invitation("jane", { ${expires}, singleUse: true });`);
    await project.succeed("config", "set", "--secret", "authentik:token", "wrong-t0ken");
    const invalid = await project.pulumi("up", "--yes", "--skip-preview", "--suppress-progress");
    expect(invalid.output).toContain("authentik rejected the token");
    expect(invalid.output).not.toContain("wrong-t0ken");
    const viewer = server.addUser("viewer", ["authentik_stages_invitation.view_invitation"]);
    await project.succeed("config", "set", "--secret", "authentik:token", viewer);
    const denied = await project.pulumi("up", "--yes", "--skip-preview", "--suppress-progress");
    expect(denied.output).toContain("lacks the permission authentik_stages_invitation.add_invitation");
    for (const { code, output } of [invalid, denied]) {
      expect(code).not.toBe(0);
      expect(output).not.toMatch(/\n\s+at .*\(/);
    }
  });

  test("needs no permissions other than the documented ones", async () => {
    const { server, project } = fixture;
    const models = ["invitation", "invitationstage"];
    const token = server.addUser("pulumi", [
      ...models.flatMap((model) =>
        ["add", "view", "change", "delete"].map((verb) => `authentik_stages_invitation.${verb}_${model}`),
      ),
      "authentik_flows.view_flow",
    ]);
    await project.succeed("config", "set", "--secret", "authentik:token", token);
    const program = (single: boolean) => `
      new authentik.Invitation("jane", { ${expires}, singleUse: ${single}, flow: "default-source-enrollment" });
      new authentik.InvitationStage("stage", { continueFlowWithoutInvitation: ${single} });`;
    await project.write(program(false));
    await project.up();
    await project.write(program(true));
    await project.up("--refresh");
    await project.destroy();
    const rejected = server.requests.filter(({ username, status }) => username === "pulumi" && Number(status) >= 300);
    // Optional: to look for what an interrupted run has created.
    expect(new Set(rejected.map(({ path }) => path))).toEqual(new Set(["/api/v3/events/events/"]));
  });

  test("reports the server's validation errors by property name", async () => {
    const { project } = fixture;
    await project.write(
      `new authentik.Invitation("jane", { ${expires}, flow: "00000000-0000-4000-8000-000000000000", fixedData: { password: "s3cr3t" } });`,
    );
    const { code, output } = await project.pulumi("up", "--yes", "--skip-preview", "--suppress-progress");
    expect(code).not.toBe(0);
    expect(output).toContain(
      "error: Could not create the invitation: POST /api/v3/stages/invitation/invitations/ returned 400: flow: ",
    );
    expect(output).not.toContain("s3cr3t");
    await project.write(`new authentik.Invitation("jane", { ${expires}, flow: "no-such-flow" });`);
    const unknown = await project.pulumi("up", "--yes", "--skip-preview", "--suppress-progress");
    expect(unknown.output).toContain('flow: authentik has no flow with the slug "no-such-flow"');
  });

  test("creates the other resources when one fails, and the rest on the next run", async () => {
    const { server, project } = fixture;
    await project.write(`for (const n of [1, 2, 3]) new authentik.Invitation("i" + n, { ${expires} });
      new authentik.InvitationStage("default-authentication-login");`);
    const { code } = await project.pulumi(
      "up",
      "--yes",
      "--skip-preview",
      "--suppress-progress",
      "--continue-on-error",
    );
    expect(code).not.toBe(0);
    await project.write(`for (const n of [1, 2, 3]) new authentik.Invitation("i" + n, { ${expires} });
      new authentik.InvitationStage("another");`);
    await project.up();
    expect((await invitations(server)).map(({ name }) => name)).toEqual(["i1", "i2", "i3"]);
    expect((await server.request("GET", stagesPath)).body).toMatchObject({ results: [{ name: "another" }] });
  });
});

describe("connections", () => {
  test("uses two servers in one program, and replaces an invitation when its connection changes", async () => {
    const [production, staging] = await Promise.all([
      Authentik.start(),
      Authentik.start({ version: "2024.8", pathPrefix: "/auth" }),
    ]);
    const program = (connection: string) => `
      const x = new authentik.Invitation("x", { expires: "2035-01-01T00:00:00Z", flow: "default-source-enrollment", connection: ${connection} });
      new authentik.InvitationStage("stage", { connection: "authentik-staging" });
      exports.link = x.link;`;
    const project = await Project.create(program("undefined"), {
      authentik: production,
      config: { "authentik-staging:url": `${staging.url}/`, "authentik-staging:token": { secret: staging.token } },
    });
    try {
      await project.up();
      expect((await invitations(production)).length).toBe(1);
      expect(String((await project.outputs()).link)).toContain(`${production.url}/if/flow/`);
      expect((await staging.request("GET", stagesPath)).body).toMatchObject({ results: [{ name: "stage" }] });
      await project.write(program(`"authentik-staging"`));
      expect((await project.preview()).output).toContain("+-1 to replace");
      await project.up();
      expect((await invitations(production)).length).toBe(0);
      expect((await invitations(staging)).length).toBe(1);
      expect(String((await project.outputs()).link)).toContain(`${staging.url}/if/flow/`);
      await project.destroy();
      expect((await invitations(staging)).length).toBe(0);
    } finally {
      await project.remove();
      await Promise.all([production.close(), staging.close()]);
    }
  });

  test("warns once each about http to another machine and a token in plaintext", async () => {
    const project = await Project.create(
      `new authentik.Invitation("x", { validFor: "1d" }); new authentik.Invitation("y", { validFor: "1d" });`,
      { config: { "authentik:url": "http://authentik.invalid:9000", "authentik:token": "in-plaintext" } },
    );
    try {
      const { code, output } = await project.preview();
      expect(code).toBe(0);
      const diagnostics = output.slice(output.indexOf("Diagnostics:"));
      expect(diagnostics.match(/authentik:url uses http to another machine \(authentik\.invalid:9000\)/g)).toHaveLength(
        1,
      );
      expect(diagnostics.match(/authentik:token is stored in plaintext/g)).toHaveLength(1);
    } finally {
      await project.remove();
    }
  });

  test("falls back to environment variables", async () => {
    const server = await Authentik.start();
    const project = await Project.create(
      `exports.link = new authentik.Invitation("x", { validFor: "1d", flow: "default-source-enrollment" }).link;`,
      { env: { AUTHENTIK_URL: `${server.url}/api/v3`, AUTHENTIK_TOKEN: server.token } },
    );
    try {
      await project.up();
      expect(String((await project.outputs()).link)).toContain(
        `${server.url}/if/flow/default-source-enrollment/?itoken=`,
      );
      expect(await project.stateText()).not.toContain(server.token);
    } finally {
      await project.remove();
      await server.close();
    }
  });
});

async function startServer(
  status: number,
  contentType: string,
  body: string,
): Promise<{ url: string; server: Server }> {
  const server = createServer((_request, response) => {
    response.writeHead(status, { "content-type": contentType }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}
