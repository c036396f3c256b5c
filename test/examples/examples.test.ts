import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Project } from "../engine/project";
import { invitations } from "../engine/server";
import { Authentik } from "../sandbox";
import { copyExample, examples, typeErrors } from "./example";

jest.setTimeout(240_000);

let server: Authentik;
let project: Project | undefined;

beforeEach(async () => {
  server = await Authentik.start();
});

afterEach(async () => {
  await project?.remove();
  project = undefined;
  await server.close();
});

async function rows(path: string, from: Authentik = server): Promise<Record<string, unknown>[]> {
  const { body } = await from.request("GET", `/api/v3/${path}`);
  return (body as { results: Record<string, unknown>[] }).results;
}

/** The example's stack is made, is as the code says, and leaves nothing behind when it is destroyed. */
async function live(made: Project, meanwhile: (outputs: Record<string, unknown>) => Promise<void>): Promise<void> {
  await made.up();
  const clean = await made.preview("--refresh", "--expect-no-changes");
  expect([clean.code, clean.output]).toEqual([0, expect.stringContaining("unchanged")]);
  await meanwhile(await made.outputs());
  await made.destroy();
  expect(await invitations(server)).toEqual([]);
}

test("all examples type-check", async () => {
  const names = await readdir(examples, { recursive: true });
  const programs = names.filter((name) => name.endsWith(".ts"));
  expect(programs.length).toBeGreaterThan(6);
  expect(typeErrors(programs.map((name) => join(examples, name)))).toEqual([]);
});

test("invitation-enrollment makes what the blueprint has", async () => {
  const followUps = ["default-source-enrollment-prompt", "default-source-enrollment-write"];
  project = await copyExample("invitation-enrollment", {
    authentik: server,
    config: { "test:followUps": JSON.stringify({ internal: followUps }) },
  });
  await live(project, async (outputs) => {
    const slugs = ["external", "internal", "internal-engineering"].map((kind) => `invitation-enrollment-flow-${kind}`);
    const flows = new Map((await rows("flows/instances/")).map((flow) => [flow["slug"], flow]));
    expect(slugs.map((slug) => flows.get(slug)?.["title"])).toEqual([
      "Welcome! Complete your enrollment",
      "Welcome! Complete your enrollment",
      "Welcome to the Engineering Team!",
    ]);
    const stages = await rows("stages/invitation/stages/");
    for (const slug of slugs) {
      const flow = flows.get(slug);
      expect(flow).toMatchObject({ designation: "enrollment", authentication: "require_unauthenticated" });
      const stage = stages.find(({ name }) => name === slug.replace("-flow-", "-invitation-"));
      expect(stage).toMatchObject({ continue_flow_without_invitation: false });
      const [binding, ...others] = await rows(`flows/bindings/?target=${String(flow?.["pk"])}&ordering=order`);
      expect(binding).toMatchObject({
        order: 5,
        evaluate_on_plan: true,
        re_evaluate_policies: true,
        stage: stage?.["pk"],
      });
      const expected = slug.endsWith("-internal") ? followUps.map((name, index) => [10 + index * 5, name]) : [];
      expect(others.map(({ order, stage_obj }) => [order, (stage_obj as { name: string }).name])).toEqual(expected);
    }
    const made = await invitations(server);
    const [external, internal, engineering] = slugs.map((slug) => flows.get(slug)?.["pk"]);
    const expires = "2028-12-31T23:59:59Z";
    const attributes = { department: "Engineering" };
    expect(Object.fromEntries(made.map(({ name, ...invitation }) => [name, invitation]))).toMatchObject({
      "example-external-basic-invitation": {
        flow: external,
        single_use: false,
        expires: "9999-12-31T23:59:59Z",
        fixed_data: {},
      },
      "example-external-prefilled-email-invitation": {
        flow: external,
        single_use: true,
        expires,
        fixed_data: { email: "external@example.com" },
      },
      "example-internal-prefilled-invitation": {
        flow: internal,
        single_use: true,
        expires,
        fixed_data: { name: "Jane Smith", email: "jane.smith@company.com" },
      },
      "example-internal-department-invitation": {
        flow: internal,
        single_use: false,
        expires,
        fixed_data: { attributes: { ...attributes, team: "Backend" } },
      },
      "example-engineering-team-invitation": {
        flow: engineering,
        single_use: false,
        expires,
        fixed_data: { attributes },
      },
    });
    const slugOf = new Map(slugs.map((slug) => [flows.get(slug)?.["pk"], slug]));
    expect(outputs).toEqual({
      links: Object.fromEntries(
        made.map(({ name, pk, flow }) => [name, `${server.url}/if/flow/${slugOf.get(flow)}/?itoken=${pk}`]),
      ),
    });
  });
  expect(await rows("stages/invitation/stages/")).toEqual([]);
});

