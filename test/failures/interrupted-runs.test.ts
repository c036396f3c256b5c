/** The real `pulumi`, interrupted at the moment at which a request arrives, with dynamic resources and those of the plugin. Requires `npm run build`. */
import { invitationId } from "../../provider/common/pk";
import { Authentik } from "../../sandbox";
import { Project, type Run } from "../engine/project";
import { type ApiInvitation, invitations, invitationsPath } from "../engine/server";
import { canary } from "../secrecy/canary";
import { sendPath } from "../unit/support/email-requests";
import { Interruptions } from "./interruptions";
import { FailureProxy } from "./proxy";

jest.setTimeout(300_000);

const names = ["ann", "ben", "cat", "dan", "eve", "fay"];

/** A secret in each invitation. */
const code = canary();

/** Declares resources, every other one of the plugin. */
function declareEach(kind: string, resources: readonly string[], args: string): string {
  return `${JSON.stringify(resources)}.forEach((name, index) => {
    const args = { validFor: "14d", ${args} };
    if (index % 2 === 0) new authentik.${kind}(name, args);
    else new pulumi.CustomResource("authentik-invitations:index:${kind}", name, args);
  });`;
}

function declare(args: string): string {
  return declareEach(
    "Invitation",
    names,
    `fixedData: { email: name + "@example.com", code: pulumi.secret("${code}") }, ${args}`,
  );
}

let server: Authentik;
let proxy: FailureProxy;
let project: Project;
let interruptions: Interruptions;

beforeEach(async () => {
  server = await Authentik.start();
  proxy = await FailureProxy.start(server.url);
  const authentik = { url: proxy.url, token: server.token };
  project = await Project.create(declare("singleUse: true"), { plugin: true, authentik });
  interruptions = new Interruptions(project, proxy);
});

afterEach(async () => {
  await project.remove();
  await proxy.close();
  await server.close();
});

// With more parallel operations, all of them may have started before the run is interrupted.
const options = ["--yes", "--skip-preview", "--suppress-progress", "--parallel", "2"];
const up = ["up", ...options];
const refresh = ["refresh", ...options];
const destroy = ["destroy", ...options];

async function idsInState(): Promise<(string | undefined)[]> {
  return [...(await project.state()).values()].map(({ id }) => id).sort();
}

async function idsOnServer(): Promise<string[]> {
  return (await invitations(server)).map(({ pk }) => invitationId(pk)).sort();
}

/** Authentik has exactly the declared invitations, and the state has the same. */
async function expectDeclared(): Promise<void> {
  expect((await invitations(server)).map(({ name }) => name)).toEqual(names);
  expect(await idsInState()).toEqual(await idsOnServer());
}

function survivors(before: readonly ApiInvitation[], after: readonly ApiInvitation[]): string[] {
  const pks = new Set(after.map(({ pk }) => pk));
  return before.filter(({ pk }) => pks.has(pk)).map(({ name }) => name);
}

test("recovers exactly what a killed up, update, refresh and destroy did", async () => {
  await interruptions.killDuring(up, { method: "POST", number: 3, isCarriedOut: true });
  const issued = await invitations(server);
  expect(issued.length).toBeGreaterThanOrEqual(3);
  expect(await interruptions.recover()).toContain("It will be added to the state");
  await interruptions.succeed(...up);
  await expectDeclared();
  const declared = await invitations(server);
  // None of those that the killed run issued was issued again.
  expect(survivors(issued, declared)).toHaveLength(issued.length);
  expect((await interruptions.audit()).code).toBe(0);

  await project.write(declare("singleUse: false"));
  await interruptions.killDuring(up, { method: "PUT", number: 2, isCarriedOut: true });
  await interruptions.recover();
  await interruptions.killDuring(refresh, { method: "GET", number: 2 });
  await interruptions.recover();
  await interruptions.succeed(...up, "--refresh");
  await expectDeclared();
  expect((await invitations(server)).map(({ pk, single_use }) => [pk, single_use])).toEqual(
    declared.map(({ pk }) => [pk, false]),
  );

  await interruptions.killDuring(destroy, { method: "DELETE", number: 2, isCarriedOut: true });
  const left = await invitations(server);
  expect(left.length).toBeLessThan(names.length);
  await interruptions.recover();
  await interruptions.succeed(...up, "--refresh");
  await expectDeclared();
  // Only those that the killed run deleted were issued again.
  expect(survivors(left, await invitations(server))).toHaveLength(left.length);
  expect((await interruptions.audit()).code).toBe(0);
});

