import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Authentik } from "../../sandbox";
import { Project } from "./project";
import { requestsOf } from "./server";

jest.setTimeout(120_000);

describe("validation", () => {
  let server: Authentik;
  let project: Project;

  beforeAll(async () => {
    server = await Authentik.start();
    project = await Project.create("", { authentik: server });
  });

  afterAll(async () => {
    await project.remove();
    await server.close();
  });

  test("rejects all invalid inputs of an invitation at preview, with property paths but without requests, stack traces or values", async () => {
    await project.write(`let deep = {}; for (let level = 0; level < 250; level++) deep = { a: deep };
      new authentik.Invitation("x", { name: "two words", expires: "next-week-s3cr3t", singleUse: "s3cr3t", flow: "",
      fixedData: pulumi.secret({ a: { "b c": 1e300, n: "s3cr3t\\0" }, list: [9007199254740993], deep }), valid_for: "s3cr3t" });`);
    const { code, output } = await project.preview();
    expect(code).toBe(1);
    const integer =
      "must be within ±9007199254740991 (2^53 - 1): Pulumi cannot represent larger integers exactly, and authentik cannot read back integers beyond 64 bits. Use a string";
    const reasons = output.split("\n").flatMap((line) => / has a problem: (.*)$/.exec(line)?.[1] ?? []);
    expect(new Set(reasons)).toEqual(
      new Set([
        "name: must contain only letters (a-z, A-Z), digits, _ and -. Defaults to the resource's logical name; set it explicitly if the logical name has other characters",
        "expires: must be an RFC 3339 timestamp with a time zone, for example 2027-01-31T23:59:59Z",
        "singleUse: must be true or false",
        "flow: must not be empty. Omit it to accept any flow",
        `fixedData.a["b c"]: ${integer}`,
        "fixedData.a.n: must not contain a NUL character, which authentik cannot store",
        `fixedData.list[0]: ${integer}`,
        "fixedData.deep.a.a: must not be nested more than 200 levels deep, because authentik could not read it back",
        "valid_for: unknown property. Did you mean validFor?",
      ]),
    );
    expect(output).not.toContain("s3cr3t");
    expect(requestsOf(server)).toEqual([]);
  });

  test("accepts unknown outputs of resources that do not exist yet", async () => {
    await project.write(`
      const stage = new authentik.InvitationStage("stage");
      const unknown = stage.pk;
      new authentik.Invitation("all", { name: unknown, expires: unknown, validFor: unknown, singleUse: unknown, flow: unknown,
        fixedData: { a: unknown, [1]: [unknown] } });
      new authentik.Invitation("whole", { validFor: "1d", fixedData: unknown.apply(() => ({})), expires: unknown.apply(() => undefined) });
    `);
    const { code, output } = await project.preview();
    expect([code, output]).toEqual([0, expect.stringContaining("+ 4 to create")]);
  });

  test("reports missing settings on the first request, with instructions and without stack traces", async () => {
    const unconfigured = await Project.create(`new authentik.InvitationStage("stage");`);
    try {
      expect((await unconfigured.preview()).code).toBe(0);
      const { code, output } = await unconfigured.pulumi("up", "--yes", "--skip-preview", "--suppress-progress");
      expect(code).toBe(1);
      expect(output).toContain(
        "error: authentik's URL is not set. Set it with `pulumi config set authentik:url https://authentik.example.com` or in AUTHENTIK_URL.\n",
      );
    } finally {
      await unconfigured.remove();
    }
  });

  test("names file and line of an entry from a CSV file, once each, and keeps them out of the state", async () => {
    const rows = ["email,until", "ada@example.com,2035-01-01T00:00:00Z"];
    const write = async (...more: string[]) =>
      await writeFile(join(project.folder, "people.csv"), [...rows, ...more].join("\n"));
    await project.write(`const invitations = { extra: { validFor: "s3cr3t" },
        ...authentik.invitationsFromCsv("people.csv", { key: "email", expires: "until", fixedData: () => ({ n: NaN }) }) };
      new authentik.InvitationBatch("intake", { invitations });`);
    await write("grace@example.com,2020-01-01T00:00:00Z");
    const { output } = await project.preview();
    const [, diagnostics = ""] = output.split("Diagnostics:");
    const errors = [...diagnostics.matchAll(/has a problem: (.*)/g)].map(([, error]) => error);
    expect(errors.sort()).toEqual([
      "invitations.extra.validFor: must be a number and a unit, for example 14d, 36h or 90m (minutes)",
      'people.csv:2: invitations["ada@example.com"].fixedData.n: must be a finite number',
      'people.csv:3: invitations["grace@example.com"].expires: is in the past',
      'people.csv:3: invitations["grace@example.com"].fixedData.n: must be a finite number',
    ]);
    await project.write(`new authentik.InvitationBatch("intake", {
      invitations: authentik.invitationsFromCsv("people.csv", { key: "email", expires: "until" }) });`);
    await write();
    await project.up();
    expect(await project.stateText()).not.toMatch(/people\.csv/);
    // A row that moves is no change.
    rows.splice(1, 0, "");
    await write();
    await project.expectNoChanges();
    await project.destroy();
  });
});