describe("team-onboarding", () => {
  test("a person more in the file is one invitation more in the preview", async () => {
    project = await copyExample("team-onboarding", { authentik: server });
    const made = project;
    await live(made, async (outputs) => {
      expect(Object.keys(outputs["links"] as object)).toEqual([
        "ada@example.com",
        "grace@example.com",
        "linus@example.com",
      ]);
      expect((await invitations(server)).map(({ name }) => name)).toEqual([
        "ada-example-com",
        "grace-example-com",
        "linus-example-com",
      ]);
      const file = join(made.folder, "people.yaml");
      const people = await readFile(file, "utf8");
      const joan = "- email: joan@example.com\n  name: Joan Clarke\n  team: compilers\n";
      // In the middle: the order of the file does not matter.
      await writeFile(file, people.replace("- email: grace", `${joan}- email: grace`));
      const { code, output } = await made.preview();
      expect([code, output]).toEqual([0, expect.stringMatching(/joan@example\.com\s+create/)]);
      expect(output).toMatch(/\+ 1 to create\n\s+1\d unchanged/);
    });
  });

  test("what is wrong in the file is told by its line, all at once, and nothing is made", async () => {
    project = await copyExample("team-onboarding", { authentik: server });
    await writeFile(
      join(project.folder, "people.yaml"),
      `# line 1
- email: ada@example.com
  name: Ada
  team: backend
- email: not an address
  name: Bob
  team: backstage
  until: 2030-02-31
- name: Nobody
  team: backend
- email: ADA@example.com
  name: Ada again
  team: backend
  role: lead
- just a text
- email: 5
  name: Five
  team: backend
- email: ADA@example.com
  name: Ada for the third time
  team: frontend
`,
    );
    const { code, output } = await project.preview();
    expect(code).not.toBe(0);
    // Before that the first line stands beside the stack, too.
    const diagnostics = output.slice(output.indexOf("Diagnostics:"));
    expect(diagnostics).toContain("error: people.yaml, line 5: ");
    const told = [...diagnostics.matchAll(/people\.yaml, line (\d+): (.*)/g)].map(
      ([, line, fault]) => `${line}: ${fault}`,
    );
    expect(told).toEqual([
      "5: email is no address",
      "7: team is none of backend, frontend, compilers",
      "8: until is no day such as 2030-06-30",
      "9: email is missing",
      '14: "role" is none of email, name, team, until',
      "15: is no person with email, name and team",
      "16: email is no text",
      "19: the same email stands in line 2",
    ]);
    expect(output).not.toMatch(/\n\s+at .*\(/);
    expect(server.requests.filter(({ method }) => method !== "GET")).toEqual([]);
    await writeFile(join(project.folder, "people.yaml"), "- email: ada@example.com\n  name: [Ada\n");
    expect((await project.preview()).output).toMatch(/people\.yaml, line \d+: is no YAML/);
  });
});

test("links hands a link on, which stays a secret", async () => {
  // With the types checked as Pulumi does it: by the example's own tsconfig.json.
  project = await copyExample("links", { authentik: server, env: { PULUMI_NODEJS_TRANSPILE_ONLY: "false" } });
  const made = project;
  await live(made, async (outputs) => {
    expect(outputs).toEqual({ sentTo: "jane@example.com", staysSecret: true });
    const [jane] = await invitations(server);
    const state = await made.stateText();
    expect(state).toContain("jane@example.com");
    expect(state).not.toContain(jane?.pk);
    expect((await made.succeed("stack", "export", "--show-secrets")).includes(`itoken=${jane?.pk}`)).toBe(true);
  });
});

test("two-servers makes the same on two servers, of two versions", async () => {
  const staging = await Authentik.start({ version: "2024.8" });
  try {
    project = await copyExample("two-servers", {
      authentik: server,
      config: { "authentik-staging:url": staging.url, "authentik-staging:token": { secret: staging.token } },
    });
    await live(project, async (outputs) => {
      const [production] = await invitations(server);
      const [trial] = await invitations(staging);
      expect(production).toMatchObject({ name: "partners", expires: "2030-12-31T23:59:59Z" });
      expect(outputs).toEqual({
        links: {
          production: `${server.url}/if/flow/partner-enrollment/?itoken=${production?.pk}`,
          staging: `${staging.url}/if/flow/partner-enrollment/?itoken=${trial?.pk}`,
        },
      });
    });
    expect(await invitations(staging)).toEqual([]);
  } finally {
    await staging.close();
  }
});