describe.each([
  [
    "single invitations",
    (addresses: string): string => declareEach("Invitation", names, `flow: "staff", email: { to: ${addresses} }`),
  ],
  [
    "batches",
    (addresses: string): string =>
      declareEach(
        "InvitationBatch",
        ["team", "crew"],
        `flow: "staff", invitations: Object.fromEntries(
          ${JSON.stringify(names)}.slice(index * 3, index * 3 + 3).map((name) => [name, { email: { to: ${addresses} } }]),
        )`,
      ),
  ],
])("killed runs that email the links of %s", (_kind, program) => {
  const takeMails = (): string[] => server.outbox.map(({ invitationPk, to }) => `${invitationPk} ${to}`);

  test("neither forget an invitation nor email a link twice", async () => {
    server.instance.flows.add({ name: "staff", slug: "staff", title: "staff", designation: "enrollment" });
    await project.write(program('[name + "@example.com"]'));
    await interruptions.killDuring(up, { method: "POST", path: sendPath, number: 2, isCarriedOut: true });
    const issued = await invitations(server);
    expect(await interruptions.recover()).toContain("may or may not have been emailed");
    expect((await interruptions.audit()).code).toBe(0);
    await interruptions.succeed(...up, "--refresh");
    const declared = await invitations(server);
    expect(declared).toHaveLength(names.length);
    expect(survivors(issued, declared)).toHaveLength(issued.length);
    expect((await interruptions.audit()).code).toBe(0);

    await project.write(program('[name + "@example.com", name + "@example.org"]'));
    await interruptions.killDuring(up, { method: "POST", path: sendPath, number: 2, isCarriedOut: true });
    expect(await interruptions.recover()).toMatch(/may or may not have been emailed to \w+@example\.org/);
    await interruptions.succeed(...up, "--refresh");
    expect(await invitations(server)).toEqual(declared);
    const mails = takeMails();
    expect(new Set(mails).size).toBe(mails.length);
    // Two in each killed run. What else it had started counts as sent.
    expect(mails.length).toBeGreaterThanOrEqual(4);
  });
});

describe.each(["SIGINT", "SIGTERM"] as const)("%s", (signal) => {
  test("leaves a state that matches the server after up, refresh and destroy", async () => {
    await interruptions.signalDuring(up, { method: "POST", number: 2 }, signal);
    expect(await idsInState()).toEqual(await idsOnServer());
    expect(await interruptions.pendingOperations()).toEqual([]);
    await interruptions.succeed(...up);
    await expectDeclared();
    const declared = await invitations(server);

    await interruptions.signalDuring(refresh, { method: "GET", number: 2 }, signal);
    expect(await invitations(server)).toEqual(declared);
    expect(await idsInState()).toEqual(await idsOnServer());

    await interruptions.signalDuring(destroy, { method: "DELETE", number: 2 }, signal);
    expect(await idsInState()).toEqual(await idsOnServer());
    expect(await interruptions.pendingOperations()).toEqual([]);
    await interruptions.succeed(...destroy);
    expect(await invitations(server)).toEqual([]);
  });
});

test("the lock fails the second of two concurrent runs of up, and nothing is created twice", async () => {
  let second: Run | undefined;
  proxy.script({
    matches: (method, path) => method === "POST" && path === invitationsPath,
    times: 1,
    handle: async (exchange) => {
      second = await project.pulumi(...up);
      exchange.send(await exchange.forward());
    },
  });
  await interruptions.succeed(...up);
  expect(second).toMatchObject({ code: expect.any(Number), output: expect.stringContaining("currently locked") });
  expect(second?.code).not.toBe(0);
  await expectDeclared();
});

test("never adopts the equal invitation of another stack after a lost response", async () => {
  await interruptions.succeed(...up);
  const own = await invitations(server);
  await interruptions.succeed("stack", "init", "other");
  for (const namespace of ["authentik", "authentik-invitations"]) {
    await project.succeed("config", "set", `${namespace}:url`, proxy.url);
    await project.succeed("config", "set", "--secret", `${namespace}:token`, server.token);
  }
  const isCreate = (method: string, path: string): boolean => method === "POST" && path === invitationsPath;
  // One create request that is carried out without a response, and one that never arrives.
  proxy.script({
    matches: isCreate,
    times: 1,
    handle: async (exchange) => {
      await exchange.forward();
      exchange.reset();
    },
  });
  proxy.script({ matches: isCreate, skip: 1, times: 1, handle: (exchange) => exchange.reset() });
  const { code, output } = await project.pulumi(...up);
  expect(code).not.toBe(0);
  expect(output).toContain("authentik had created it; adopted the existing one.");
  expect(output).toContain("authentik's event log has no object that this request created.");
  await interruptions.succeed(...up);
  const all = await invitations(server);
  expect(all).toHaveLength(2 * names.length);
  const ownIds = new Set(own.map(({ pk }) => invitationId(pk)));
  const { output: state } = await project.pulumi("stack", "export");
  const otherIds = [...state.matchAll(/"id": "([0-9a-f]{16})"/g)].map((match) => match[1] ?? "");
  expect(new Set(otherIds).size).toBe(names.length);
  expect(otherIds.filter((id) => ownIds.has(id))).toEqual([]);
  expect((await interruptions.audit("--stack", "test")).code).toBe(0);
});
