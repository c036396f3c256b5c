import { Authentik } from "../../sandbox";
import { Project } from "../engine/project";
import { invitations, invitationsPath, requestsOf } from "../engine/server";
import { typeErrors } from "./example";
import {
  createFlow,
  environmentOf,
  expires,
  findStagePk,
  post,
  runCommand,
  runShell,
  tooDeepData,
} from "./export-command";

jest.setTimeout(240_000);

/** Creates flows that share stages and invitation names. */
async function createFlows(server: Authentik): Promise<void> {
  const shared = await post(server, "stages/invitation/stages/", { name: "Shared invitation" });
  const partner = await post(server, "stages/invitation/stages/", { name: "Partner Ää 🎟️" });
  const prompt = await findStagePk(server, "default-source-enrollment-prompt");
  const staff = await createFlow(server, "staff", [shared, prompt]);
  const partners = await createFlow(server, "staff-shared", [shared, partner, prompt]);
  await createFlow(server, "empty", [partner]);
  const withoutStage = await createFlow(server, "without-stage", []);
  await createFlow(server, "unrelated", [prompt]);
  const invite = async (name: string, fields: Record<string, unknown> = {}): Promise<string> =>
    await post(server, "stages/invitation/invitations/", { name, expires, ...fields });
  await invite("jane", { flow: staff, single_use: true, fixed_data: { email: "jane@example.com", team: { id: 1 } } });
  await invite("jane", { flow: staff, single_use: true, fixed_data: { email: "other@example.com", team: { id: 1 } } });
  await invite("joe", { flow: staff, expires: "2036-01-01T00:00:00.5Z", fixed_data: { team: { id: 1, lead: null } } });
  await invite("expired", { flow: staff, expires: "2020-01-01T00:00:00Z" });
  await invite("large", { flow: staff, fixed_data: { n: 2 ** 60 } });
  const attributes = { cohort: "2027", sites: ["Bern", "招待 🎟️"] };
  await invite("intake-2027-ada", { flow: partners, fixed_data: { attributes } });
  await invite("intake-2027-grace", { flow: partners, fixed_data: { attributes: { ...attributes, lead: true } } });
  await invite("intake-2027-grace", { flow: partners, fixed_data: { attributes, ключ: "\u0024{x}`" } });
  await invite("jane", { flow: withoutStage });
  await invite("free");
  await invite("jane", { single_use: true });
}

