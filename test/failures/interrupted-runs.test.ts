/** The real `pulumi`, interrupted at the moment at which a request arrives. Requires `npm run build`. */
import { setTimeout as sleep } from "node:timers/promises";
import { invitationId } from "../../provider/common/pk";
import { Authentik } from "../../sandbox";
import { findDescendants, killAll } from "../../scripts/demo/processes";
import { Project, type Run } from "../engine/project";
import { type ApiInvitation, invitations, invitationsPath } from "../engine/server";
import { canary } from "../secrecy/canary";
import { sendPath } from "../unit/support/email-requests";
import { FailureProxy, type Handler } from "./proxy";

jest.setTimeout(300_000);

const names = ["ann", "ben", "cat", "dan", "eve", "fay"];

/** A secret in each invitation. */
const code = canary();

function declare(args: string): string {
  return `for (const name of ${JSON.stringify(names)}) {
    new authentik.Invitation(name, { validFor: "14d", fixedData: { email: name + "@example.com", code: pulumi.secret("${code}") }, ${args} });
  }`;
}

let server: Authentik;
let proxy: FailureProxy;
let project: Project;
/** Everything that was printed. */
let outputs: string[];
/** Every invitation that the server ever had, as far as a test has looked. */
let seen: Map<string, ApiInvitation>;

beforeEach(async () => {
  server = await Authentik.start();
  proxy = await FailureProxy.start(server.url);
  const config = { "authentik:url": proxy.url, "authentik:token": { secret: server.token } };
  project = await Project.create(declare("singleUse: true"), { config });
  outputs = [];
  seen = new Map();
});

