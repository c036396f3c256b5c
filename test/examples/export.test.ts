import { Script } from "node:vm";
import fc from "fast-check";
import {
  toIdentifier,
  toLiteral,
  toLogicalName,
  toStringLiteral,
  toUniqueNames,
} from "../../provider/commands/export/typescript";
import { invitationId } from "../../provider/common/pk";
import { Authentik, authentikVersions } from "../../sandbox";
import { Project } from "../engine/project";
import { requestsOf } from "../engine/server";
import { runs } from "../hostile/runs";
import { typeErrors } from "./example";
import { createFlow, environmentOf, expires, findStagePk, post, runCommand, runShell } from "./export-command";

jest.setTimeout(240_000);

/** Creates a flow whose names and data would break a program that does not escape them. */
async function createHostileFlow(server: Authentik): Promise<{ pks: string[] }> {
  const flow = await post(server, "flows/instances/", {
    name: 'Staff "enrollment" \u0024{process.exit()} `',
    slug: "staff-enrollment",
    title: "Wel\\come */ \u2028 // \u202e ’",
    designation: "enrollment",
    authentication: "require_unauthenticated",
    layout: "sidebar_left",
    compatibility_mode: true,
  });
  const stages = [
    await post(server, "stages/invitation/stages/", { name: 'Einladung für "Ää" \u2029 \u0024{1}' }),
    await post(server, "stages/invitation/stages/", { name: "2FA", continue_flow_without_invitation: true }),
    await post(server, "stages/invitation/stages/", { name: "招待 🎟️" }),
    await post(server, "stages/invitation/stages/", { name: "招待" }),
    await post(server, "stages/invitation/stages/", { name: "🎟️" }),
    await findStagePk(server, "default-source-enrollment-prompt"),
    await findStagePk(server, "default-source-enrollment-write"),
  ];
  for (const [index, stage] of stages.entries()) {
    await post(server, "flows/bindings/", { target: flow, stage, order: index * 10 });
  }
  await post(server, "flows/bindings/", {
    target: flow,
    stage: stages[0],
    order: 99,
    evaluate_on_plan: true,
    re_evaluate_policies: false,
    invalid_response_action: "restart_with_context",
    policy_engine_mode: "all",
  });
  const expires = "2035-01-01T00:00:00.123456Z";
  const postInvitation = async (fields: Record<string, unknown>): Promise<string> =>
    await post(server, "stages/invitation/invitations/", { flow, expires, ...fields });
  const pks = [
    await postInvitation({
      name: "jane",
      single_use: true,
      fixed_data: {
        email: "o'hara\"\u0024{x}`\\@example.com",
        "ключ \u2028\u0085": ["a", 1.5, -3, null, true, { list: [], object: {} }, "line\nline\u2029\u0007"],
        attributes: { constructor: "x", default: 1, "a-b": "\ud83c\udf9f\ufe0f \u200b\ufeff" },
      },
    }),
    await postInvitation({ name: "jane", fixed_data: { email: "other@example.com" } }),
    await postInvitation({ name: "jane-2" }),
    await postInvitation({ name: "_" }),
  ];
  await postInvitation({ name: "expired", expires: "2020-01-01T00:00:00Z" });
  await postInvitation({ name: "large", fixed_data: { "n \u2028 */": 2 ** 60 } });
  // An invitation without a flow is not exported.
  await post(server, "stages/invitation/invitations/", { name: "free", expires });
  return { pks };
}

