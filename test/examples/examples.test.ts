import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { preProcessFile } from "typescript";
import { Authentik } from "../../sandbox";
import { Project, type ProjectOptions, packageRoot } from "../engine/project";
import { invitations, invitationsPath, requestsOf } from "../engine/server";
import { examples, listExamples, readManifest, readTemplate, typeErrors, useTemplate } from "./example";
import { environmentOf, runCommand, runShell } from "./export-command";
import { createStaffFlow } from "./staff-flow";

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

/** Creates a project from an example. `test/package` tests the installation of the packages that it imports. */
async function createProject(example: string, options: ProjectOptions = {}): Promise<Project> {
  project = await Project.create("", { authentik: server, ...options });
  await rm(join(project.folder, "index.js"));
  const modules = join(project.folder, "node_modules");
  await rm(modules, { recursive: true });
  await useTemplate(project, example);
  await symlink(join(packageRoot, "node_modules"), modules, "junction");
  return project;
}

async function list(path: string, from: Authentik = server): Promise<Record<string, unknown>[]> {
  const { body } = await from.request("GET", `/api/v3/${path}`);
  return (body as { results: Record<string, unknown>[] }).results;
}

/** Creates the stack, and returns its outputs. With `preview`, for a program that computes with outputs, which are unknown at a preview. */
async function create(stack: Project, { preview = false } = {}): Promise<Record<string, unknown>> {
  const up = await stack.succeed("up", "--yes", "--suppress-progress", ...(preview ? [] : ["--skip-preview"]));
  expect(up).toMatch(/^Updating.*\+ \d+ created/ms);
  if (preview) expect(up).toMatch(/^Previewing update.*\+ \d+ to create/ms);
  return await stack.outputs();
}

async function expectNoChanges(stack: Project): Promise<void> {
  await stack.expectNoChanges("--refresh");
}

test("all examples type-check", async () => {
  const names = await readdir(examples, { recursive: true });
  const programs = names.filter((name) => name.endsWith(".ts"));
  expect(programs.length).toBeGreaterThan(6);
  expect(typeErrors(programs.map((name) => join(examples, name)))).toEqual([]);
});

describe("as a template", () => {
  test("each example declares the packages that it imports, in this repository's versions", async () => {
    const { version, dependencies, devDependencies } = await readManifest(packageRoot);
    const ranges: Record<string, string> = {
      ...dependencies,
      ...devDependencies,
      "pulumi-authentik-invitations": `^${version}`,
    };
    const rangesOf = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, ranges[name]]));
    for (const example of await listExamples()) {
      const folder = join(examples, example);
      const sources = (await readdir(folder)).filter((name) => name.endsWith(".ts"));
      const imports = await Promise.all(
        sources.map(async (name) => preProcessFile(await readFile(join(folder, name), "utf8")).importedFiles),
      );
      const packages = imports.flat().filter(({ fileName }) => !/^(\.|node:)/.test(fileName));
      const manifest = await readManifest(folder);
      expect([example, manifest.dependencies]).toEqual([
        example,
        // Pulumi's language host always needs its SDK.
        rangesOf(["@pulumi/pulumi", ...packages.map(({ fileName }) => fileName)]),
      ]);
      expect([example, manifest.devDependencies]).toEqual([example, rangesOf(["@types/node", "typescript"])]);
    }
  });

  test("each example asks for the URL and the token of its servers, and encrypts the token", async () => {
    for (const example of await listExamples()) {
      const template = await readTemplate(example);
      expect([example, template.description]).toEqual([example, expect.stringMatching(/authentik/)]);
      const withEmail = ["team-onboarding", "csv-intake"].includes(example);
      const namespaces = example === "two-servers" ? ["authentik", "authentik-staging"] : ["authentik"];
      expect([example, template.config]).toEqual([
        example,
        Object.fromEntries([
          ...namespaces.flatMap((namespace) => [
            [`${namespace}:url`, { description: expect.stringContaining("https://") }] as const,
            [`${namespace}:token`, { description: expect.stringContaining("API token"), secret: true }] as const,
          ]),
          ...(withEmail ? [["sendEmail", { description: expect.stringContaining("2026.5"), default: false }]] : []),
        ]),
      ]);
    }
  });

  test("every example is run by a test in this file", async () => {
    const tests = await readFile(__filename, "utf8");
    const names = await listExamples();
    expect(names.length).toBeGreaterThan(5);
    expect(names.filter((name) => !tests.includes(`createProject("${name}"`))).toEqual([]);
  });
});

