import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { canary } from "../secrecy/canary";
import { sendPath } from "../unit/support/email-requests";
import { setUpFixture } from "./fixture";
import { invitations, invitationsPath, requestsOf } from "./server";

const fixture = setUpFixture();

const code = canary();

const program = (entries: Record<string, object>): string => `
const intake = new authentik.InvitationBatch("intake", {
  validFor: "14d",
  fixedData: { cohort: "2027" },
  invitations: ${JSON.stringify(entries)},
});
new authentik.InvitationBatch("secrets", {
  validFor: "14d",
  invitations: { ada: { fixedData: { code: pulumi.secret("${code}") } } },
});
exports.statuses = intake.statuses;
`;

describe("a batch", () => {
  test("has keys that every JavaScript object has, but not __proto__, and imports no invitation twice", async () => {
    const { project, server } = fixture;
    const keys = { constructor: {}, toString: { fixedData: { toString: {} } }, valueOf: {}, hasOwnProperty: {} };
    await project.write(`
const batch = new authentik.InvitationBatch("intake", { validFor: "14d", invitations: ${JSON.stringify(keys)} });
new authentik.Invitation("odd", { validFor: "14d", fixedData: { toString: "x" }, keepers: { constructor: "1", toString: {} } });
exports.statuses = batch.statuses;`);
    await project.up();
    const pending = Object.fromEntries(Object.keys(keys).map((key) => [key, "pending"]));
    expect((await project.outputs())["statuses"]).toEqual(pending);
    await project.expectNoChanges("--refresh");

    const created = await invitations(server);
    await project.write(`
const args = { validFor: "14d", invitations: JSON.parse('{"ada": {}, "__proto__": {"singleUse": true}}') };
new authentik.InvitationBatch("intake", args);`);
    const rejected = await project.preview();
    expect(rejected.code).not.toBe(0);
    expect(rejected.output).toContain(
      'InvitationBatch "intake": invitations: the key "__proto__" cannot be used, because Pulumi\'s SDK for Node.js loses it.',
    );

    const { pk = "" } = created.find(({ name }) => name === "odd") ?? {};
    const other = `{${pk.toUpperCase()}}`;
    await project.write(`
const batch = { validFor: "14d", invitations: Promise.resolve({ ada: { import: "${other}" } }) };
new authentik.InvitationBatch("imports", batch);
new authentik.Invitation("odd", { validFor: "14d" }, { import: pulumi.secret("${pk}") });`);
    const twice = await project.preview();
    expect(twice.code).not.toBe(0);
    expect(twice.output).toContain("Two resources import the same object: ");
    expect(twice.output).toContain('Invitation "odd"');
    expect(twice.output).toContain('the entry "ada" of InvitationBatch "imports"');
    expect(await invitations(server)).toEqual(created);
    const entry = `{ name: "odd", fixedData: { toString: "x" }, import: "${pk}" }`;
    await project.write(
      `new authentik.InvitationBatch("imports", { validFor: "14d", invitations: { ada: ${entry} } });`,
    );
    const imported = await project.preview("--diff");
    expect([imported.code, imported.output]).toEqual([0, expect.stringMatching(/import *: \[secret\]/)]);

    // A library of a workspace has the package, and the program's folder does not.
    await rename(join(project.folder, "node_modules", "pulumi-authentik-invitations"), join(project.folder, "library"));
    await writeFile(
      join(project.folder, "index.js"),
      'const authentik = require("./library");\nfor (const name of ["a", "b"]) new authentik.Invitation(name, { validFor: "14d" });',
    );
    const unresolved = await project.preview();
    expect(unresolved.code).not.toBe(0);
    const message = `Add pulumi-authentik-invitations to the dependencies in ${join(project.folder, "package.json")}`;
    expect(unresolved.output).toContain(message);
    expect(unresolved.output).toContain("1 errored");
    expect(unresolved.output).not.toMatch(/Cannot find module/);
  }, 120_000);

  test("is created, changed key by key, repaired after drift, and continued after a partial failure", async () => {
    const { project, server } = fixture;
    await project.write(program({ ada: {}, grace: {}, joan: {} }));
    await project.up();
    const created = (await invitations(server)).filter(({ name }) => name.startsWith("intake"));
    expect(created.map(({ name }) => name)).toEqual(["intake-ada", "intake-grace", "intake-joan"]);

    for (const { pk } of created) {
      await server.request("PATCH", `${invitationsPath}${pk}/`, { fixed_data: { by: "hand" } });
    }
    const { output } = await project.preview("--refresh", "--diff");
    for (const { name } of created) {
      expect(output).toContain(`Invitation "${name}": fixedData changed outside Pulumi, last by akadmin`);
    }

    // Adds mary, changes ada, removes joan, and repairs grace. One create request fails.
    await project.write(program({ ada: { singleUse: true }, grace: {}, mary: {} }));
    server.injectFailure({ method: "POST", status: 403, body: "{}" });
    requestsOf(server);
    const failed = await project.pulumi("up", "--yes", "--skip-preview", "--suppress-progress", "--refresh");
    expect(failed.code).not.toBe(0);
    expect(failed.output).toContain("invitations.mary: Could not create the invitation");
    const writes = requestsOf(server).filter((line) => !line.startsWith("GET"));
    expect(writes.map((line) => line.split(" ")[0])).toEqual(["DELETE", "POST", "PUT", "PUT"]);

    await project.up("--refresh");
    expect(requestsOf(server).filter((line) => !line.startsWith("GET"))).toEqual([`POST ${invitationsPath}`]);
    expect((await invitations(server)).map(({ name, single_use }) => [name, single_use])).toEqual([
      ["intake-ada", true],
      ["intake-grace", false],
      ["intake-mary", false],
      [expect.stringMatching(/^secrets-ada/), false],
    ]);
    await project.destroy();
    expect(await invitations(server)).toEqual([]);
  }, 120_000);
});

