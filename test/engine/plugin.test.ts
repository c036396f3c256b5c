/** The plugin, driven by YAML programs. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { invitationId } from "../../provider/common/pk";
import { Authentik } from "../../sandbox";
import { canary } from "../secrecy/canary";
import { Project, packageRoot } from "./project";
import { invitations, requestsOf } from "./server";

jest.setTimeout(120_000);

let server: Authentik;
let project: Project;

beforeEach(async () => {
  server = await Authentik.start();
  project = await Project.create("", { authentik: server, plugin: true });
});
afterEach(async () => {
  await project.remove();
  await server.close();
});

const code = canary();
const pin = canary();

function program({ team = "backend", extra = "" } = {}): string {
  return `
resources:
  flow:
    type: authentik-invitations:Flow
    properties: { slug: staff-enrollment, title: Welcome, designation: enrollment }
  stage:
    type: authentik-invitations:InvitationStage
  binding:
    type: authentik-invitations:FlowStageBinding
    properties: { target: "\${flow.id}", stage: "\${stage.id}", order: 0 }
  jane:
    type: authentik-invitations:Invitation
    properties:
      flow: \${flow.slug}
      validFor: 14d
      singleUse: true
      fixedData: { email: jane@example.com, code: { fn::secret: ${code} }, attributes: { "home team": ${team} } }
  intake:
    type: authentik-invitations:InvitationBatch
    properties:
      flow: \${flow.slug}
      validFor: 14d
      invitations:
        ada@example.com: { fixedData: { team: ${team} } }
        grace@example.com: { fixedData: { pin: { fn::secret: ${pin} } } }
${extra}
outputs:
  link: \${jane.link}
  links: \${intake.links}
  janeId: \${jane.id}
`;
}

describe("a YAML program", () => {
  test("creates, refreshes, changes and deletes every kind of resource", async () => {
    await project.writeYaml(program());
    await project.up();
    expect(requestsOf(server).filter((request) => request.startsWith("POST"))).toEqual([
      "POST /api/v3/flows/bindings/",
      "POST /api/v3/flows/instances/",
      "POST /api/v3/stages/invitation/invitations/",
      "POST /api/v3/stages/invitation/invitations/",
      "POST /api/v3/stages/invitation/invitations/",
      "POST /api/v3/stages/invitation/stages/",
    ]);
    const [intakeAda, , jane] = await invitations(server);
    expect(jane?.fixed_data).toEqual({ email: "jane@example.com", code, attributes: { "home team": "backend" } });
    const { link, links } = await project.outputs();
    expect(link).toBe(`${server.url}/if/flow/staff-enrollment/?itoken=${jane?.pk}`);
    expect(links).toMatchObject({
      "ada@example.com": `${server.url}/if/flow/staff-enrollment/?itoken=${intakeAda?.pk}`,
    });

    await project.expectNoChanges("--refresh");

    await project.writeYaml(program({ team: "frontend" }));
    requestsOf(server);
    const { output: preview } = await project.preview("--diff");
    expect(requestsOf(server)).toEqual([]);
    expect(preview).toContain('~ home team: "backend" => "frontend"');
    expect(preview).toMatch(/~ ada@example\.com: \{\s+~ fixedData: \{\s+~ team: "backend" => "frontend"/);
    // The paths are those of the changes, and nothing else is listed.
    expect(preview).not.toContain("grace@example.com");
    await project.up();
    expect(requestsOf(server)).toEqual([
      "PUT /api/v3/stages/invitation/invitations/{pk}/",
      "PUT /api/v3/stages/invitation/invitations/{pk}/",
    ]);
    await project.expectNoChanges("--refresh");

    await project.destroy();
    expect(await invitations(server)).toEqual([]);
    const { body } = await server.request("GET", "/api/v3/flows/instances/?slug=staff-enrollment");
    expect(body).toMatchObject({ results: [] });
  });

  test("shows drift by line, as a warning on the resource, and repairs it", async () => {
    await project.writeYaml(program());
    await project.up();
    const [, , jane] = await invitations(server);
    await server.request("PATCH", `/api/v3/stages/invitation/invitations/${jane?.pk}/`, {
      fixed_data: { ...jane?.fixed_data, attributes: { "home team": "sales" } },
    });
    const drifted = await project.preview("--refresh", "--expect-no-changes", "--diff");
    expect(drifted.code).not.toBe(0);
    expect(drifted.output).toMatch(/warning: Invitation "jane": fixedData changed outside Pulumi, last by akadmin/);
    await project.up("--refresh");
    const [, , repaired] = await invitations(server);
    expect(repaired?.fixed_data).toMatchObject({ attributes: { "home team": "backend" } });
  });

  test("holds the plan that a preview saved", async () => {
    await project.writeYaml(program());
    await project.succeed("preview", "--save-plan", "plan.json");
    await project.up("--plan", "plan.json");
    expect(await invitations(server)).toHaveLength(3);
  });

  test("fails at preview with all invalid inputs by path, and without values", async () => {
    await project.writeYaml(`
resources:
  jane:
    type: authentik-invitations:Invitation
    properties: { name: "not valid", validFor: soon, fixedData: { code: { fn::secret: ${code} } } }
`);
    const { code: exitCode, output } = await project.preview();
    expect(exitCode).not.toBe(0);
    expect(output).toContain("name: must contain only letters");
    expect(output).toContain("validFor: must be a number and a unit");
    expect(output).not.toContain(code);
    expect(requestsOf(server)).toEqual([]);

    await project.writeYaml(`
resources:
  jane:
    type: authentik-invitations:Invitation
    properties: { validFor: 14d, fixedData: { "__proto__": { admin: true } } }
`);
    expect((await project.preview()).output).toContain(
      'error: The key "__proto__" cannot be used, because Pulumi\'s protocol',
    );
  });
});

describe("the provider's configuration", () => {
  const invitation =
    "resources:\n  jane:\n    type: authentik-invitations:Invitation\n    properties: { validFor: 14d }\n";

  test("is validated at preview", async () => {
    await project.succeed("config", "rm", "authentik-invitations:token");
    await project.writeYaml(invitation);
    const { code: exitCode, output } = await project.preview();
    expect(exitCode).not.toBe(0);
    expect(output).toContain(
      "Set it with `pulumi config set --secret authentik-invitations:token …` or in AUTHENTIK_TOKEN.",
    );
  });

  test("with an invalid token fails with one error that says how to replace it", async () => {
    const names = ["ada", "grace", "joe"];
    const resources = names.map(
      (name) => `  ${name}:\n    type: authentik-invitations:Invitation\n    properties: { validFor: 14d }\n`,
    );
    await project.writeYaml(`resources:\n${resources.join("")}`);
    await project.succeed("config", "set", "--secret", "authentik-invitations:token", "wrong-t0ken");
    const { output } = await project.pulumi("up", "--yes", "--skip-preview", "--continue-on-error");
    const [, diagnostics = ""] = output.split("Diagnostics:");
    expect(diagnostics.match(/authentik rejected the token\. Create an API token/g)).toHaveLength(1);
    expect(diagnostics.match(/: authentik rejected the token\. Another error of this run says/g)).toHaveLength(2);
    expect(output).not.toContain("wrong-t0ken");
  });

  test("with http to another machine is a warning at preview", async () => {
    await project.writeYaml(invitation);
    await project.succeed("config", "set", "authentik-invitations:url", "http://authentik.example.com");
    const { code: exitCode, output } = await project.preview();
    expect(exitCode).toBe(0);
    expect(output).toContain("warning: authentik-invitations:url uses http to another machine (authentik.example.com)");
  });

  test("can be that of an explicit provider, whose token is secret", async () => {
    const other = await Authentik.start();
    try {
      await project.succeed("config", "set", "--secret", "otherToken", other.token);
      const program = (joe: string): string => `
config: { otherToken: { type: string, secret: true } }
resources:
  other:
    type: pulumi:providers:authentik-invitations
    properties: { url: "${other.url}", token: "\${otherToken}" }
  jane:
    type: authentik-invitations:Invitation
    properties: { validFor: 14d }
    options: { provider: "\${other}" }
  joe:
    type: authentik-invitations:Invitation
    properties: { validFor: 14d, flow: default-source-enrollment }
    options: { ${joe} }
`;
      await project.writeYaml(program(`provider: "\${other}"`));
      const { output } = await project.preview();
      expect(output).toMatch(
        /providers:authentik-invitations \(other\):\s+warning: the property url of provider "other" is http:\S+, so links to invitations/,
      );
      await project.up();
      expect(await invitations(other)).toHaveLength(2);
      expect(await invitations(server)).toEqual([]);
      // Without a replacement, joe would stay on the other server without an owner.
      await project.writeYaml(program(""));
      expect(await project.up()).toContain("+-1 replaced");
      expect(await invitations(other)).toMatchObject([{ name: "jane" }]);
      expect(await invitations(server)).toMatchObject([{ name: "joe" }]);
      // A URL that moves to the environment replaces nothing.
      Object.assign(project.env, { AUTHENTIK_URL: server.url });
      await project.succeed("config", "rm", "authentik-invitations:url");
      const moved = await project.preview();
      expect(moved.code).toBe(0);
      expect(moved.output).not.toContain("replace");
      await project.destroy();
      expect(await invitations(other)).toEqual([]);
    } finally {
      await other.close();
    }
  });
});

describe("what was done is in the state", () => {
  const keys = Array.from({ length: 120 }, (_, index) => `key${index}`);
  const batch = `resources:
  intake:
    type: authentik-invitations:InvitationBatch
    properties: { validFor: 14d, invitations: { ${keys.map((key) => `${key}: {}`).join(", ")} } }
`;

  async function idsInState(): Promise<unknown[]> {
    const resources = [...(await project.state()).values()];
    const ids = resources.find(({ type }) => type.endsWith(":InvitationBatch"))?.outputs["ids"] ?? {};
    return Object.values(ids).sort();
  }

  async function idsOnServer(): Promise<string[]> {
    return (await invitations(server)).map(({ pk }) => invitationId(pk)).sort();
  }

  test("after some entries of a batch failed, and the next up creates the missing ones", async () => {
    await project.writeYaml(batch);
    server.injectFailure({
      method: "POST",
      times: 2,
      status: 400,
      headers: { "Content-Type": "application/json" },
      body: "{}",
    });
    const { code: exitCode } = await project.pulumi("up", "--yes", "--skip-preview");
    expect([exitCode === 0, await idsInState()]).toEqual([false, await idsOnServer()]);
    expect(await idsInState()).toHaveLength(118);
    const before = await idsOnServer();
    await project.up();
    expect(await idsInState()).toEqual(await idsOnServer());
    expect(await idsOnServer()).toHaveLength(120);
    expect(await idsOnServer()).toEqual(expect.arrayContaining(before));
  });

  test("after Ctrl+C: what was sent is finished, and nothing else is sent", async () => {
    await project.writeYaml(batch);
    server.latency = 300;
    const { child, run } = project.start("up", "--yes", "--skip-preview");
    while (!server.requests.some(({ method }) => method === "POST")) await setTimeout(20);
    // Ctrl+C in a terminal reaches all processes.
    process.kill(-(child.pid ?? 0), "SIGINT");
    await run;
    expect((await idsOnServer()).length).toBeLessThan(keys.length);
    expect(await idsInState()).toEqual(await idsOnServer());
    expect(await project.stateText()).not.toContain("pending_operations");
    server.latency = 0;
    await project.up();
    expect(await idsInState()).toEqual(await idsOnServer());
    expect(await idsOnServer()).toHaveLength(120);
  });
});

test("changes of an invitation that has expired are ignored, with a warning on the resource", async () => {
  const jane = (inputs: string): string =>
    `resources:\n  jane:\n    type: authentik-invitations:Invitation\n    properties: { validFor: 1s, ${inputs} }\n`;
  await project.writeYaml(jane("singleUse: false"));
  await project.up();
  await setTimeout(1200);
  await project.writeYaml(jane("singleUse: true"));
  const { output } = await project.preview();
  expect(output).toMatch(
    /authentik-invitations:index:Invitation \(jane\):\s+warning: has expired, so changes to singleUse are ignored/,
  );
  expect(output).toContain("2 unchanged");
});

describe("InviteOnlyEnrollment", () => {
  const bindingsOf = async (authentik: Authentik, flow: unknown): Promise<unknown[]> => {
    const { body } = await authentik.request("GET", `/api/v3/flows/bindings/?target=${flow}&ordering=order`);
    return (body as { results: { order: number }[] }).results.map(({ order }) => order);
  };

  test("creates its resources, and passes an explicit provider and other options on", async () => {
    const other = await Authentik.start();
    try {
      await project.succeed("config", "set", "--secret", "otherToken", other.token);
      const enrollment = (title: string): string => `
config: { otherToken: { type: string, secret: true } }
resources:
  other:
    type: pulumi:providers:authentik-invitations
    properties: { url: "${other.url}", token: "\${otherToken}" }
  staff:
    type: authentik-invitations:InviteOnlyEnrollment
    properties: { slug: staff-enrollment, title: ${title} }
    options: { provider: "\${other}", protect: true }
  jane:
    type: authentik-invitations:Invitation
    properties: { flow: "\${staff.flow}", validFor: 14d }
    options: { provider: "\${other}" }
outputs: { slug: "\${staff.slug}", flow: "\${staff.flow}", stage: "\${staff.invitationStage}", link: "\${jane.link}" }
`;
      await project.writeYaml(enrollment("Welcome"));
      requestsOf(other);
      const preview = await project.preview();
      expect([preview.code, preview.output]).toEqual([0, expect.stringContaining("+ 11 to create")]);
      expect(requestsOf(other).every((request) => request.startsWith("GET"))).toBe(true);
      await project.up();
      const { slug, flow, stage, link } = await project.outputs();
      const [jane] = await invitations(other);
      expect(slug).toBe("staff-enrollment");
      expect(link).toBe(`${other.url}/if/flow/staff-enrollment/?itoken=${jane?.pk}`);
      expect(await bindingsOf(other, flow)).toEqual([0, 10, 20, 30, 40]);
      const state = await project.state();
      const names = [...state.keys()].filter((name) => name.startsWith("staff-"));
      expect(names.sort()).toEqual([
        "staff-default-password-change-prompt",
        "staff-default-source-enrollment-login",
        "staff-default-source-enrollment-prompt",
        "staff-default-source-enrollment-write",
        "staff-invitation",
      ]);
      for (const name of names) {
        expect(state.get(name)).toMatchObject({
          parent: expect.stringContaining("InviteOnlyEnrollment::staff"),
          protect: true,
        });
      }
      expect(state.get("staff-invitation")).toMatchObject({ inputs: { target: flow, stage } });
      expect(await invitations(server)).toEqual([]);
      expect(requestsOf(server)).toEqual([]);

      expect(await project.expectNoChanges("--refresh")).toContain("11 unchanged");
      await project.writeYaml(enrollment("Hello"));
      requestsOf(other);
      await project.up();
      expect(requestsOf(other).filter((request) => !request.startsWith("GET"))).toEqual([
        "PUT /api/v3/flows/instances/staff-enrollment/",
      ]);
      await project.succeed("state", "unprotect", "--all", "--yes");
      await project.destroy();
      expect(await invitations(other)).toEqual([]);
    } finally {
      await other.close();
    }
  });

  test("accepts outputs, resources and existing flows, and reports at preview what does not exist", async () => {
    await project.writeYaml(`
resources:
  consent: { type: "authentik-invitations:InvitationStage", properties: { name: second } }
  own: { type: "authentik-invitations:Flow", properties: { title: Own, designation: enrollment } }
  a:
    type: authentik-invitations:InviteOnlyEnrollment
    properties: { slug: { "fn::secret": "\${own.slug}-us" }, stages: ["\${consent}", "\${consent.id}", default-source-enrollment-login, default-source-enrollment-login] }
  b:
    type: authentik-invitations:InviteOnlyEnrollment
    properties: { flow: "\${own.id}", stages: [] }
  c:
    type: authentik-invitations:InviteOnlyEnrollment
    properties: { flow: default-source-enrollment, stages: [] }
  d:
    type: authentik-invitations:InviteOnlyEnrollment
    properties: { flow: "\${own.slug}", stages: [] }
outputs: { a: "\${a.slug}", b: "\${b.slug}", c: "\${c.slug}", d: "\${d.flow}" }
`);
    const preview = await project.preview();
    expect([preview.code, preview.output]).toEqual([0, expect.stringContaining("+ 20 to create")]);
    await project.up();
    const state = await project.state();
    const slugs = { a: "own-us", b: "own", c: "default-source-enrollment" };
    expect(await project.outputs()).toEqual({ ...slugs, d: state.get("own")?.id });
    // The preview knows these names, although it does not know the stage.
    const login = "a-default-source-enrollment-login";
    expect([...state.keys()]).toEqual(expect.arrayContaining(["a-10", "a-20", login, `${login}-40`]));
    expect(state.get("a-10")).toMatchObject({ propertyDependencies: { stage: [expect.stringMatching(/::consent$/)] } });
    expect(await project.stateText()).not.toContain("own-us");
    await project.expectNoChanges("--refresh");
    await project.destroy();

    const failing = (properties: string): string =>
      `resources: { x: { type: "authentik-invitations:InviteOnlyEnrollment", properties: ${properties} } }\n`;
    for (const [properties, message] of [
      ["{ stages: [no-such-stage] }", "allowed to view: no-such-stage."],
      ["{ flow: missing }", 'authentik has no flow with the slug "missing"'],
      ["{ flow: default-source-enrollment, slug: x }", "slug cannot be set together with flow, which exists already."],
    ] as const) {
      await project.writeYaml(failing(properties));
      const { code: exitCode, output } = await project.preview();
      expect([exitCode, output]).toEqual([1, expect.stringContaining(message)]);
    }
    const options = ["authentik-invitations:index:InviteOnlyEnrollment", "x", "x", "--yes", "--suppress-progress"];
    const imported = await project.pulumi("import", ...options);
    expect(imported.output).toContain("is a component, which Pulumi cannot import. Import its resources.");
    expect(imported.output).not.toMatch(/\n\s+at .*\(/);
  });

  test("takes over the enrollment of a TypeScript program", async () => {
    await project.write(`const staff = new authentik.InviteOnlyEnrollment("staff", { slug: "staff-enrollment" });`);
    await project.up();
    await project.writeYaml(
      `resources: { staff: { type: "authentik-invitations:InviteOnlyEnrollment", properties: { slug: staff-enrollment } } }\n`,
    );
    requestsOf(server);
    expect(await project.expectNoChanges("--diff")).toContain("9 unchanged");
    await project.up();
    expect(requestsOf(server).every((request) => request.startsWith("GET"))).toBe(true);
    await project.expectNoChanges("--refresh");
    await project.destroy();
    expect(server.instance.flows.findBySlug("staff-enrollment")).toBeUndefined();
  });
});

describe("pulumi import", () => {
  test("adopts an invitation by its id. Its pk is nowhere in the state, the output or the generated code", async () => {
    await project.writeYaml(program());
    await project.up();
    const { body } = await server.request("POST", "/api/v3/stages/invitation/invitations/", {
      name: "partners",
      expires: "2037-01-31T23:59:59Z",
      fixed_data: { company: "Example" },
    });
    const { pk } = body as { pk: string };
    const imported = await project.succeed(
      "import",
      "authentik-invitations:index:Invitation",
      "partners",
      invitationId(pk),
      "--yes",
      "--protect=false",
      "--suppress-progress",
    );
    expect(imported).toContain("name: partners");
    expect(imported).not.toContain("__origin");
    await project.writeYaml(
      program({
        extra: `
  partners:
    type: authentik-invitations:Invitation
    properties: { name: partners, expires: "2037-01-31T23:59:59Z", fixedData: { company: Example } }
`,
      }),
    );
    await project.expectNoChanges("--refresh");
    await project.destroy();
    expect(await invitations(server)).toEqual([]);
  });
});

test("the resource option import adopts what matches, writes and emails nothing, and fails for what differs", async () => {
  const { flows } = server.instance;
  const { pk: flow } = flows.add({ name: "Staff", slug: "staff", title: "Staff", designation: "enrollment" });
  const { body } = await server.request("POST", "/api/v3/stages/invitation/invitations/", {
    name: "partners",
    expires: "2037-01-31T23:59:59Z",
    fixed_data: { company: "<{%fg 9%}>" },
    flow,
  });
  const { pk } = body as { pk: string };
  const importing = (names: readonly string[], changes = "", title = "Staff"): string =>
    `
resources:
  flow:
    type: authentik-invitations:Flow
    properties: { name: Staff, slug: staff, title: ${title}, designation: enrollment }
    options: { import: ${flow} }
${names
  .map(
    (name) => `
  ${name}:
    type: authentik-invitations:Invitation
    properties:
      { name: partners, validFor: 5000d, flow: staff, fixedData: { company: "<{%fg 9%}>" }, keepers: { round: 1 }, email: { to: [jane@example.com] }${changes} }
    options: { import: ${invitationId(pk)} }`,
  )
  .join("")}
`;
  requestsOf(server);
  for (const [declared, error] of [
    [
      importing([], "", "Another"),
      'Flow "staff" cannot be imported, because it differs from the program in title. Nothing',
    ],
    [importing(["partners"], ", singleUse: true"), /Invitation "partners" cannot .+ program in singleUse\. Nothing/],
    [importing(["partners", "again"]), /Two resources import the same object: Invitation "\w+", and Invitation "\w+"/],
  ] as const) {
    await project.writeYaml(declared);
    const { code: exitCode, output } = await project.preview();
    expect([exitCode === 0, output]).toEqual([false, expect.stringMatching(error)]);
  }

  await project.writeYaml(importing(["partners"]));
  await project.up();
  expect(requestsOf(server).filter((request) => !request.startsWith("GET"))).toEqual([]);
  expect(server.outbox).toEqual([]);
  expect(await project.preview("--refresh", "--expect-no-changes")).toMatchObject({ code: 0 });
  await project.writeYaml(importing(["partners", "again"]));
  const copied = await project.preview();
  expect(copied.output).toMatch(/Two resources import the same object: Invitation "\w+", and Invitation "\w+"/);
  // The option may stay in the program.
  await project.writeYaml(importing(["partners"], ", singleUse: true"));
  await project.up();
  expect(await invitations(server)).toMatchObject([{ pk, single_use: true, expires: "2037-01-31T23:59:59Z" }]);
  expect(server.outbox).toEqual([]);
});

test("`export --import-file` imports a flow with everything in it, and Pulumi writes a program that changes nothing", async () => {
  const plain = program().replaceAll(`{ fn::secret: ${code} }`, "a1").replaceAll(`{ fn::secret: ${pin} }`, "b2");
  await project.writeYaml(plain);
  await project.up();
  await project.succeed("state", "delete", "--all", "--force", "--yes");
  const exported = await project.runCommand("export", "--flow", "staff-enrollment", "--import-file");
  expect(exported.code).toBe(0);
  await writeFile(join(project.folder, "import.json"), exported.output);
  await project.writeYaml("");
  const options = ["--yes", "--protect=false", "--out", "code.yaml"];
  const imported = await project.succeed("import", "--file", "import.json", ...options);
  expect(imported).toContain("= 6 imported");
  const generated = await readFile(join(project.folder, "code.yaml"), "utf8");
  // The environment of the tests does not search this file for secrets.
  for (const { pk } of await invitations(server)) expect(generated).not.toContain(pk);
  await project.writeYaml(generated);
  await project.expectNoChanges("--refresh");
});

describe("a stack of dynamic resources", () => {
  const types: Readonly<Record<string, string>> = {
    flow: "Flow",
    stage: "InvitationStage",
    binding: "FlowStageBinding",
    jane: "Invitation",
    intake: "InvitationBatch",
  };

  test("moves to the plugin by the aliases in the schema: nothing changes, and a refresh and a destroy go through the plugin", async () => {
    await project.write(`
const flow = new authentik.Flow("flow", { slug: "staff-enrollment", title: "Welcome", designation: "enrollment" });
const stage = new authentik.InvitationStage("stage");
new authentik.FlowStageBinding("binding", { target: flow.id, stage: stage.id, order: 0 });
const jane = new authentik.Invitation("jane", {
  flow: flow.slug,
  validFor: "14d",
  singleUse: true,
  fixedData: { email: "jane@example.com", code: pulumi.secret("${code}"), attributes: { "home team": "backend" } },
});
const intake = new authentik.InvitationBatch("intake", {
  flow: flow.slug,
  validFor: "14d",
  invitations: {
    "ada@example.com": { fixedData: { team: "backend" } },
    "grace@example.com": { fixedData: { pin: pulumi.secret("${pin}") } },
  },
});
exports.link = jane.link;
exports.links = intake.links;
exports.janeId = jane.id;
`);
    await project.up();
    const ids = [...(await project.state())].map(([name, { id }]) => `${name} ${id}`).sort();
    const before = await invitations(server);
    const outputs = await project.outputs();

    await project.writeYaml(program());
    requestsOf(server);
    await project.expectNoChanges("--diff");
    await project.up();
    expect(requestsOf(server)).toEqual([]);
    const state = await project.state();
    expect([...state].map(([name, { id }]) => `${name} ${id}`).sort()).toEqual(ids);
    for (const [name, { type }] of state) expect(type).toBe(`authentik-invitations:index:${types[name]}`);

    await project.expectNoChanges("--refresh");
    await project.up("--refresh");
    // The code of the dynamic provider, which a refresh drops.
    expect((await project.stateText()).includes("__provider")).toBe(false);
    expect(await invitations(server)).toEqual(before);
    expect(await project.outputs()).toEqual(outputs);

    await project.destroy();
    expect(await invitations(server)).toEqual([]);
    const { body } = await server.request("GET", "/api/v3/stages/invitation/stages/");
    expect(body).toMatchObject({ results: [] });
  });
});

test("`pulumi schema check` accepts the schema", async () => {
  await project.writeYaml("");
  const { code: exitCode, output } = await project.pulumi(
    "schema",
    "check",
    join(packageRoot, "provider/plugin/schema.json"),
  );
  expect({ exitCode, output }).toMatchObject({ exitCode: 0 });
  expect(output).not.toContain("warning");
});

test("functions look up what exists, at preview too, and say what is wrong", async () => {
  const lookUp = (name: string, args: string): string => `
variables:
  found: { "fn::invoke": { function: "authentik-invitations:${name}", arguments: ${args} } }
resources:
  jane: { type: "authentik-invitations:Invitation", properties: { name: "jane", validFor: "14d" } }
outputs: { found: "\${found}" }
`;
  await project.writeYaml(lookUp("getFlow", "{ slug: default-source-enrollment }"));
  await project.up();
  const { found } = await project.outputs();
  expect(found).toMatchObject({ slug: "default-source-enrollment", designation: "enrollment" });
  for (const [name, args, message] of [
    ["getFlow", "{ slug: missing }", 'getFlow: authentik has no flow with the slug "missing"'],
    ["getStage", "{ name: missing }", 'getStage: authentik has no stage with the name "missing"'],
    ["getInvitationStage", "{ name: a, pk: b }", "getInvitationStage: set exactly one of name and pk."],
  ] as const) {
    await project.writeYaml(lookUp(name, args));
    const { code, output } = await project.preview();
    expect(code).not.toBe(0);
    expect(output).toContain(message);
  }
});

test("functions return lists, and pks and links as secrets", async () => {
  await project.writeYaml(program());
  await project.up();
  const [, , jane] = await invitations(server);
  requestsOf(server);
  await project.writeYaml(`
${program()}
  staff: "\${bindings[0].order}"
  name: "\${one.name}"
  status: "\${all[0].status}"
  pk: "\${one.pk}"
  found: "\${all}"
variables:
  bindings:
    fn::invoke: { function: "authentik-invitations:getFlowStageBindings", arguments: { flow: staff-enrollment }, return: bindings }
  one:
    fn::invoke: { function: "authentik-invitations:getInvitation", arguments: { name: jane } }
  all:
    fn::invoke: { function: "authentik-invitations:getInvitations", arguments: { flowSlug: staff-enrollment }, return: invitations }
`);
  await project.up();
  expect(await project.outputs()).toMatchObject({ staff: 0, name: "jane", status: "pending", pk: jane?.pk });
  expect((await project.outputs())["found"]).toHaveLength(3);
});

describe("invitationsFromCsv", () => {
  const intake = (args: string): string => `
resources:
  intake:
    type: authentik-invitations:InvitationBatch
    properties:
      validFor: 14d
      invitations:
        fn::invoke: { function: "authentik-invitations:invitationsFromCsv", arguments: ${args}, return: invitations }
`;

  test("reads a file in the program's folder, or content", async () => {
    const rows = "E-mail;Team;until;left\nada@example.com;sales;31.12.2036;no\ngrace@example.com;;;yes\n";
    await writeFile(join(project.folder, "people.csv"), rows);
    const options =
      "key: E-mail, skip: left, expires: { column: until, format: DD.MM.YYYY }, fixedData: { email: E-mail, attributes: { team: Team } } }";
    await project.writeYaml(intake(`{ file: people.csv, ${options}`));
    await project.up();
    expect(await invitations(server)).toMatchObject([
      { fixed_data: { email: "ada@example.com", attributes: { team: "sales" } }, expires: "2036-12-31T23:59:59Z" },
    ]);
    await project.writeYaml(intake(`{ content: { "fn::readFile": ./people.csv }, ${options}`));
    await project.expectNoChanges();
  });

  test("reports all errors by line, without cells, and warns", async () => {
    await writeFile(join(project.folder, "people.csv"), "email,team\na@x.org,one\na@x.org,two\n,three\n");
    await project.writeYaml(intake("{ file: people.csv, key: email }"));
    const { code: exitCode, output } = await project.preview();
    expect(exitCode).not.toBe(0);
    expect(output).toMatch(/people\.csv:3: email is the same as in line 2\n/);
    expect(output).toContain("people.csv:4: email must not be empty");
    expect(output).not.toContain("x.org");
    for (const [args, message] of [
      ["{ key: email }", "invitationsFromCsv: set exactly one of file and content"],
      ["{ file: missing.csv, key: email }", "Cannot read missing.csv: ENOENT"],
      ['{ content: "email\\na\\n", key: " " }', "invitationsFromCsv: key must be the name of a column"],
    ] as const) {
      await project.writeYaml(intake(args));
      expect((await project.preview()).output).toContain(message);
    }
    await project.writeYaml(intake('{ content: "id,email\\n1,a@x.org\\n2,a@x.org\\n", key: id, fixedData: [email] }'));
    expect((await project.preview()).output).toMatch(/warning: content:3: has the same email address as line 2/);
  });
});

test("links follow the slug of their flow in the same update", async () => {
  const { url } = server;
  const renamed = (slug: string): string => `
resources:
  flow: { type: "authentik-invitations:Flow", properties: { slug: ${slug}, title: Welcome, designation: enrollment } }
  jane: { type: "authentik-invitations:Invitation", properties: { flow: "\${flow.id}", validFor: 14d } }
  intake:
    type: authentik-invitations:InvitationBatch
    properties: { flow: "\${flow.id}", validFor: 14d, invitations: { ada: {} } }
outputs: { link: "\${jane.link}", links: "\${intake.links}" }
`;
  await project.writeYaml(renamed("staff"));
  await project.up();
  await project.writeYaml(renamed("crew"));
  const { output } = await project.preview("--diff");
  expect(output).toContain('Invitation "jane": the link changes');
  // No input of theirs changed.
  expect(output).not.toContain("+ invitations");
  await project.up();
  const expected = expect.stringMatching(new RegExp(`^${url}/if/flow/crew/\\?itoken=`));
  expect(await project.outputs()).toEqual({ link: expected, links: { ada: expected } });
  await project.expectNoChanges("--refresh");
});