describe("export", () => {
  let server: Authentik;

  beforeAll(async () => {
    server = await Authentik.start();
  });

  afterAll(() => server.close());

  test("writes the same program for all versions of authentik, whose first run imports everything and changes nothing", async () => {
    const programs = new Set<string>();
    const pkPattern = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;
    for (const version of authentikVersions) {
      const server = await Authentik.start({ version });
      const project = await Project.create("", { authentik: server });
      try {
        const { pks } = await createHostileFlow(server);
        const args = ["export", "--flow", "staff-enrollment"];
        const exported = await runCommand(args, environmentOf(server));
        expect(exported).toMatchObject({ code: 0, stderr: expect.stringContaining("imports 4 invitations by pk") });
        // The order of the two invitations with the same name and expiry is that of their pks.
        const lines = exported.stdout.replaceAll(server.url, "").replaceAll(pkPattern, "").split("\n");
        programs.add(lines.sort().join("\n"));
        // export-all.test.ts imports from the newest version.
        if (version !== authentikVersions[0]) continue;
        for (const name of ["expired", "large"]) {
          expect(exported.stdout).toContain(`// The invitation "${name}": `);
          expect(exported.stderr).toContain(`Not exported. The invitation "${name}": `);
        }
        expect(typeErrors([await project.writeTypeScript(exported.stdout)])).toEqual([]);

        const commands = await runCommand([...args, "--commands"], environmentOf(server));
        expect(commands).toMatchObject({
          code: 0,
          stderr: expect.stringContaining("These commands contain secrets: the pks of 4 invitations."),
        });
        // The pks are in here-documents only, because all users can list the arguments of processes.
        expect(commands.stdout.split(/^pulumi config set --secret \S+ <<'END'\n/m).sort()).toEqual(
          ["", ...pks.map((pk) => `${pk}\nEND\n`)].sort(),
        );
        await runShell(project, commands.stdout);

        requestsOf(server);
        const output = await project.up();
        const requests = requestsOf(server);
        expect(requests.length).toBeGreaterThan(15);
        expect(requests.filter((request) => !request.startsWith("GET"))).toEqual([]);
        expect(output).toMatch(/\+ 19 created/);
        expect(await project.expectNoChanges("--refresh")).toContain("19 unchanged");
        expect(requestsOf(server).filter((request) => !request.startsWith("GET"))).toEqual([]);
      } finally {
        await project.remove();
        await server.close();
      }
    }
    expect([...programs]).toHaveLength(1);
  });

  test("--invitation writes the program and the commands for one invitation, by its name or its id", async () => {
    const flow = await createFlow(server, "one");
    const pk = await post(server, "stages/invitation/invitations/", { name: "contractor", flow, expires });
    await post(server, "stages/invitation/invitations/", { name: "other", flow, expires });
    const exported = await runCommand(["export", "--invitation", invitationId(pk)], environmentOf(server));
    expect(exported.stdout).toContain('new authentik.Invitation(\n  "contractor",\n  {\n    flow: "one",');
    expect(exported.stdout).toContain('import: config.require("pk-contractor")');
    expect(exported.stdout).not.toContain("other");
    expect(exported.stderr).toContain(`export --invitation ${invitationId(pk)} --commands | sh`);
    const commands = await runCommand(["export", "--invitation", "contractor", "--commands"], environmentOf(server));
    expect(commands.stdout).toBe(`pulumi config set --secret pk-contractor <<'END'\n${pk}\nEND\n`);
    expect(await runCommand(["export", "--invitation", "nobody"], environmentOf(server))).toMatchObject({
      code: 1,
      stdout: "",
      stderr: expect.stringContaining('authentik has no invitation with the name or id "nobody"'),
    });
  });

  test("--invitations-only refers to a flow by slug, and needs no permission for its stages and bindings", async () => {
    const stage = await post(server, "stages/invitation/stages/", { name: "owned" });
    const flow = await createFlow(server, "owned-by-terraform", [stage]);
    await post(server, "stages/invitation/invitations/", { name: "ada", flow, expires });
    const token = server.addUser("invitations-only", [
      "authentik_stages_invitation.view_invitation",
      "authentik_flows.view_flow",
    ]);
    const args = ["export", "--flow", "owned-by-terraform", "--invitations-only"];
    for (const batch of [[], ["--batch"]]) {
      const { code, stdout, stderr } = await runCommand([...args, ...batch], environmentOf(server, token));
      expect([code, stderr]).toEqual([
        0,
        expect.stringContaining(`--flow owned-by-terraform --invitations-only ${[...batch, ""].join(" ")}--commands`),
      ]);
      expect(stdout).toContain('flow: "owned-by-terraform",');
      expect(stdout.match(/new authentik\.\w+/g)).toEqual([
        batch.length > 0 ? "new authentik.InvitationBatch" : "new authentik.Invitation",
      ]);
    }
  });

  test("--commands prints no commands for a flow without invitations", async () => {
    await createFlow(server, "bare");
    const commands = await runCommand(["export", "--flow", "bare", "--commands"], environmentOf(server));
    expect(commands).toEqual({
      code: 0,
      stdout: "",
      stderr: "There are no invitations to import, so there are no pks to set.\n",
    });
  });

  test.each([
    [[], "a command is required: audit, ci, export, recover, report"],
    [["import"], 'unknown command "import": the commands are audit, ci, export, recover, report'],
    [["constructor"], 'unknown command "constructor": the commands are audit, ci, export, recover, report'],
    [["export"], "--flow <slug>, --invitation <name> or --all is required"],
    [["export", "--flow", " "], "--flow must not be empty"],
    [["export", "--flow", "x", "--all"], "set only one of --flow, --invitation and --all"],
    [["export", "--invitation", "x", "--flow", "y"], "set only one of --flow, --invitation and --all"],
    [["export", "--invitation", " "], "--invitation must not be empty"],
    [["export", "staff", "--flow", "x"], "Unexpected argument 'staff'"],
    [["export", "--flows", "x"], "Unknown option '--flows'"],
    [["export", "--flow"], "Option '--flow <value>' argument missing"],
  ])("rejects the arguments %j", async (args, message) => {
    const { code, stdout, stderr } = await runCommand(args);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(`pulumi-authentik-invitations: ${message}\n\nUsage: `);
  });

  test("prints help and version", async () => {
    expect(await runCommand(["--help"])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^Usage: /),
      stderr: "",
    });
    expect(await runCommand(["export", "-h"])).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Usage: /) });
    expect((await runCommand(["--version"])).stdout).toMatch(/^\d+\.\d+\.\d+/);
  });

  test("reports errors without a stack trace and without the token", async () => {
    const args = ["export", "--flow", "nowhere"];
    const limitedToken = server.addUser("viewer", ["authentik_stages_invitation.view_invitation"]);
    const cases: [Record<string, string>, string][] = [
      [{}, "authentik's URL is not set."],
      [{ AUTHENTIK_URL: server.url }, "authentik's API token is not set."],
      [environmentOf(server), 'authentik has no flow with the slug "nowhere"'],
      [environmentOf(server), "Existing enrollment flows: bare, default-source-enrollment"],
      [environmentOf(server, "bad-token"), "authentik rejected the token"],
      [environmentOf(server, limitedToken), "lacks the permission authentik_flows.view_flow"],
      [{ ...environmentOf(server), AUTHENTIK_URL: "authentik" }, "AUTHENTIK_URL is not a URL"],
    ];
    for (const [env, message] of cases) {
      const { code, stdout, stderr } = await runCommand(args, env);
      expect([code, stdout, stderr]).toEqual([1, "", expect.stringContaining(message)]);
      expect(stderr).toMatch(/^pulumi-authentik-invitations: .*\n$/);
      expect(stderr).not.toContain("bad-token");
    }
  });
});

