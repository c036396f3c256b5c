import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { invitationId } from "../../provider/common/pk";
import { Authentik } from "../../sandbox";
import { Project } from "../engine/project";
import { invitations, invitationsPath } from "../engine/server";
import { useEmbedded } from "../unit/support/embedded-authentik";
import { sendJson, startServer } from "../unit/support/server";
import { create, declare, ofPlugin, pending, runCommand, runOnTerminal, StateFolder, stateOf, urnOf } from "./fixture";

jest.setTimeout(60_000);

const expires = "2035-01-01T00:00:00Z";

describe("audit", () => {
  let server: Authentik;
  let folder: StateFolder;

  beforeEach(async () => {
    server = await Authentik.start();
    folder = await StateFolder.create();
    await useEmbedded(server);
  });

  afterEach(async () => {
    await server.close();
    await folder.remove();
  });

  async function createOutsidePulumi(name: string, fields: Record<string, unknown> = {}): Promise<string> {
    const { status, body } = await server.request("POST", invitationsPath, { name, expires, ...fields });
    expect(status).toBe(201);
    return (body as { pk: string }).pk;
  }

  const env = (token = server.token) => ({ AUTHENTIK_URL: server.url, AUTHENTIK_TOKEN: token });
  const audit = (args: readonly string[], options: { input?: string; inputDelay?: number; token?: string } = {}) =>
    runCommand(["audit", ...args], { cwd: folder.path, env: env(options.token), ...options });
  const names = async () => (await invitations(server)).map(({ name }) => name);

  test("lists the invitations that no state declares, never a pk, and exits with 7", async () => {
    const flow = "default-source-enrollment";
    const jane = await create(await declare("Invitation", "jane", { name: "jane", expires, flow }));
    const joe = await create(await declare("Invitation", "joe", { name: "joe", expires }));
    await create(await declare("Invitation", "lost", { name: "lost", expires, flow }));
    const pk = await createOutsidePulumi("by-hand");
    const dev = await folder.write("dev.json", stateOf([jane]));
    const prod = JSON.stringify(stateOf([joe]));

    const table = await audit(["--state", dev, "--state", "-"], { input: prod, inputDelay: 500 });
    expect(table.code).toBe(7);
    const exporting = `npx pulumi-authentik-invitations export --invitation ${invitationId(pk)}`;
    expect(table.stderr).toContain(`For example, by-hand:\n\n  ${exporting}\n  ${exporting} --commands | sh\n`);
    const [header, byHand, lost, ...rest] = table.stdout.split("\n");
    expect(header?.split(/ {2,}/)).toEqual(["ID", "NAME", "FLOW", "EXPIRES", "CREATED BY", "CREATED", "STACK"]);
    const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    expect(byHand?.split(/ {2,}/)).toEqual([invitationId(pk), "by-hand", "any", expires, "akadmin", time]);
    expect(lost?.split(/ {2,}/).slice(1)).toEqual(["lost", flow, expires, "akadmin", time, "team/dev"]);
    expect(rest).toEqual(["", "2 of 4 invitations are not declared by any of these stacks.", ""]);

    const json = await audit(["--json", "--state", dev], {});
    expect(json).toMatchObject({ code: 7, stderr: "" });
    expect(JSON.parse(json.stdout)).toEqual([
      {
        id: invitationId(pk),
        name: "by-hand",
        flow: null,
        expires,
        singleUse: false,
        createdBy: "akadmin",
        created: time,
        stack: null,
        isPending: false,
        isForeign: false,
      },
      expect.objectContaining({ name: "joe", flow: null, stack: "team/dev" }),
      expect.objectContaining({ name: "lost", flow, stack: "team/dev" }),
    ]);
  });

  test("exits with 0 if all invitations are declared, or there are none", async () => {
    const empty = await folder.write("empty.json", stateOf([]));
    expect(await audit(["--state", empty])).toEqual({ code: 0, stdout: "There are no invitations.\n", stderr: "" });
    expect(await audit(["--state", empty, "--json"])).toEqual({ code: 0, stdout: "[]\n", stderr: "" });
    const jane = await create(await declare("Invitation", "jane", { name: "jane", expires }));
    const state = await folder.write("dev.json", stateOf([jane]));
    expect(await audit(["--state", state])).toEqual({
      code: 0,
      stdout: "The invitation is declared.\n",
      stderr: "",
    });
    // Such as a misspelled flow.
    expect(await audit(["--state", state, "--flow", "enrolment"])).toMatchObject({
      code: 0,
      stdout: "No invitation matches the filters.\n",
    });
  });

  test("does not list expired invitations, which authentik deletes", async () => {
    await createOutsidePulumi("expired", { expires: new Date(Date.now() - 60_000).toISOString() });
    const empty = await folder.write("empty.json", stateOf([]));
    expect(await audit(["--state", empty])).toEqual({ code: 0, stdout: "There are no invitations.\n", stderr: "" });
  });

  test("one that authentik cannot return hides no other, and is a finding", async () => {
    const jane = await create(await declare("Invitation", "jane", { name: "jane", expires }));
    const state = await folder.write("dev.json", stateOf([jane]));
    await createOutsidePulumi("broken", { fixed_data: { n: 1.5e300 } });
    const warning =
      "Not checked. 1 invitation: authentik responds with 500 when they are read, usually because their data is nested too deeply or contains too large a number.\n";
    expect(await audit(["--state", state])).toEqual({
      code: 7,
      stdout: "1 of 2 invitations is declared.\n",
      stderr: warning,
    });
    expect(await audit(["--state", state, "--json"])).toEqual({ code: 7, stdout: "[]\n", stderr: warning });
    await createOutsidePulumi("by-hand");
    const { code, stdout, stderr } = await audit(["--state", state, "--delete", "--yes"]);
    expect([code, stdout.split("\n").slice(1)]).toEqual([
      7,
      [expect.stringContaining("  by-hand  "), "", "1 of 3 invitations is not declared by any of these stacks.", ""],
    ]);
    expect(stderr).toBe(`${warning}Deleted 1 invitation.\n`);
  });

  test("--flow and --created-by narrow the list", async () => {
    const { body } = await server.request("GET", "/api/v3/flows/instances/?slug=default-source-enrollment");
    const flow = (body as { results: { pk: string }[] }).results[0]?.pk;
    await createOutsidePulumi("with-flow", { flow });
    await createOutsidePulumi("without-flow");
    const ann = server.addUser("ann", ["authentik_stages_invitation.add_invitation"]);
    await server.request("POST", invitationsPath, { name: "of-ann", expires, flow }, ann);
    const empty = await folder.write("empty.json", stateOf([]));
    const listed = async (...args: string[]) => {
      const { code, stdout } = await audit(["--json", "--state", empty, ...args]);
      expect(code).toBe(7);
      return (JSON.parse(stdout) as { name: string }[]).map(({ name }) => name);
    };
    expect(await listed("--flow", "default-source-enrollment")).toEqual(["of-ann", "with-flow"]);
    expect(await listed("--created-by", "ann")).toEqual(["of-ann"]);
    // As `ci` passes a variable with a space.
    expect(await listed("--created-by= ann ")).toEqual(["of-ann"]);
    expect(await listed("--created-by", "akadmin", "--flow", "default-source-enrollment")).toEqual(["with-flow"]);
  });

  test("--delete deletes exactly those listed, and requires --yes without a terminal", async () => {
    const jane = await create(await declare("Invitation", "jane", { name: "jane", expires }));
    await createOutsidePulumi("by-hand");
    const ann = server.addUser("ann", ["authentik_stages_invitation.add_invitation"]);
    await server.request("POST", invitationsPath, { name: "of-ann", expires }, ann);
    const state = await folder.write("dev.json", stateOf([jane]));

    expect(await audit(["--state", state, "--delete"])).toMatchObject({
      code: 2,
      stdout: "",
      stderr: expect.stringContaining("--delete requires --yes without a terminal"),
    });
    expect(await audit(["--state", state, "--yes"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("--yes requires --delete"),
    });
    expect(await names()).toEqual(["by-hand", "jane", "of-ann"]);
    expect(await audit(["--state", state, "--delete", "--yes", "--created-by", "ann"])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("of-ann"),
      stderr: "Deleted 1 invitation.\n",
    });
    expect(await names()).toEqual(["by-hand", "jane"]);

    const options = { cwd: folder.path, env: env() };
    const args = ["audit", "--state", state, "--delete"];
    const declined = await runOnTerminal(args, { ...options, input: "no\n" });
    expect(declined).toMatchObject({ code: 7, stdout: expect.stringContaining("Delete 1 invitation? (yes/no)") });
    expect(await names()).toEqual(["by-hand", "jane"]);
    const confirmed = await runOnTerminal(args, { ...options, input: "yes\n" });
    expect(confirmed).toMatchObject({ code: 0, stdout: expect.stringContaining("Deleted 1 invitation.") });
    expect(await names()).toEqual(["jane"]);
  });

  test("reports how many invitations were deleted before an error", async () => {
    for (const name of ["a", "b", "c"]) await createOutsidePulumi(name);
    const state = await folder.write("dev.json", stateOf([]));
    const denied = { status: 403, headers: { "content-type": "application/json" }, body: '{"detail":"no"}' };
    server.injectFailure({ method: "DELETE", times: 1, delay: 0 });
    server.injectFailure({ method: "DELETE", times: 1, ...denied });
    const { code, stderr } = await audit(["--state", state, "--delete", "--yes"]);
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/^Deleted 1 of 3 invitations\.\n.*Could not delete the invitation/s),
    ]);
    expect(await names()).toEqual(["b", "c"]);
  });

  test("keeps what a stack created that was not read, unless --all-stacks is set, even after 100 uses", async () => {
    const jane = await create(await declare("Invitation", "jane", { name: "jane", expires }));
    const [row] = await invitations(server);
    for (let use = 0; use < 105; use++) {
      await server.request("PATCH", `${invitationsPath}${row?.pk}/`, { name: "jane" });
    }
    await createOutsidePulumi("by-hand");
    const elsewhere = { ...jane, id: "0123456789abcdef", urn: jane.urn.replace("dev::team", "other::team") };
    const other = await folder.write("other.json", stateOf([elsewhere]));
    const { code, stdout, stderr } = await audit(["--state", other, "--delete", "--yes"]);
    expect(stdout).toMatch(/ jane .* team\/dev \(not read\)\n/);
    expect([code, stderr]).toEqual([
      7,
      "1 invitation is of stacks that were not read (team/dev), and is kept. Read these with --stack or --state, or delete all with --all-stacks.\nDeleted 1 invitation.\n",
    ]);
    expect(await names()).toEqual(["jane"]);
    expect(await audit(["--state", other, "--delete", "--yes", "--all-stacks"])).toMatchObject({ code: 0 });
    expect(await names()).toEqual([]);
  });

  test("reads all stacks of the project, and deletes nothing if Pulumi cannot list them", async () => {
    const project = await Project.create("", { authentik: server });
    try {
      await project.write(`new authentik.Invitation(pulumi.getStack(), { expires: "${expires}" });`);
      await project.up();
      await project.succeed("stack", "init", "second", "--copy-config-from", "test");
      await project.up();
      const run = (...args: string[]) => runCommand(["audit", ...args], { cwd: project.folder, env: project.env });
      expect(await run()).toMatchObject({ code: 0, stdout: "All 2 invitations are declared.\n" });
      await writeFile(join(project.folder, "backend", ".pulumi", "stacks", "test", "test.json"), "{");
      const { code, stdout, stderr } = await run("--delete", "--yes");
      expect([code, stdout]).toEqual([1, ""]);
      expect(stderr).toContain("`pulumi stack ls --json` failed");
      expect(await names()).toEqual(["second", "test"]);
    } finally {
      await project.remove();
    }
  });

  test.each([["the dynamic resources"], ["the plugin"]])(
    "marks invitations and batches of an interrupted run of %s, and keeps them",
    async (owner) => {
      const invitation = await declare("Invitation", "jane", { name: "jane", expires });
      const batch = { name: "intake", expires, invitations: { "ada@example.com": {}, grace: {} } };
      const declared = [invitation, await declare("InvitationBatch", "intake", batch)];
      const resources = owner === "the plugin" ? declared.map(ofPlugin) : declared;
      for (const resource of resources) await create(resource);
      await createOutsidePulumi("by-hand");
      const operations = resources.map((resource) => pending(resource));
      const state = await folder.write("dev.json", stateOf([], operations));
      const { code, stdout, stderr } = await audit(["--state", state, "--delete", "--yes"]);
      expect(stdout.match(/ team\/dev \(interrupted, run `recover`\)\n/g)).toHaveLength(3);
      expect([code, stderr]).toEqual([
        7,
        "3 invitations are part of an interrupted run, and are kept. Run `recover`.\nDeleted 1 invitation.\n",
      ]);
      expect(await names()).toHaveLength(3);
    },
  );

  test("without the event log, keeps invitations with the name of one whose creation is pending", async () => {
    const token = server.addUser("auditor", [
      "authentik_stages_invitation.view_invitation",
      "authentik_stages_invitation.delete_invitation",
    ]);
    const resource = await declare("Invitation", "jane", { name: "jane", expires });
    await create(resource);
    await createOutsidePulumi("by-hand");
    const state = await folder.write("dev.json", stateOf([], [pending(resource)]));
    const { code, stdout, stderr } = await audit(["--state", state, "--delete", "--yes"], { token });
    expect(stdout).toContain("interrupted, run `recover`");
    expect(stderr).toContain("permission authentik_events.view_event");
    expect(code).toBe(7);
    // What created the other one is unknown as well.
    expect(stderr).toContain(
      "1 invitation is of stacks that were not read (an unknown one), and is kept. Read these with --stack or --state, or delete all with --all-stacks.",
    );
    expect(await names()).toEqual(["by-hand", "jane"]);
    await audit(["--state", state, "--delete", "--yes", "--all-stacks"], { token });
    expect(await names()).toEqual(["jane"]);

    const json = await audit(["--state", state, "--json"], { token });
    expect(JSON.parse(json.stdout)).toEqual([
      expect.objectContaining({ name: "jane", createdBy: "akadmin", created: null, stack: null, isPending: true }),
    ]);
    expect(json.stderr).toContain("permission authentik_events.view_event");
  });

  test("names the missing permission, an unreachable server and invalid state files, and exits with 1", async () => {
    const secret = "s3cret-value";
    const state = await folder.write("dev.json", stateOf([]));
    const checkpoint = { version: 3, checkpoint: { latest: { resources: [] } } };
    const notExported = "is not the output of `pulumi stack export`";
    const broken = { deployment: { resources: [{ urn: 1, type: secret }] } };
    const cases: [string, string, string?][] = [
      [state, "authentik_stages_invitation.view_invitation", server.addUser("nobody", [])],
      ["missing.json", "Cannot read missing.json: ENOENT"],
      [folder.path, "EISDIR"],
      ["-", "Standard input is not JSON. Write it with `pulumi stack export`."],
      [await folder.write("text", secret), "is not JSON"],
      [await folder.write("null", "null"), notExported],
      [await folder.write("checkpoint", checkpoint), notExported],
      [await folder.write("broken", broken), `${notExported}: deployment.resources.0.urn`],
    ];
    for (const [file, message, token] of cases) {
      const { code, stdout, stderr } = await audit(["--state", file, "--delete", "--yes"], token ? { token } : {});
      expect([file, code, stdout, stderr]).toEqual([file, 1, "", expect.stringContaining(message)]);
      expect(stderr).not.toMatch(/s3cret|\n\s+at /);
    }
    const unreachable = await runCommand(["audit", "--state", state], {
      cwd: folder.path,
      env: { AUTHENTIK_URL: "http://127.0.0.1:9", AUTHENTIK_TOKEN: secret },
    });
    expect(unreachable).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining("ECONNREFUSED") });
    expect(await audit([])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("run it in the folder of a Pulumi project, or set --state"),
    });
    const misused = [["--flow", ""], ["--created-by", " "], ["--state", ""], ["--stack", ""], ["--frobnicate"], ["x"]];
    for (const args of misused) {
      expect([args, (await audit([...args, "--state", state])).code]).toEqual([args, 2]);
    }
  });

  // Names and users are in test/hostile/printed.test.ts.
  test("does not print control characters of a User-Agent, which others can set", async () => {
    const { status } = await fetch(`${server.url}${invitationsPath}`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${server.token}`,
        "content-type": "application/json",
        "user-agent": "pulumi-authentik-invitations/1 node/1 (a\u009b31m::error::/b; 0123456789)",
      },
      body: JSON.stringify({ name: "y", expires }),
    });
    expect(status).toBe(201);
    const state = await folder.write("dev.json", stateOf([]));
    for (const args of [[], ["--json"]]) {
      const { stdout, code } = await audit(["--state", state, ...args]);
      expect(code).toBe(7);
      expect(stdout.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cf}]/u);
      expect(stdout).not.toMatch(/^::/m);
    }
  });

  test("works with 50,000 invitations, in one request per page", async () => {
    const pages = 500;
    const uuid = (index: number) => `00000000-0000-4000-8000-${String(index).padStart(12, "0")}`;
    // The embedded authentik sorts all rows for each page.
    const bulk = await startServer(({ path }, response) => {
      const isList = path.startsWith(`${invitationsPath}?`);
      const page = Number(new URL(path, "http://localhost").searchParams.get("page") ?? 1);
      const rows = Array.from({ length: isList ? 100 : 0 }, (_, index) => ({
        pk: uuid((page - 1) * 100 + index),
        name: `bulk-${page}-${index}`,
        expires,
        fixed_data: {},
        single_use: true,
        flow: null,
      }));
      const next = isList && page < pages ? page + 1 : 0;
      sendJson(response, 200, { pagination: { next, count: 50_000 }, results: rows });
    });
    const resources = Array.from({ length: 49_950 }, (_, index) => ({
      urn: urnOf("Invitation", `bulk-${index}`),
      type: "pulumi-nodejs:dynamic/authentik:Invitation",
      id: invitationId(uuid(index)),
    }));
    const state = await folder.write("dev.json", stateOf(resources));
    try {
      const options = { cwd: folder.path, env: { AUTHENTIK_URL: bulk.url, AUTHENTIK_TOKEN: "token" } };
      const { code, stdout } = await runCommand(["audit", "--state", state], options);
      expect([code, stdout.split("\n").at(-2)]).toEqual([
        7,
        "50 of 50000 invitations are not declared by any of these stacks.",
      ]);
      expect(bulk.received.filter(({ path }) => path.startsWith(`${invitationsPath}?`))).toHaveLength(pages);
      // One search each for who created the undeclared ones.
      expect(bulk.received).toHaveLength(pages + 50);
    } finally {
      await bulk.close();
    }
  });
});