/** Batches and an invitation with secrets in each place where a program can have some. */
function secretProgram(): string {
  const code = (): string => `pulumi.secret("${canary()}")`;
  const whole = JSON.stringify({
    ada: { fixedData: { code: canary() }, email: { to: [`${canary()}@example.com`] } },
    bob: {},
  });
  return `
const flow = new authentik.Flow("enroll", { slug: "enroll", title: "Enroll", designation: "enrollment" }).slug;
const common = { flow, validFor: "14d" };
new authentik.InvitationBatch("common", {
  ...common, fixedData: pulumi.secret({ code: "${canary()}", list: ["${canary()}", "x"] }), invitations: { ada: {}, bob: {} },
});
new authentik.InvitationBatch("entries", {
  ...common,
  fixedData: { team: "backend" },
  invitations: { ada: { fixedData: { code: ${code()}, list: ["x", { pin: ${code()} }] }, keepers: { code: ${code()} } }, bob: {} },
});
new authentik.InvitationBatch("whole", { ...common, invitations: pulumi.secret(${whole}) });
new authentik.InvitationBatch("emails", { ...common, invitations: { ada: { email: { to: [pulumi.secret("${canary()}@example.com")] } } } });
new authentik.Invitation("jane", {
  ...common, fixedData: { code: ${code()}, team: "backend" }, keepers: { code: ${code()} },
});
`;
}

test("secrets stay secret in drift, after failed requests, in plans and in the history", async () => {
  const { project, server } = fixture;
  await project.write(secretProgram());
  const header = canary();
  await project.succeed("config", "set", "--secret", "authentik:headers", JSON.stringify({ "x-gate": header }));
  await project.succeed("preview", "--diff", "--save-plan", "plan.json");
  server.injectFailure({
    method: "POST",
    path: sendPath,
    status: 403,
    body: JSON.stringify({ detail: header }),
    headers: { "content-type": "application/json" },
    times: 2,
  });
  // Without --continue-on-error the engine creates no resource that is registered after the first failure: jane, at times.
  const failed = await project.pulumi("up", "--yes", "--skip-preview", "--diff", "--continue-on-error");
  expect(failed.output).toContain("The link was not emailed to 1 address");
  const changed = { code: canary(), team: "backend", list: ["x", canary()], added: { code: canary() } };
  for (const { pk, name } of await invitations(server)) {
    // No fixedData of this one is secret.
    const body = name === "emails-ada" ? { single_use: true } : { fixed_data: changed };
    await server.request("PATCH", `${invitationsPath}${pk}/`, body);
  }
  const drift = await project.preview("--refresh", "--diff");
  for (const name of ["common-ada", "entries-bob", "[secret]", "jane"]) {
    expect(drift.output).toContain(`Invitation "${name}": fixedData changed outside Pulumi`);
  }
  expect(drift.output).toMatch(/fixedData *: \[secret\]/);
  await project.preview("--refresh", "--json");
  await project.succeed("refresh", "--yes", "--skip-preview", "--diff");
  await project.succeed("stack", "export");
  await project.succeed("up", "--yes", "--diff");
  expect(server.outbox).toHaveLength(2);
  await project.succeed("stack", "history", "--json");
  await project.expectNoChanges("--refresh");
  // What becomes a secret is encrypted, although nothing has to be updated.
  const late = (value: string): string =>
    `new authentik.Invitation("late", { validFor: "14d", fixedData: { code: ${value}, team: "backend" } });`;
  await project.write(late('"late-code"'));
  await project.up();
  expect(await project.stateText()).toContain("late-code");
  await project.write(late('pulumi.secret("late-code")'));
  expect(await project.up()).toContain("2 unchanged");
  expect(await project.stateText()).not.toContain("late-code");
  await project.destroy("--diff");
}, 240_000);