/** The resources in a program as `Type name`. */
function resourcesIn(program: string): string[] {
  return [...program.matchAll(/new authentik\.(\w+)\(\s*"([^"]*)"/g)].map(([, type, name]) => `${type} ${name}`);
}

const flowsAndStages = [
  "Flow empty",
  "InvitationStage Partner Ää",
  "FlowStageBinding empty-Partner Ää",
  "Flow staff",
  "InvitationStage Shared invitation",
  "FlowStageBinding staff-Shared invitation",
  "FlowStageBinding staff-default-source-enrollment-prompt",
  "Flow staff-shared",
  "FlowStageBinding staff-shared-Shared invitation",
  "FlowStageBinding staff-shared-Partner Ää",
  "FlowStageBinding staff-shared-default-source-enrollment-prompt",
  "Flow without-stage",
];

const single = [
  "Invitation jane",
  "Invitation jane-2",
  "Invitation joe",
  "Invitation intake-2027-ada",
  "Invitation intake-2027-grace",
  "Invitation intake-2027-grace-2",
  "Invitation jane-3",
  "Invitation free",
  "Invitation jane-4",
];

const batches = [
  "InvitationBatch staff",
  "InvitationBatch intake-2027",
  "InvitationBatch without-stage",
  "InvitationBatch invitations",
];

describe("flows that share stages and invitation names", () => {
  let server: Authentik;

  beforeAll(async () => {
    server = await Authentik.start();
    await createFlows(server);
  });

  afterAll(() => server.close());

  test.each([
    { options: ["--all"], declared: single, commands: Array(9).fill("config set --secret ") },
    {
      options: ["--all", "--batch"],
      declared: batches,
      commands: batches.map((batch) => `config set --secret pks-${batch.replace("InvitationBatch ", "")} <<'END'`),
    },
  ])("are imported without changing anything with $options", async ({ options, declared, commands }) => {
    const pks = (await invitations(server)).map(({ pk }) => pk);
    const stored = JSON.stringify(await invitations(server));
    requestsOf(server);
    const exported = await runCommand(["export", ...options], environmentOf(server));
    expect(exported).toMatchObject({ code: 0, stderr: expect.stringContaining("imports 9 invitations by pk") });
    expect(exported.stderr).toContain(`export ${options.join(" ")} --commands | sh`);
    const requests = requestsOf(server);
    expect(requests.filter((request) => !request.startsWith("GET"))).toEqual([]);
    expect(requests.filter((request) => request.endsWith("/invitations/"))).toHaveLength(1);
    expect(resourcesIn(exported.stdout).sort()).toEqual([...flowsAndStages, ...declared].sort());
    for (const name of ["expired", "large"]) {
      expect(exported.stdout).toContain(`// The invitation "${name}": `);
      expect(exported.stderr).toContain(`Not exported. The invitation "${name}": `);
    }
    const settings = await runCommand(["export", ...options, "--commands"], environmentOf(server));
    expect(settings.stderr).toContain("These commands contain secrets: the pks of 9 invitations.");
    const lines = settings.stdout.split("\n").flatMap((line) => /^pulumi (.*)/.exec(line)?.[1] ?? []);
    expect(lines).toEqual(commands.map((command) => expect.stringContaining(command)));
    for (const pk of pks) expect(lines.join()).not.toContain(pk);
    const project = await Project.create("", { authentik: server });
    try {
      expect(typeErrors([await project.writeTypeScript(exported.stdout)])).toEqual([]);
      await runShell(project, settings.stdout);
      requestsOf(server);
      const output = await project.up();
      const created = flowsAndStages.length + declared.length + 1;
      expect(output).toContain(`+ ${created} created`);
      if (options.includes("--batch")) {
        // export.test.ts compares a stack with single invitations.
        expect(await project.expectNoChanges("--refresh")).toContain(`${created} unchanged`);
      }
      expect(requestsOf(server).filter((request) => !request.startsWith("GET"))).toEqual([]);
      expect(JSON.stringify(await invitations(server))).toBe(stored);
    } finally {
      await project.remove();
    }
  });

  test("are exported by slug, each once", async () => {
    requestsOf(server);
    const args = ["export", "--flow", "staff", "--flow", "staff-shared", "--flow", "staff"];
    const { code, stdout, stderr } = await runCommand(args, environmentOf(server));
    expect([code, stderr]).toEqual([0, expect.stringContaining("export --flow staff --flow staff-shared --commands")]);
    const expected = [...flowsAndStages.slice(1, 2), ...flowsAndStages.slice(3, 11), ...single.slice(0, 6)];
    expect(resourcesIn(stdout).sort()).toEqual(expected.sort());
    expect(requestsOf(server).filter((request) => request.endsWith("/invitations/"))).toHaveLength(1);
  });
});

describe("a server", () => {
  let server: Authentik;

  beforeEach(async () => {
    server = await Authentik.start();
  });

  afterEach(() => server.close());

  test.each([[[]], [["--batch"]], [["--commands"]]])(
    "without invitations and invitation stages has nothing to export with --all and %j",
    async (options) => {
      expect(await runCommand(["export", "--all", ...options], environmentOf(server))).toEqual({
        code: 1,
        stdout: "",
        stderr: expect.stringMatching(/^pulumi-authentik-invitations: There is nothing to export: .*\n$/),
      });
    },
  );

  test("with flows without invitations needs no settings", async () => {
    const stage = await post(server, "stages/invitation/stages/", { name: "invitation" });
    await createFlow(server, "one", [stage]);
    await createFlow(server, "two", [stage]);
    const { code, stdout, stderr } = await runCommand(["export", "--all", "--batch"], environmentOf(server));
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).not.toContain("@pulumi/pulumi");
    expect(resourcesIn(stdout).filter((resource) => !resource.startsWith("FlowStageBinding"))).toEqual([
      "Flow one",
      "InvitationStage invitation",
      "Flow two",
    ]);
  });

  test("with an unreadable invitation exports the others", async () => {
    const invite = async (name: string, flow: string | null, data = {}): Promise<void> => {
      await server.request("POST", invitationsPath, { name, flow, expires, fixed_data: data });
    };
    const flows = [await createFlow(server, "a", []), await createFlow(server, "b", [])];
    await invite("in-a", flows[0] ?? "");
    await invite("in-b", flows[1] ?? "");
    await invite("free", null);
    await invite("too-deep", flows[0] ?? "", tooDeepData);
    const all = await runCommand(["export", "--all", "--batch"], environmentOf(server));
    expect([all.code, all.stderr]).toEqual([0, expect.stringContaining("imports 3 invitations by pk")]);
    expect(all.stderr).toContain("Not exported. 1 invitation: authentik responds with 500 when they are read");
    expect(resourcesIn(all.stdout).sort()).toEqual(
      ["Flow a", "Flow b", "InvitationBatch a", "InvitationBatch b", "InvitationBatch invitations"].sort(),
    );
    const one = await runCommand(["export", "--flow", "a"], environmentOf(server));
    expect([one.code, one.stderr]).toEqual([0, expect.stringContaining("imports 1 invitation by pk")]);
    expect(one.stdout).toContain("// 1 invitation: authentik responds with 500 when they are read, usually because");
    expect(resourcesIn(one.stdout)).toEqual(["Flow a", "Invitation in-a"]);
    const other = await runCommand(["export", "--flow", "b"], environmentOf(server));
    expect([other.code, other.stderr]).toEqual([0, expect.stringContaining("imports 1 invitation by pk")]);
    expect(other.stderr).not.toContain("Not exported");
  });
});