afterEach(async () => {
  await list();
  await project.remove();
  await proxy.close();
  await server.close();
  const text = outputs.join("\n");
  const secrets = [server.token, ...[...seen.keys()].flatMap((pk) => [pk, pk.replaceAll("-", "")])];
  expect(secrets.filter((secret) => text.includes(secret))).toEqual([]);
  expect(text).not.toMatch(/\n\s+at .*\(/);
});

async function list(): Promise<ApiInvitation[]> {
  const listed = await invitations(server);
  for (const invitation of listed) seen.set(invitation.pk, invitation);
  return listed;
}

function record(run: Run): Run {
  outputs.push(run.output);
  return run;
}

async function pulumi(...args: readonly string[]): Promise<Run> {
  return record(await project.pulumi(...args));
}

async function succeed(...args: readonly string[]): Promise<string> {
  const { code, output } = await pulumi(...args);
  expect([code, output]).toEqual([0, output]);
  return output;
}

// With more parallel operations, all of them may have started before the run is interrupted.
const options = ["--yes", "--skip-preview", "--suppress-progress", "--parallel", "2"];
const up = ["up", ...options];
const refresh = ["refresh", ...options];
const destroy = ["destroy", ...options];

/** The moment at which a run is interrupted: when a request arrives. */
interface Moment {
  readonly method: "POST" | "GET" | "PUT" | "DELETE";
  /** Of the requests with this path. Defaults to all of invitations. */
  readonly path?: RegExp;
  /** Counted from 1. */
  readonly number: number;
  /** For SIGKILL: whether the server carries the request out before the processes are killed. */
  readonly isCarriedOut?: boolean;
}

/** Runs `pulumi`, and calls `interrupt` at the moment. */
async function runUntil(
  { method, number, path = new RegExp(`^${invitationsPath}`) }: Moment,
  args: readonly string[],
  interrupt: (pid: number) => Handler,
): Promise<Run> {
  const { child, run } = project.start(...args);
  let isReached = false;
  const handle = interrupt(child.pid ?? 0);
  proxy.script({
    matches: (requestMethod, requestPath) => requestMethod === method && path.test(requestPath),
    skip: number - 1,
    times: 1,
    handle: async (exchange, at) => {
      isReached = true;
      await handle(exchange, at);
    },
  });
  const ended = record(await run);
  expect([isReached, ended.output]).toEqual([true, ended.output]);
  return ended;
}

/**
 * Kills `pulumi` and all of its processes, between two writes of the state: otherwise the file backend can leave an empty `.attrs` file, with which
 * `pulumi` fails. Requests that arrive after the moment get no response.
 */
async function killDuring(args: readonly string[], moment: Moment): Promise<void> {
  let isHeld = true;
  await runUntil(moment, args, (pid) => async (exchange) => {
    proxy.script({ matches: () => isHeld, handle: () => undefined });
    if (moment.isCarriedOut) await exchange.forward();
    await waitForSavedState();
    // Plugins have process groups of their own.
    killAll([pid, ...findDescendants(pid)]);
  });
  isHeld = false;
}

/** Waits until `pulumi` has not written the state for a while. */
async function waitForSavedState(): Promise<void> {
  for (let last: string | undefined; ; ) {
    const state = await project.stateText();
    if (state !== "" && state === last) return;
    last = state;
    await sleep(300);
  }
}

/**
 * Sends a signal to the process group, as Ctrl+C in a terminal does, or only to `pulumi`, as pipelines do. The exit code is not checked: after an
 * interrupted destroy it is 0.
 */
async function signalDuring(args: readonly string[], moment: Moment, signal: "SIGINT" | "SIGTERM"): Promise<void> {
  await runUntil(moment, args, (pid) => async (exchange) => {
    process.kill(signal === "SIGINT" ? -pid : pid, signal);
    exchange.send(await exchange.forward());
  });
}

/** What a user does after a killed run. */
async function recover(): Promise<string> {
  await succeed("cancel", "--yes");
  const { code, output } = record(await project.runCommand("recover", "--yes"));
  expect([code, output]).toEqual([0, output]);
  expect(await pendingOperations()).toEqual([]);
  return output;
}

async function audit(): Promise<number> {
  return record(await project.runCommand("audit")).code;
}

async function pendingOperations(): Promise<unknown[]> {
  const state = JSON.parse(await project.stateText()) as {
    checkpoint: { latest: { pending_operations?: unknown[] } };
  };
  return state.checkpoint.latest.pending_operations ?? [];
}

async function idsInState(): Promise<(string | undefined)[]> {
  return [...(await project.state()).values()].map(({ id }) => id).sort();
}

async function idsOnServer(): Promise<string[]> {
  return (await list()).map(({ pk }) => invitationId(pk)).sort();
}

/** Authentik has exactly the declared invitations, and the state has the same. */
async function expectDeclared(): Promise<void> {
  expect((await list()).map(({ name }) => name)).toEqual(names);
  expect(await idsInState()).toEqual(await idsOnServer());
}

function survivors(before: readonly ApiInvitation[], after: readonly ApiInvitation[]): string[] {
  const pks = new Set(after.map(({ pk }) => pk));
  return before.filter(({ pk }) => pks.has(pk)).map(({ name }) => name);
}

test("recovers exactly what a killed up, update, refresh and destroy did", async () => {
  await killDuring(up, { method: "POST", number: 3, isCarriedOut: true });
  const issued = await list();
  expect(issued.length).toBeGreaterThanOrEqual(3);
  expect(await recover()).toContain("It will be added to the state");
  await succeed(...up);
  await expectDeclared();
  const declared = await list();
  // None of those that the killed run issued was issued again.
  expect(survivors(issued, declared)).toHaveLength(issued.length);
  expect(await audit()).toBe(0);

  await project.write(declare("singleUse: false"));
  await killDuring(up, { method: "PUT", number: 2, isCarriedOut: true });
  await recover();
  await killDuring(refresh, { method: "GET", number: 2 });
  await recover();
  await succeed(...up, "--refresh");
  await expectDeclared();
  expect((await list()).map(({ pk, single_use }) => [pk, single_use])).toEqual(declared.map(({ pk }) => [pk, false]));

  await killDuring(destroy, { method: "DELETE", number: 2, isCarriedOut: true });
  const left = await list();
  expect(left.length).toBeLessThan(names.length);
  await recover();
  await succeed(...up, "--refresh");
  await expectDeclared();
  // Only those that the killed run deleted were issued again.
  expect(survivors(left, await list())).toHaveLength(left.length);
  expect(await audit()).toBe(0);
});

describe.each([
  [
    "single invitations",
    (addresses: string): string => `for (const name of ${JSON.stringify(names)}) {
      new authentik.Invitation(name, { flow: "staff", validFor: "14d", email: { to: ${addresses} } });
    }`,
  ],
  [
    "a batch",
    (addresses: string): string => `new authentik.InvitationBatch("team", {
      flow: "staff",
      validFor: "14d",
      invitations: Object.fromEntries(${JSON.stringify(names)}.map((name) => [name, { email: { to: ${addresses} } }])),
    });`,
  ],
])("killed runs that email the links of %s", (_kind, program) => {
  const takeMails = (): string[] => server.outbox.map(({ invitationPk, to }) => `${invitationPk} ${to}`);

  test("neither forget an invitation nor email a link twice", async () => {
    server.instance.flows.add({ name: "staff", slug: "staff", title: "staff", designation: "enrollment" });
    await project.write(program('[name + "@example.com"]'));
    await killDuring(up, { method: "POST", path: sendPath, number: 2, isCarriedOut: true });
    const issued = await list();
    expect(await recover()).toContain("may or may not have been emailed");
    expect(await audit()).toBe(0);
    await succeed(...up, "--refresh");
    const declared = await list();
    expect(declared).toHaveLength(names.length);
    expect(survivors(issued, declared)).toHaveLength(issued.length);
    expect(await audit()).toBe(0);

    await project.write(program('[name + "@example.com", name + "@example.org"]'));
    await killDuring(up, { method: "POST", path: sendPath, number: 2, isCarriedOut: true });
    expect(await recover()).toMatch(/may or may not have been emailed to \w+@example\.org/);
    await succeed(...up, "--refresh");
    expect(await list()).toEqual(declared);
    const mails = takeMails();
    expect(new Set(mails).size).toBe(mails.length);
    // Two in each killed run. What else it had started counts as sent.
    expect(mails.length).toBeGreaterThanOrEqual(4);
  });
});

describe.each(["SIGINT", "SIGTERM"] as const)("%s", (signal) => {
  test("leaves a state that matches the server after up, refresh and destroy", async () => {
    await signalDuring(up, { method: "POST", number: 2 }, signal);
    expect(await idsInState()).toEqual(await idsOnServer());
    expect(await pendingOperations()).toEqual([]);
    await succeed(...up);
    await expectDeclared();
    const declared = await list();

    await signalDuring(refresh, { method: "GET", number: 2 }, signal);
    expect(await list()).toEqual(declared);
    expect(await idsInState()).toEqual(await idsOnServer());

    await signalDuring(destroy, { method: "DELETE", number: 2 }, signal);
    expect(await idsInState()).toEqual(await idsOnServer());
    expect(await pendingOperations()).toEqual([]);
    await succeed(...destroy);
    expect(await list()).toEqual([]);
  });
});

test("the lock fails the second of two concurrent runs of up, and nothing is created twice", async () => {
  let second: Run | undefined;
  proxy.script({
    matches: (method, path) => method === "POST" && path === invitationsPath,
    times: 1,
    handle: async (exchange) => {
      second = await pulumi(...up);
      exchange.send(await exchange.forward());
    },
  });
  await succeed(...up);
  expect(second).toMatchObject({ code: expect.any(Number), output: expect.stringContaining("currently locked") });
  expect(second?.code).not.toBe(0);
  await expectDeclared();
});

test("never adopts the equal invitation of another stack after a lost response", async () => {
  await succeed(...up);
  const own = await list();
  await succeed("stack", "init", "other");
  await project.succeed("config", "set", "authentik:url", proxy.url);
  await project.succeed("config", "set", "--secret", "authentik:token", server.token);
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
  const { code, output } = await pulumi(...up);
  expect(code).not.toBe(0);
  expect(output).toContain("authentik had created it; adopted the existing one.");
  expect(output).toContain("authentik's event log has no object that this request created.");
  await succeed(...up);
  const all = await list();
  expect(all).toHaveLength(2 * names.length);
  const ownIds = new Set(own.map(({ pk }) => invitationId(pk)));
  const { output: state } = await project.pulumi("stack", "export");
  const otherIds = [...state.matchAll(/"id": "([0-9a-f]{16})"/g)].map((match) => match[1] ?? "");
  expect(new Set(otherIds).size).toBe(names.length);
  expect(otherIds.filter((id) => ownIds.has(id))).toEqual([]);
  expect(record(await project.runCommand("audit", "--stack", "test")).code).toBe(0);
});