describe("the generated source", () => {
  test("evaluates a literal to the original value, and contains no invisible characters", () => {
    const string = fc.string({ unit: "binary" });
    const json = fc.jsonValue({ stringUnit: "binary" });
    fc.assert(
      fc.property(json, (value) => {
        const source = toLiteral(value);
        expect(new Script(`(${source})`).runInThisContext()).toEqual(JSON.parse(JSON.stringify(value)));
        expect(source).not.toMatch(/[^\P{C}\n]|[\u2028\u2029\u00a0]/u);
      }),
      runs(100),
    );
    fc.assert(
      fc.property(string, (value) => {
        const source = toStringLiteral(value);
        expect(source).not.toMatch(/[\p{C}\u2028\u2029]/u);
        expect(new Script(`// ${source}\n${source}`).runInThisContext()).toBe(value);
      }),
      runs(100),
    );
  });

  test("turns stage names into valid identifiers that are not reserved words", () => {
    const names = [
      "class",
      "await",
      "2FA",
      "a b",
      "Stage",
      "invitation-stage",
      "__proto__",
      "ünïcode",
      "𠮷",
      "🎟️ x",
      "🎟️",
    ];
    expect(names.map((name) => toIdentifier(name, "stage"))).toEqual([
      "classStage",
      "awaitStage",
      "stage2FAStage",
      "aBStage",
      "stage",
      "invitationStage",
      "protoStage",
      "ünïcodeStage",
      "𠮷Stage",
      "xStage",
      "stage",
    ]);
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "binary" })), (stageNames) => {
        const all = toUniqueNames(
          stageNames.map((name) => toIdentifier(name, "stage")),
          "",
          ["pulumi"],
        );
        expect(new Set(all).size).toBe(all.length);
        new Script(`"use strict"; ${all.map((name) => `const ${name} = 0;`).join(" ")}`);
      }),
      runs(100),
    );
  });

  test("derives readable logical names, and numbers all duplicates but the first", () => {
    expect(toLogicalName("Stage by hand", "stage")).toBe("Stage by hand");
    expect(toLogicalName(' "x" \u2028 ::y:: ', "stage")).toBe("x-y");
    expect(toLogicalName("🎟️", "stage")).toBe("stage");
    expect(toLogicalName("招待 🎟️", "stage")).toBe("招待");
    expect(toUniqueNames(["jane", "jane", "jane-2", "jane"], "-")).toEqual(["jane", "jane-3", "jane-2", "jane-4"]);
    expect(toUniqueNames(["flow", "flow"], "", ["flow"])).toEqual(["flow2", "flow3"]);
  });
});
