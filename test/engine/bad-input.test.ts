import { Authentik } from "../sandbox";
import { Project } from "./project";
import { requestsOf } from "./server";

jest.setTimeout(120_000);

describe("what is wrong in a program", () => {
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

  // The engine ends a run at the first resource that has faults, so that each case is a run of its own.
  test.each([
    [
      "many at once",
      `new authentik.Invitation("x", { name: "two words", expires: "next-week-s3cr3t", singleUse: "s3cr3t", flow: "",
         fixedData: pulumi.secret({ a: { "b c": 1e300, n: "s3cr3t\\0" }, list: [9007199254740993] }) });`,
      [
        "name: must hold only the letters a-z and A-Z, digits, _ and -, without blanks, for authentik takes no others (it is the resource's name unless it is set)",
        "expires: must be an RFC 3339 instant with its zone, such as 2027-01-31T23:59:59Z",
        "singleUse: must be true or false",
        "flow: must not be empty; leave it out for an invitation to any flow",
        'fixedData.a["b c"]: is an integer beyond ±9007199254740991 (2^53 - 1): Pulumi\'s numbers cannot hold it exactly, and authentik cannot read back integers beyond 64 bits; give it as a string',
        "fixedData.a.n: holds a NUL character, which authentik cannot store",
        "fixedData.list[0]: is an integer beyond ±9007199254740991 (2^53 - 1): Pulumi's numbers cannot hold it exactly, and authentik cannot read back integers beyond 64 bits; give it as a string",
      ],
    ],
    [
      "misspelt names",
      `new authentik.Invitation("x", { valid_for: "s3cr3t", singelUse: true, fixeddata: { a: "s3cr3t" }, validFor: "14d", pk: "s3cr3t" });`,
      [
        "valid_for: no such property; did you mean validFor?",
        "singelUse: no such property; did you mean singleUse?",
        "fixeddata: no such property; did you mean fixedData?",
        "pk: no such property; the properties are name, expires, validFor, fixedData, singleUse, flow, onRetired, keepers, connection",
      ],
    ],
    [
      "an expiry that is missing, and a name that is none",
      `new authentik.Invitation("resource.with.dots", { fixedData: ["s3cr3t"] });`,
      [
        "name: must hold only the letters a-z and A-Z, digits, _ and -, without blanks, for authentik takes no others (it is the resource's name unless it is set)",
        "fixedData: must be an object",
        "expires: give it (such as 2027-01-31T23:59:59Z) or validFor (such as 14d): without either authentik would let the invitation die within half an hour",
      ],
    ],
    [
      "an expiry in the past",
      `new authentik.Invitation("x", { expires: "2001-02-03T04:05:06Z" });`,
      ["expires: lies in the past, so that the invitation would be dead from the start"],
    ],
    [
      "data that is nested too deep",
      `let deep = {}; for (let i = 0; i < 250; i++) deep = { a: deep };
       new authentik.Invitation("x", { validFor: "14d", fixedData: deep });`,
      ["fixedData.a.a.a: is nested more than 200 levels deep: authentik could not read it back"],
    ],
    [
      "a stage's",
      `new authentik.InvitationStage("x", { name: "  ", continueFlowWithoutInvitation: "s3cr3t", continue_flow: true });`,
      [
        "name: must not be empty",
        "continueFlowWithoutInvitation: must be true or false",
        "continue_flow: no such property; the properties are name, continueFlowWithoutInvitation, connection",
      ],
    ],
  ])("is refused at preview by path, without a request, a stack or a value: %s", async (_, program, expected) => {
    await project.write(program);
    const { code, output } = await project.preview();
    expect(code).toBe(1);
    const problems = output.split("\n").flatMap((line) => / has a problem: (.*)$/.exec(line)?.[1] ?? []);
    expect(new Set(problems)).toEqual(new Set(expected));
    expect(output).not.toContain("s3cr3t");
    expect(output).not.toMatch(/\n\s+at .*\(/);
    expect(requestsOf(server)).toEqual([]);
  });

  test("is not the unknown output of a resource that is still to be made", async () => {
    await project.write(`
      const stage = new authentik.InvitationStage("stage");
      const unknown = stage.pk;
      new authentik.Invitation("all", { name: unknown, expires: unknown, validFor: unknown, singleUse: unknown, flow: unknown,
        fixedData: { a: unknown, [1]: [unknown] } });
      new authentik.Invitation("whole", { validFor: "1d", fixedData: stage.flowSet.apply(() => ({})), expires: stage.flowSet.apply(() => undefined) });
    `);
    const { code, output } = await project.preview();
    expect([code, output]).toEqual([0, expect.stringContaining("+ 4 to create")]);
  });

  test("in the settings is told in one sentence that says how to set them, at the first request", async () => {
    const bare = await Project.create(`new authentik.InvitationStage("stage");`);
    try {
      expect((await bare.preview()).code).toBe(0);
      const first = await bare.pulumi("up", "--yes", "--skip-preview", "--suppress-progress");
      expect(first.output).toContain(
        "error: authentik's address is not set: set it with `pulumi config set authentik:url https://authentik.example.com` or in AUTHENTIK_URL.\n",
      );
      await bare.succeed("config", "set", "authentik:url", "authentik.example.com");
      const second = await bare.pulumi("up", "--yes", "--skip-preview", "--suppress-progress");
      expect(second.output).toContain(
        "error: authentik:url is no URL: it must look like https://authentik.example.com.\n",
      );
      await bare.succeed("config", "set", "authentik:url", server.url);
      const third = await bare.pulumi("up", "--yes", "--skip-preview", "--suppress-progress");
      expect(third.output).toContain(
        "error: authentik's API token is not set: set it with `pulumi config set --secret authentik:token …` or in AUTHENTIK_TOKEN.\n",
      );
      for (const { code, output } of [first, second, third]) {
        expect(code).toBe(1);
        expect(output).not.toMatch(/\n\s+at .*\(/);
      }
    } finally {
      await bare.remove();
    }
  });
});