// The demo compares and destroys it.
test("quick-start creates an enrollment flow and three invitations", async () => {
  const stack = await createProject("quick-start");
  const outputs = await create(stack);
  const [guest, lead, team] = await invitations(server);
  expect([guest, lead, team]).toMatchObject([
    { name: "quick-start-guest", single_use: true, expires: team?.expires },
    { name: "quick-start-lead", single_use: true, fixed_data: { email: "lead@example.com" } },
    { name: "quick-start-team", single_use: false, expires: "2030-12-31T23:59:59Z" },
  ]);
  const [flow] = await list("flows/instances/?slug=quick-start");
  expect(flow).toMatchObject({ title: "Welcome", designation: "enrollment" });
  expect([guest?.flow, lead?.flow, team?.flow]).toEqual([flow?.["pk"], flow?.["pk"], flow?.["pk"]]);
  const [stage] = await list("stages/invitation/stages/");
  expect(stage).toMatchObject({ name: "quick-start-invitation" });
  const bindings = await list(`flows/bindings/?target=${String(flow?.["pk"])}&ordering=order`);
  expect(bindings).toHaveLength(5);
  expect(bindings[0]).toMatchObject({ order: 0, stage: stage?.["pk"] });
  const linkOf = (pk?: string) => `${server.url}/if/flow/quick-start/?itoken=${pk}`;
  expect(outputs).toEqual({ links: { lead: linkOf(lead?.pk), team: linkOf(team?.pk), guest: linkOf(guest?.pk) } });
});

test("import is the output of export, and imports the flow without changing it", async () => {
  await createStaffFlow(server);
  const stack = await createProject("import");
  const runExport = async (...options: string[]): Promise<string> =>
    (await runCommand(["export", "--flow", "staff-enrollment", ...options], environmentOf(server))).stdout;
  const program = await runExport();
  const example = await readFile(join(stack.folder, "index.ts"), "utf8");
  const pks = /"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"/g;
  const written = program.replaceAll(server.url, "https://authentik.example.com");
  expect(written.replaceAll(pks, '"pk"')).toBe(example.replaceAll(pks, '"pk"'));
  expect(example.match(pks)).toHaveLength(7);

  await writeFile(join(stack.folder, "index.ts"), program);
  await runShell(stack, await runExport("--commands"));
  await server.request("DELETE", `/api/v3/stages/invitation/invitations/${await pkOf("summer-2020")}/`);
  await create(stack);
  expect(requestsOf(server).filter((request) => !request.startsWith("GET"))).toEqual([]);
  expect((await invitations(server)).map(({ name }) => name)).toEqual(["contractors", "contractors", "jane"]);
  await expectNoChanges(stack);
});

async function pkOf(name: string): Promise<string | undefined> {
  return (await invitations(server)).find((invitation) => invitation.name === name)?.pk;
}

