import { Authentik, type Mail } from "../../sandbox";
import { canary } from "../secrecy/canary";
import { sendPath } from "../unit/support/email-requests";
import { Project } from "./project";
import { invitations, invitationsPath, requestsOf } from "./server";

const json = { "content-type": "application/json" };

let server: Authentik;
let project: Project;

beforeEach(async () => {
  server = await Authentik.start({ version: "2026.5" });
  project = await Project.create("", { authentik: server });
});

afterEach(async () => {
  await project.remove();
  await server.close();
});

/** Takes the mails that arrived since the last call: their addresses, sorted, by invitation. */
function takeMails(): Mail[] {
  return server.outbox.splice(0).sort((a, b) => (a.to < b.to ? -1 : 1));
}
const takeAddresses = (): string[] => takeMails().map(({ to }) => to);
const sendRequests = (): number => requestsOf(server).filter((line) => line.endsWith("{pk}/send_email/")).length;

const program = (properties: string): string => `
const flow = new authentik.Flow("enroll", { slug: "enroll", title: "Enroll", designation: "enrollment" });
const jane = new authentik.Invitation("jane", { flow: flow.slug, validFor: "14d", ${properties} });
exports.link = jane.link;
exports.emailedTo = jane.emailedTo;
`;

describe("an invitation with email", () => {
  test("is mailed on create and reissue, each address once, and never on refresh or repair", async () => {
    await project.write(program(`email: { to: ["jane@example.com"], cc: ["boss@example.com"] }`));
    const preview = await project.preview("--diff");
    expect(preview.output).toContain('"jane@example.com"');
    expect(preview.output).toContain('"boss@example.com"');
    const warning = `links to invitations have the host ${new URL(server.url).host}`;
    expect(preview.output.split(warning)).toHaveLength(2);
    expect(takeMails()).toEqual([]);

    await project.up();
    const [mail, ...others] = takeMails();
    expect(others).toEqual([]);
    const created = await project.outputs();
    expect(mail).toMatchObject({ to: "jane@example.com", cc: ["boss@example.com"], link: created["link"] });
    expect(created["emailedTo"]).toEqual(["jane@example.com"]);
    expect((await project.state()).get("jane")?.outputs["emailedTo"]).toEqual(["jane@example.com"]);

    // An added address is mailed, one that is removed or written differently is not, and neither is the repair of drift.
    await project.write(program(`email: { to: ["JANE@example.com", "sam@example.com"], cc: ["boss@example.com"] }`));
    expect((await project.preview("--diff")).output).toContain('"sam@example.com"');
    const [{ pk } = { pk: "" }] = await invitations(server);
    await server.request("PATCH", `${invitationsPath}${pk}/`, { fixed_data: { by: "hand" } });
    requestsOf(server);
    await project.up("--refresh");
    expect(takeAddresses()).toEqual(["sam@example.com"]);
    expect(requestsOf(server)).toContain(`PUT ${invitationsPath}{pk}/`);
    await project.write(program(`email: { to: ["sam@example.com"] }`));
    await project.up();
    await project.succeed("refresh", "--yes", "--skip-preview");
    await project.expectNoChanges();
    expect(sendRequests()).toBe(0);

    await project.write(program(`email: { to: ["sam@example.com"] }, keepers: { round: 2 }`));
    await project.up();
    const reissued = await project.outputs();
    expect(reissued["link"]).not.toBe(created["link"]);
    expect(takeMails()).toMatchObject([{ to: "sam@example.com", link: reissued["link"] }]);
    expect(reissued["emailedTo"]).toEqual(["sam@example.com"]);
    await project.destroy();
    expect(takeMails()).toEqual([]);
  }, 120_000);

  test("counts as sent with a warning after a lost response, and secret addresses stay secret", async () => {
    server.injectFailure({ method: "POST", path: sendPath, when: "after", disconnect: true });
    await project.write(program(`email: { to: ["jane@example.com"] }`));
    const output = await project.up();
    expect(takeAddresses()).toEqual(["jane@example.com"]);
    expect(output).toMatch(/may or may not have been emailed to jane@example\.com.*email_sent/);
    await project.expectNoChanges("--refresh");
    await project.destroy();

    const [jane, sam] = [`${canary()}-jane@example.com`, `${canary()}-sam@example.com`];
    const secret = program(`email: { to: [pulumi.secret("${jane}")] }`);
    server.injectFailure({ method: "POST", path: sendPath, when: "after", status: 504 });
    await project.write(secret);
    await project.preview("--diff");
    expect(await project.up()).toContain("may or may not have been emailed to 1 address");
    expect(takeAddresses()).toEqual([jane]);
    server.injectFailure({
      method: "POST",
      path: sendPath,
      status: 403,
      body: JSON.stringify({ detail: sam.toUpperCase() }),
      headers: { "content-type": "application/json" },
    });
    await project.write(secret.replace("[pulumi", `[pulumi.secret("${sam}"), pulumi`));
    const failed = await project.pulumi("up", "--yes", "--skip-preview");
    expect(failed.code).not.toBe(0);
    expect(failed.output).toContain("was not emailed to 1 address");
    await project.up("--refresh");
    expect(takeAddresses()).toEqual([sam]);
    await project.preview("--diff", "--refresh");
    await project.succeed("stack", "output", "--json");
    expect((await project.outputs())["emailedTo"]).toHaveLength(2);
  }, 120_000);
});

describe("a batch with email", () => {
  const batch = `
const flow = new authentik.Flow("enroll", { slug: "enroll", title: "Enroll", designation: "enrollment" });
const intake = new authentik.InvitationBatch("intake", {
  flow: flow.slug,
  validFor: "14d",
  invitations: Object.fromEntries(["ada", "bob", "eve", "joan"].map((key) => [key, { email: { to: [key + "@example.com"] } }])),
});
exports.emailedTo = intake.emailedTo;
`;

  test("keeps every invitation when two addresses fail, and the next run emails these two", async () => {
    await project.write(batch);
    server.injectFailure({
      method: "POST",
      path: sendPath,
      status: 403,
      body: '{"detail":"no"}',
      headers: json,
      times: 2,
    });
    const failed = await project.pulumi("up", "--yes", "--skip-preview");
    expect(failed.code).not.toBe(0);
    expect(failed.output.match(/invitations\.\w+: The link was not emailed to/g)).toHaveLength(2);
    const sent = takeAddresses();
    expect(sent).toHaveLength(2);
    expect(await invitations(server)).toHaveLength(4);

    requestsOf(server);
    await project.up();
    expect([...sent, ...takeAddresses()].sort()).toEqual(
      ["ada", "bob", "eve", "joan"].map((key) => `${key}@example.com`),
    );
    expect(requestsOf(server).filter((line) => !/^GET/.test(line))).toHaveLength(3);
    await project.expectNoChanges("--refresh");
    expect((await project.outputs())["emailedTo"]).toMatchObject({
      ada: ["ada@example.com"],
      joan: ["joan@example.com"],
    });
  }, 120_000);
});
