import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Authentik } from "../../sandbox";
import { enroll } from "../../scripts/demo/invitee";
import { Project } from "../engine/project";
import { invitations, invitationsPath } from "../engine/server";
import { openLink } from "../unit/support/enrollment";
import { runCommand } from "./fixture";

jest.setTimeout(180_000);

const program = `
  const staff = new authentik.InviteOnlyEnrollment("staff", { slug: "staff-enrollment", title: "Welcome" });
  const shared = { flow: staff.flow, expires: "2035-01-01T00:00:00Z" };
  new authentik.Invitation("jane", { ...shared, singleUse: true });
  new authentik.Invitation("team", shared);
  new authentik.Invitation("hidden", { ...shared, name: pulumi.secret("hush-hush") });
  new authentik.Invitation("brief", { flow: staff.flow, validFor: "2s" });
  new authentik.InvitationBatch("intake", { ...shared, singleUse: true, invitations: {
    "ada@example.com": { fixedData: { email: "ada@example.com" } },
    "grace@example.com": {},
    "=1+1": { name: "formula" },
    'joe, "the \\u001b[31m" x': { name: "joe" },
  } });`;

describe("report", () => {
  let server: Authentik;
  let project: Project;

  beforeEach(async () => {
    server = await Authentik.start();
    project = await Project.create(program, { authentik: server });
  });

  afterEach(async () => {
    await project.remove();
    await server.close();
  });

  /** Opens the link of an invitation in a new session, and enrolls if there is a username. */
  async function use(pk: string | undefined, username?: string): Promise<void> {
    // authentik's events have microseconds, those of the embedded one milliseconds.
    await new Promise((resolve) => setTimeout(resolve, 10));
    if (username === undefined) return await openLink(server, "staff-enrollment", String(pk));
    const password = "S0me-long-Pass!word";
    const link = `${server.url}/if/flow/staff-enrollment/?itoken=${pk}`;
    await enroll(link, { username, password, password_repeat: password });
  }

  test("lists the invitations of a stack with their current status and the accounts that enrolled, without a pk", async () => {
    await project.up();
    const created = await invitations(server);
    const pkOf = (name: string) => created.find((invitation) => invitation.name.startsWith(name))?.pk;
    await use(pkOf("jane"), "jane");
    await use(pkOf("team"), "sam");
    await use(pkOf("team"), "=kim");
    // A mail scanner uses up the link: nobody enrolls.
    await use(pkOf("intake-grace"));
    await use(pkOf("intake-ada"), "ada");
    await server.request("DELETE", `${invitationsPath}${pkOf("joe")}/`);

    // Until the expiry of `brief`.
    await new Promise((resolve) => setTimeout(resolve, 2000));
    const run = (...args: string[]) => runCommand(["report", ...args], { cwd: project.folder, env: project.env });
    const csv = await run("--csv");
    expect([csv.code, csv.stderr]).toEqual([0, ""]);
    const [header, ...rows] = csv.stdout.trim().split("\n");
    expect(header).toBe("stack,resource,key,name,status,issued,expires,retired,account");
    const time = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`;
    const expected = [
      `brief,,brief,expired,${time},${time},${time},`,
      `hidden,,\\[secret\\],pending,${time},2035-01-01T00:00:00Z,,`,
      `intake,"joe, ""the \\[31m"" x",joe,deleted,${time},2035-01-01T00:00:00Z,${time},`,
      `intake,'=1\\+1,formula,pending,${time},2035-01-01T00:00:00Z,,`,
      `intake,ada@example.com,intake-ada.*,used,${time},2035-01-01T00:00:00Z,${time},ada`,
      `intake,grace@example.com,intake-grace.*,used,${time},2035-01-01T00:00:00Z,${time},`,
      `jane,,jane,used,${time},2035-01-01T00:00:00Z,${time},jane`,
      `team,,team,pending,${time},2035-01-01T00:00:00Z,,"sam, =kim"`,
    ];
    expect(rows.sort()).toEqual(expected.map((row) => expect.stringMatching(new RegExp(`^test/test,${row}$`))));

    // The current stack, which is read as well, has the same invitations.
    expect((await run("--csv", "--stack", "test", "--stack", "organization/test/test")).stdout).toBe(csv.stdout);

    const table = await run();
    expect(table.stdout).toMatch(
      /^STACK {2,}RESOURCE {2,}KEY {2,}NAME {2,}STATUS {2,}ISSUED {2,}EXPIRES {2,}RETIRED {2,}ACCOUNT\n/,
    );
    expect(table.stdout).toMatch(/ ada@example\.com {2,}.* used .* ada\n/);
    expect(table.stdout.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect((await run("--show-secrets")).stdout).toContain(" hush-hush ");

    // The plugin's resources have the same state. Without the permission, one note says that accounts are unknown.
    const exported = await project.succeed("stack", "export", "--show-secrets");
    const file = join(project.folder, "plugin.json");
    await writeFile(file, exported.replaceAll("pulumi-nodejs:dynamic/authentik:", "authentik-invitations:index:"));
    const reader = server.addUser("reader", ["authentik_stages_invitation.view_invitation"]);
    const plugin = await runCommand(["report", "--csv", "--state", file], {
      cwd: tmpdir(),
      env: { AUTHENTIK_URL: server.url, AUTHENTIK_TOKEN: reader, PATH: String(project.env["PATH"]) },
    });
    expect(plugin.stderr).toMatch(
      /^Which accounts enrolled is unknown, because .*\(permission authentik_events\.view_event.*\n$/,
    );
    expect(plugin.stdout).toMatch(/intake,ada@example\.com,.*,used,/);
    expect(plugin.stdout.split("\n")).toHaveLength(10);

    // An invitation that authentik cannot return hides no other, and does not look deleted.
    await server.request("PATCH", `${invitationsPath}${pkOf("team")}/`, { fixed_data: { n: 1.5e300 } });
    const unreadable = await run("--csv");
    expect([unreadable.code, unreadable.stderr]).toEqual([
      0,
      expect.stringMatching(/^Not read\. 1 invitation: authentik responds with 500 when they are read, usually .*\n$/),
    ]);
    expect(unreadable.stdout).toBe(csv.stdout.replace(",team,pending,", ",team,unknown,"));

    const printed = [csv, table, plugin].map(({ stdout, stderr }) => stdout + stderr).join("");
    expect(printed).not.toContain("hush-hush");
    expect(await run("--csv", "x")).toMatchObject({ code: 2 });
  });
});
