import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Authentik } from "../../sandbox";
import { setUpFixture } from "./fixture";
import { Project } from "./project";
import { invitations, invitationsPath, requestsOf, stagesPath } from "./server";

jest.setTimeout(180_000);

describe("failures", () => {
  const fixture = setUpFixture();

  const expires = `expires: "2035-01-01T00:00:00Z"`;

  const runUp = ["up", "--yes", "--skip-preview", "--suppress-progress"];

  test("adopts what lost create requests created, retries, and reports what it cannot do, without losing an invitation", async () => {
    const { server, project } = fixture;
    const writeProgram = (singleUse: boolean, others = ""): Promise<void> =>
      project.write(
        `new authentik.Invitation("jane", { ${expires}, singleUse: ${singleUse}, fixedData: { a: 1 } }); ${others}`,
      );
    const others = `new authentik.Invitation("joe", { ${expires}, flow: "default-source-enrollment" });
      new authentik.InvitationStage("stage");`;

    await writeProgram(false);
    server.injectFailure({ method: "POST", path: /invitations\/$/, when: "before", disconnect: true });
    const unreached = await project.pulumi(...runUp);
    expect(unreached.code).not.toBe(0);
    expect(unreached.output).toContain(
      "authentik's event log has no object that this request created. Run `pulumi up` again. If authentik did create the object and its event arrives late, that run warns about it.",
    );
    await project.up();
    expect(await invitations(server)).toHaveLength(1);

    await writeProgram(false, others);
    requestsOf(server);
    server.injectFailure({ method: "POST", path: /invitations\/$/, when: "after", disconnect: true });
    server.injectFailure({ method: "POST", path: /stages\/$/, when: "after", status: 502, body: "Bad Gateway" });
    const adopted = await project.up();
    expect(adopted).toContain(
      'Invitation "joe": the response to the create request was lost. authentik had created it; adopted the existing one.',
    );
    expect(adopted).toContain('Invitation stage "stage": the response to the create request was lost');
    expect(requestsOf(server).filter((request) => request.startsWith("POST"))).toHaveLength(2);
    const created = await invitations(server);
    expect(created.map(({ name }) => name)).toEqual(["jane", "joe"]);
    await project.expectNoChanges("--refresh");

    await writeProgram(true, others);
    server.injectFailure({ method: "GET", path: /invitations/, disconnect: true });
    server.injectFailure({ method: "PUT", path: /invitations/, when: "after", disconnect: true });
    await project.up("--refresh");
    expect(await invitations(server)).toMatchObject([{ single_use: true }, { single_use: false }]);

    // An unreachable server.
    await project.succeed("config", "set", "authentik:url", "http://127.0.0.1:9");
    await writeProgram(false, others);
    for (const run of [await project.preview("--refresh", "--run-program"), await project.pulumi(...runUp)]) {
      expect(run.code).not.toBe(0);
      expect(run.output).toContain("Could not connect to authentik at http://127.0.0.1:9");
    }

    // A 404 that is not from authentik is not a deletion.
    const otherServer = await startServer(404, "text/html", "<html><title>Nothing here</title></html>");
    await project.succeed("config", "set", "authentik:url", otherServer.url);
    // Without --run-program, the engine uses the settings that the last `up` stored in the state.
    const options = ["--yes", "--run-program", "--skip-preview", "--suppress-progress"];
    const refresh = await project.pulumi("refresh", ...options);
    expect(refresh.code).not.toBe(0);
    expect(refresh.output).toContain("returned 404: an HTML page. The response did not come from authentik's API");
    const notDestroyed = await project.pulumi("destroy", ...options);
    expect(notDestroyed.code).not.toBe(0);
    expect(notDestroyed.output).toContain("Add --run-program to use the current ones.");
    otherServer.server.close();
    expect((await project.state()).size).toBe(3);

    await project.succeed("config", "set", "authentik:url", `${server.url}/api/v3/`);
    await project.up();
    expect((await invitations(server)).map(({ pk, single_use }) => [pk, single_use])).toEqual(
      created.map(({ pk }) => [pk, false]),
    );

    const [jane, joe] = created;
    await server.request("DELETE", `${invitationsPath}${jane?.pk}/`);
    await writeProgram(true, others);
    const gone = await project.pulumi(...runUp);
    expect(gone.code).not.toBe(0);
    expect(gone.output).toContain('error: Invitation "jane" no longer exists in authentik. Run `pulumi up --refresh`.');
    server.injectFailure({
      method: "DELETE",
      path: new RegExp(`${joe?.pk}`),
      when: "after",
      status: 503,
      headers: { "retry-after": "1" },
    });
    await project.destroy();
    expect(await invitations(server)).toEqual([]);
  });

  test("names missing permissions and rejected properties, needs only the documented permissions, and continues after an error", async () => {
    const { server, project } = fixture;
    const models = ["invitation", "invitationstage"];
    const program = (single: boolean) => `
      new authentik.Invitation("jane", { ${expires}, singleUse: ${single}, flow: "default-source-enrollment" });
      new authentik.InvitationStage("stage", { continueFlowWithoutInvitation: ${single} });`;
    await project.write(`${program(false)}
      for (const name of ["ada", "grace"]) new authentik.Invitation(name, { ${expires} });
      new authentik.InvitationBatch("intake", { ${expires}, invitations: { joe: {}, sam: {} } });`);
    await project.succeed("config", "set", "--secret", "authentik:token", "wrong-t0ken");
    // Otherwise the engine may stop before it has reached all of them.
    const runWholeUp = [...runUp, "--continue-on-error"];
    const invalid = await project.pulumi(...runWholeUp);
    // How to replace it is said once, and every error says what failed.
    const [, diagnostics = ""] = invalid.output.split("Diagnostics:");
    expect(diagnostics.match(/authentik rejected the token\. Create an API token/g)).toHaveLength(1);
    expect(diagnostics.match(/: authentik rejected the token\. Another error of this run says/g)).toHaveLength(5);
    await project.write(program(false));
    expect(invalid.output).not.toContain("wrong-t0ken");
    const viewer = server.addUser("viewer", [
      "authentik_stages_invitation.view_invitation",
      "authentik_flows.view_flow",
    ]);
    await project.succeed("config", "set", "--secret", "authentik:token", viewer);
    const denied = await project.pulumi(...runWholeUp);
    for (const model of models) {
      expect(denied.output).toMatch(new RegExp(`lacks the permission authentik_stages_invitation\\.add_${model}\\b`));
    }
    for (const { code } of [invalid, denied]) expect(code).not.toBe(0);
    const token = server.addUser("pulumi", [
      ...models.flatMap((model) =>
        ["add", "view", "change", "delete"].map((verb) => `authentik_stages_invitation.${verb}_${model}`),
      ),
      "authentik_flows.view_flow",
    ]);
    await project.succeed("config", "set", "--secret", "authentik:token", token);
    await project.up();
    await project.write(program(true));
    await project.up("--refresh");
    await project.destroy();
    const rejected = server.requests.filter(({ username, status }) => username === "pulumi" && Number(status) >= 300);
    // Optional: to look for what an interrupted run has created.
    expect(new Set(rejected.map(({ path }) => path))).toEqual(new Set(["/api/v3/events/events/"]));

    await project.write(
      `new authentik.Invitation("jane", { ${expires}, flow: "00000000-0000-4000-8000-000000000000", fixedData: { password: "s3cr3t" } });`,
    );
    const unknownPk = await project.pulumi(...runUp);
    expect(unknownPk.code).not.toBe(0);
    expect(unknownPk.output).toContain(
      "error: Could not create the invitation: POST /api/v3/stages/invitation/invitations/ returned 400: flow: ",
    );
    expect(unknownPk.output).not.toContain("s3cr3t");
    await project.write(`new authentik.Invitation("jane", { ${expires}, flow: "no-such-flow" });`);
    const unknownSlug = await project.pulumi(...runUp);
    expect(unknownSlug.output).toContain('flow: authentik has no flow with the slug "no-such-flow"');

    const declare = (stage: string) => `for (const n of [1, 2, 3]) new authentik.Invitation("i" + n, { ${expires} });
      new authentik.InvitationStage("${stage}");`;
    await project.write(declare("default-authentication-login"));
    expect((await project.pulumi(...runWholeUp)).code).not.toBe(0);
    await project.write(declare("another"));
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
      expect(await project.up()).toContain("+-1 replaced");
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