test("invitation-enrollment creates what the blueprint creates", async () => {
  const followUps = ["default-source-enrollment-prompt", "default-source-enrollment-write"];
  const stack = await createProject("invitation-enrollment", {
    config: { "test:followUps": JSON.stringify({ internal: followUps }) },
  });
  const outputs = await create(stack, { preview: true });
  const slugs = ["external", "internal", "internal-engineering"].map((kind) => `invitation-enrollment-flow-${kind}`);
  const flows = new Map((await list("flows/instances/")).map((flow) => [flow["slug"], flow]));
  expect(slugs.map((slug) => flows.get(slug)?.["title"])).toEqual([
    "Welcome! Complete your enrollment",
    "Welcome! Complete your enrollment",
    "Welcome to the Engineering Team!",
  ]);
  const stages = await list("stages/invitation/stages/");
  for (const slug of slugs) {
    const flow = flows.get(slug);
    expect(flow).toMatchObject({ designation: "enrollment", authentication: "require_unauthenticated" });
    const stage = stages.find(({ name }) => name === slug.replace("-flow-", "-invitation-"));
    expect(stage).toMatchObject({ continue_flow_without_invitation: false });
    const [binding, ...others] = await list(`flows/bindings/?target=${String(flow?.["pk"])}&ordering=order`);
    expect(binding).toMatchObject({
      order: 5,
      evaluate_on_plan: true,
      re_evaluate_policies: true,
      stage: stage?.["pk"],
    });
    const expected = slug.endsWith("-internal") ? followUps.map((name, index) => [10 + index * 5, name]) : [];
    expect(others.map(({ order, stage_obj }) => [order, (stage_obj as { name: string }).name])).toEqual(expected);
  }
  const created = await invitations(server);
  const [external, internal, engineering] = slugs.map((slug) => flows.get(slug)?.["pk"]);
  const expires = "2028-12-31T23:59:59Z";
  const attributes = { department: "Engineering" };
  expect(Object.fromEntries(created.map(({ name, ...invitation }) => [name, invitation]))).toMatchObject({
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
  const slugByFlow = new Map(slugs.map((slug) => [flows.get(slug)?.["pk"], slug]));
  expect(outputs).toEqual({
    links: Object.fromEntries(
      created.map(({ name, pk, flow }) => [name, `${server.url}/if/flow/${slugByFlow.get(flow)}/?itoken=${pk}`]),
    ),
  });
  await expectNoChanges(stack);
  await stack.destroy();
  expect(await invitations(server)).toEqual([]);
  expect(await list("stages/invitation/stages/")).toEqual([]);
});

/** Each person is emailed their link once, after `sendEmail` is set. */
async function expectEmailsWithSetting(stack: Project, people: number): Promise<void> {
  expect(server.outbox).toEqual([]);
  await stack.succeed("config", "set", "sendEmail", "true");
  await stack.up();
  const { links } = (await stack.outputs()) as { links: Record<string, string> };
  expect(Object.fromEntries(server.outbox.map(({ to, link }) => [to, link]))).toEqual(links);
  expect(server.outbox).toHaveLength(people);
}

describe("team-onboarding", () => {
  test("previews one invitation for a person added to the file", async () => {
    const stack = await createProject("team-onboarding");
    const outputs = await create(stack);
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
    const file = join(stack.folder, "people.yaml");
    const people = await readFile(file, "utf8");
    const joan = "- email: joan@example.com\n  name: Joan Clarke\n  team: compilers\n";
    // In the middle, because the order in the file must not matter.
    await writeFile(file, people.replace("- email: grace", `${joan}- email: grace`));
    const { code, output } = await stack.preview("--refresh");
    expect([code, output]).toEqual([0, expect.stringMatching(/joan@example\.com\s+create/)]);
    expect(output).toMatch(/\+ 1 to create\n\s+1\d unchanged/);

    await expectEmailsWithSetting(stack, 4);
  });

  test("reports all errors in the file at once, with line numbers, and creates nothing", async () => {
    // With Pulumi's own type check, which uses the example's tsconfig.json and its TypeScript, and precedes the program.
    const stack = await createProject("team-onboarding", { env: { PULUMI_NODEJS_TRANSPILE_ONLY: "false" } });
    await writeFile(
      join(stack.folder, "people.yaml"),
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
- just a string
- email: 5
  name: Five
  team: backend
- email: ADA@example.com
  name: Ada for the third time
  team: frontend
`,
    );
    const { code, output } = await stack.preview();
    expect(code).not.toBe(0);
    // Before the diagnostics, Pulumi prints the first line next to the stack's name.
    const diagnostics = output.slice(output.indexOf("Diagnostics:"));
    expect(diagnostics).toContain("error: people.yaml:5: ");
    const reported = [...diagnostics.matchAll(/people\.yaml:(\d+): (.*)/g)].map(
      ([, line, message]) => `${line}: ${message}`,
    );
    expect(reported).toEqual([
      "5: email must be an email address",
      "7: team must be one of backend, frontend, compilers",
      "8: until must be a date such as 2030-06-30",
      "9: email is required",
      '14: unknown key "role" (must be one of email, name, team, until)',
      "15: must be an object with email, name, team",
      "16: email must be a non-empty string",
      "19: email is the same as in line 2",
    ]);
    expect(server.requests.filter(({ method }) => method !== "GET")).toEqual([]);
  });

  test("reports invalid YAML with the line number", async () => {
    const { readPeople } = require(join(examples, "team-onboarding", "people")) as {
      readPeople(path: string): unknown;
    };
    const folder = await mkdtemp(join(tmpdir(), "authentik-invitations-people-"));
    try {
      const file = join(folder, "people.yaml");
      await writeFile(file, "- email: ada@example.com\n  name: [Ada\n");
      expect(() => readPeople(file)).toThrow("people.yaml:3: is not valid YAML (bad indent)");
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe("csv-intake", () => {
  test("invites 200 people and those of a German export, previews only the line that was added, and sends one request for it", async () => {
    const stack = await createProject("csv-intake");
    const outputs = await create(stack);
    const all = await invitations(server);
    const created = all.filter(({ name }) => name.startsWith("intake-2027-"));
    expect(created).toHaveLength(200);
    expect(new Set(created.map(({ name }) => name)).size).toBe(200);
    expect(created.find(({ fixed_data }) => fixed_data["email"] === "misaki.sato@example.com")).toMatchObject({
      single_use: true,
      name: expect.stringMatching(/^intake-2027-misaki-sato-example-com-[0-9a-f]{6}$/),
      fixed_data: { name: "美咲 佐藤", attributes: { cohort: "2027", team: expect.any(String) } },
    });
    const linkOf = (pk: string) => `${server.url}/if/flow/intake-enrollment/?itoken=${pk}`;
    const training = all.filter((invitation) => !created.includes(invitation));
    const toLinks = (list: typeof all) =>
      Object.fromEntries(list.map(({ pk, fixed_data }) => [fixed_data["email"], linkOf(pk)]));
    expect(outputs).toEqual({ links: toLinks(created), trainingLinks: toLinks(training) });
    expect(
      training.map(({ expires, fixed_data }) => [fixed_data["name"], new Date(String(expires)).toISOString()]).sort(),
    ).toEqual([
      ["Bärbel Luk – Sørensen", "2036-01-10T23:59:59.000Z"],
      ["Jörg Müller", "2035-12-31T23:59:59.000Z"],
      ["Zoë Weiß", "2036-03-04T23:59:59.000Z"],
    ]);

    const file = join(stack.folder, "people.csv");
    const [header, ...people] = (await readFile(file, "utf8")).split("\n");
    // First, because the order in the file must not matter.
    await writeFile(file, [header, 'joan@example.com,"Clarke, Joan",research,', ...people].join("\n"));
    const { code, output } = await stack.preview("--refresh", "--diff");
    expect([code, output]).toEqual([0, expect.stringContaining("+ joan@example.com")]);
    expect(output.match(/[\w.]+@example\.com/g)?.filter((email) => email !== "joan@example.com")).toEqual([]);
    const before = server.requests.length;
    await expectEmailsWithSetting(stack, 201);
    const sent = server.requests.slice(before).filter(({ path }) => path.startsWith(invitationsPath));
    expect(
      sent.filter(({ path }) => !path.endsWith("/send_email/")).map(({ method, path }) => `${method} ${path}`),
    ).toEqual([`POST ${invitationsPath}`]);
  });
});

test("links passes a link on, which stays a secret", async () => {
  const stack = await createProject("links");
  const outputs = await create(stack, { preview: true });
  expect(outputs).toEqual({ sentTo: "jane@example.com", staysSecret: true });
  const [jane] = await invitations(server);
  const state = await stack.stateText();
  expect(state).toContain("jane@example.com");
  expect((await stack.succeed("stack", "export", "--show-secrets")).includes(`itoken=${jane?.pk}`)).toBe(true);
  await expectNoChanges(stack);
});

test("two-servers creates the same invitation on two servers of different versions", async () => {
  const staging = await Authentik.start({ version: "2024.8" });
  try {
    const stack = await createProject("two-servers", {
      config: { "authentik-staging:url": staging.url, "authentik-staging:token": { secret: staging.token } },
    });
    const outputs = await create(stack);
    const [production] = await invitations(server);
    const [trial] = await invitations(staging);
    expect(production).toMatchObject({ name: "partners", expires: "2030-12-31T23:59:59Z" });
    expect(outputs).toEqual({
      links: {
        production: `${server.url}/if/flow/partner-enrollment/?itoken=${production?.pk}`,
        staging: `${staging.url}/if/flow/partner-enrollment/?itoken=${trial?.pk}`,
      },
    });
    await expectNoChanges(stack);
  } finally {
    await staging.close();
  }
});
