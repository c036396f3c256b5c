import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Authentik } from "../sandbox";
import { Project } from "./project";
import { setUp } from "./scene";
import { invitations, invitationsPath, requestsOf, stagesPath } from "./server";

jest.setTimeout(180_000);

describe("when something fails", () => {
  const scene = setUp();

  const expires = `expires: "2035-01-01T00:00:00Z"`;

  test("an answer to a creation that is lost costs neither the invitation nor a second one", async () => {
    const { server, project } = scene;
    await project.write(`
      new authentik.Invitation("jane", { ${expires}, flow: "default-source-enrollment", fixedData: { a: 1 } });
      new authentik.InvitationStage("stage");
    `);
    server.fail({ method: "POST", path: /invitations\/$/, when: "after", cut: true });
    server.fail({ method: "POST", path: /stages\/$/, when: "after", status: 502, body: "Bad Gateway" });
    const output = await project.up();
    expect(output).toContain(
      'invitation "jane": the answer to its creation was lost; authentik has made it, and it was taken over.',
    );
    expect(output).toContain('invitation stage "stage": the answer to its creation was lost');
    expect(requestsOf(server).filter((request) => request.startsWith("POST"))).toHaveLength(2);
    expect(await invitations(server)).toHaveLength(1);
    expect((await project.preview("--refresh", "--expect-no-changes")).code).toBe(0);
  });

  test("a creation that never arrived is told, and made by the next run", async () => {
    const { server, project } = scene;
    await project.write(`new authentik.Invitation("jane", { ${expires} });`);
    server.fail({ method: "POST", path: /invitations\/$/, when: "before", cut: true });
    const { code, output } = await project.pulumi("up", "--yes", "--skip-preview", "--suppress-progress");
    expect(code).not.toBe(0);
    expect(output).toContain("authentik shows nothing that this request made: run `pulumi up` again.");
    await project.up();
    expect(await invitations(server)).toHaveLength(1);
  });

  test("updates, reads and deletions survive cut connections and busy servers", async () => {
    const { server, project } = scene;
    await project.write(`new authentik.Invitation("jane", { ${expires} });`);
    await project.up();
    await project.write(`new authentik.Invitation("jane", { ${expires}, singleUse: true });`);
    server.fail({ method: "GET", path: /invitations/, cut: true });
    server.fail({ method: "PUT", path: /invitations/, when: "after", cut: true });
    server.fail({ method: "DELETE", path: /invitations/, when: "after", status: 503, headers: { "retry-after": "1" } });
    await project.up("--refresh");
    expect(await invitations(server)).toMatchObject([{ single_use: true }]);
    await project.destroy();
    expect(await invitations(server)).toEqual([]);
  });

  test("what was deleted by hand is shown by a refresh and comes back", async () => {
    const { server, project } = scene;
    await project.write(`new authentik.Invitation("jane", { ${expires} }); new authentik.InvitationStage("stage");`);
    await project.up();
    const [jane] = await invitations(server);
    await server.request("DELETE", `${invitationsPath}${jane?.pk}/`);
    const { code, output } = await project.preview("--refresh", "--expect-no-changes");
    expect([code, output]).toEqual([7, expect.stringContaining("+ 1 to create")]);
    await project.up("--refresh");
    expect(await invitations(server)).toHaveLength(1);
  });

  test("an update that meets an invitation that is gone says so in one sentence, and destroy succeeds", async () => {
    const { server, project } = scene;
    await project.write(`new authentik.Invitation("jane", { ${expires} });`);
    await project.up();
    const [jane] = await invitations(server);
    await server.request("DELETE", `${invitationsPath}${jane?.pk}/`);
    await project.write(`new authentik.Invitation("jane", { ${expires}, singleUse: true });`);
    const { code, output } = await project.pulumi("up", "--yes", "--skip-preview", "--suppress-progress");
    expect(code).not.toBe(0);
    expect(output).toContain(
      'error: Invitation "jane" is gone from authentik, so that it cannot be changed: run `pulumi up --refresh`.',
    );
    await project.destroy();
  });

  test("nothing counts as deleted because of a page that is not authentik's", async () => {
    const { project } = scene;
    await project.write(`new authentik.Invitation("jane", { ${expires} });`);
    await project.up();
    const page = await startServer(404, "text/html", "<html><title>Nothing here</title></html>");
    await project.succeed("config", "set", "authentik:url", page.url);
    // Without the option the engine uses the settings of the last `up`, which the state has.
    const refresh = await project.pulumi("refresh", "--yes", "--run-program", "--skip-preview", "--suppress-progress");
    expect(refresh.code).not.toBe(0);
    expect(refresh.output).toContain(
      'answered 404: an HTML page, "Nothing here". What answered is not authentik\'s API',
    );
    expect(refresh.output).not.toMatch(/\n\s+at .*\(/);
    const destroy = await project.pulumi("destroy", "--yes", "--run-program", "--skip-preview", "--suppress-progress");
    expect(destroy.code).not.toBe(0);
    expect((await project.state()).size).toBe(1);
    expect(destroy.output).toContain("with --run-program the new ones");
    page.server.close();
  });

  test("the network being cut is told for each step, and nothing is lost", async () => {
    const { server, project } = scene;
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
      expect(output).toContain("authentik at http://127.0.0.1:9 cannot be reached");
      expect(output).not.toMatch(/\n\s+at .*\(/);
    }
    await project.succeed("config", "set", "authentik:url", `${server.url}/api/v3/`);
    await project.up();
    expect(await invitations(server)).toMatchObject([{ single_use: true }]);
  });

  test("a bad token and a missing permission are told apart, and neither the token nor a stack is shown", async () => {
    const { server, project } = scene;
    await project.write(`new authentik.Invitation("jane", { ${expires}, singleUse: true });`);
    await project.succeed("config", "set", "--secret", "authentik:token", "wrong-t0ken");
    const bad = await project.pulumi("up", "--yes", "--skip-preview", "--suppress-progress");
    expect(bad.output).toContain("authentik does not accept the token");
    expect(bad.output).not.toContain("wrong-t0ken");
    const viewer = server.addUser("viewer", ["authentik_stages_invitation.view_invitation"]);
    await project.succeed("config", "set", "--secret", "authentik:token", viewer);
    const denied = await project.pulumi("up", "--yes", "--skip-preview", "--suppress-progress");
    expect(denied.output).toContain("lacks the permission authentik_stages_invitation.add_invitation");
    for (const { code, output } of [bad, denied]) {
      expect(code).not.toBe(0);
      expect(output).not.toMatch(/\n\s+at .*\(/);
    }
  });

  test("the permissions that the README names are enough", async () => {
    const { server, project } = scene;
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
    expect(
      server.requests.filter(({ username }) => username === "pulumi").every(({ status }) => Number(status) < 300),
    ).toBe(true);
  });

  test("what the server refuses arrives at the property's name", async () => {
    const { project } = scene;
    await project.write(
      `new authentik.Invitation("jane", { ${expires}, flow: "00000000-0000-4000-8000-000000000000", fixedData: { password: "s3cr3t" } });`,
    );
    const { code, output } = await project.pulumi("up", "--yes", "--skip-preview", "--suppress-progress");
    expect(code).not.toBe(0);
    expect(output).toContain(
      "error: The invitation could not be created: POST /api/v3/stages/invitation/invitations/ answered 400: flow: ",
    );
    expect(output).not.toContain("s3cr3t");
    await project.write(`new authentik.Invitation("jane", { ${expires}, flow: "no-such-flow" });`);
    const unknown = await project.pulumi("up", "--yes", "--skip-preview", "--suppress-progress");
    expect(unknown.output).toContain('flow: authentik has no flow with the slug "no-such-flow"');
  });

  test("one of many that fails leaves the others, and the next run makes it", async () => {
    const { server, project } = scene;
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
  test("two authentiks in one program, and a change of the connection replaces", async () => {
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

  test("plain http to another machine, and a token in clear, are warned of once each", async () => {
    const project = await Project.create(
      `new authentik.Invitation("x", { validFor: "1d" }); new authentik.Invitation("y", { validFor: "1d" });`,
      { config: { "authentik:url": "http://authentik.invalid:9000", "authentik:token": "in-clear" } },
    );
    try {
      const { code, output } = await project.preview();
      expect(code).toBe(0);
      const diagnostics = output.slice(output.indexOf("Diagnostics:"));
      expect(
        diagnostics.match(/authentik:url is plain http to another machine \(authentik\.invalid:9000\)/g),
      ).toHaveLength(1);
      expect(diagnostics.match(/authentik:token is set in clear/g)).toHaveLength(1);
    } finally {
      await project.remove();
    }
  });

  test("the environment serves where no configuration is set", async () => {
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
