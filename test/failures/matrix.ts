import { AsyncLocalStorage } from "node:async_hooks";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import * as pulumi from "@pulumi/pulumi";
import { Invitation as provider } from "pulumi-authentik-invitations/provider";
import { Authentik } from "../../sandbox";
import { type Attempt, attemptsAt, observeAttempts, onConnectError } from "./attempts";
import {
  type Failure,
  failures,
  type Kind,
  kindsOf,
  type Operation,
  operationsOf,
  type Scope,
  scopes,
} from "./failures";
import { FailureProxy } from "./proxy";
import { containsSecret, rememberToken } from "./secrets";
import { type Connections, createAnother, prepareSubject, type Subject } from "./subjects";
import { shortenTimeouts, shortenTimeoutsOf } from "./timeouts";

/** What happened when an operation met a failure. */
export interface Row {
  readonly failure: string;
  readonly scope: Scope;
  readonly kind: Kind;
  readonly operation: Operation;
  readonly outcome: "succeeds" | "adopts" | "fails";
  /** The error, in a form that is the same in each run. */
  readonly message?: string;
  /** The requests that the operation sent or tried to send, for example `POST` and `2 GET`. */
  readonly requests: readonly string[];
  /** The rules that were broken. */
  readonly violations: readonly string[];
}

interface Case {
  readonly failure: Failure;
  readonly scope: Scope;
  readonly kind: Kind;
  readonly operation: Operation;
}

interface FailingServer {
  /** What the provider is configured with. */
  readonly url: string;
  /** Starts the failure. */
  arm(subject: Subject): void | Promise<void>;
  close(): Promise<void>;
}

interface Servers {
  readonly connections: Connections;
  readonly failingServer: FailingServer;
}

const maxAttempts = 5;
const adoptionWarning =
  "the response to the create request was lost. authentik had created it; adopted the existing one";
/** Cases that run at once. More would keep the process busier than the provider's and the short timeouts allow, on a busy machine. */
const concurrency = 32;
/** Milliseconds after a case. */
const pause = 500;

/** The warnings of the case that runs in the current context. */
const warnings = new AsyncLocalStorage<string[]>();

/** Runs every failure with every operation, concurrently, each with its own server and proxy. */
export async function runMatrix(): Promise<Row[]> {
  console.warn = (message: string) => warnings.getStore()?.push(message);
  observeAttempts();
  shortenTimeouts();
  // Lookups send requests: with mocks they would call those.
  pulumi.runtime.setMockOptions({}, "failures", "test");
  await provider.configure({ config: { get: (key) => pulumi.runtime.getConfig(key) } });
  const cases = listCases();
  // All servers first: one that started later could get the port of another one that refuses connections.
  const servers = await Promise.all(cases.map(startServers));
  const { default: pLimit } = await import("p-limit");
  const limit = pLimit(concurrency);
  return await Promise.all(
    cases.map((testCase, index) =>
      limit(async () => {
        const logged: string[] = [];
        const row = await warnings.run(logged, () => runCase(testCase, servers[index] as Servers, logged));
        await sleep(pause);
        return row;
      }),
    ),
  );
}

/** Those that take longest first. */
function listCases(): Case[] {
  return [...scopes]
    .reverse()
    .flatMap((scope) =>
      failures
        .filter((failure) => failure.scopes.includes(scope))
        .flatMap((failure) =>
          kindsOf(failure).flatMap((kind) =>
            operationsOf(failure, kind).map((operation) => ({ failure, scope, kind, operation })),
          ),
        ),
    );
}

/** Starts the server of a case, and configures connections to it. */
async function startServers(testCase: Case, index: number): Promise<Servers> {
  const server = await Authentik.start();
  rememberToken(server.token);
  const failingServer = await startFailingServer(testCase, server, index);
  const connections = { server, failing: `failing${index}`, direct: `direct${index}` };
  configureConnection(connections.failing, failingServer.url, server.token);
  configureConnection(connections.direct, server.url, server.token);
  return { connections, failingServer };
}

async function runCase(
  testCase: Case,
  { connections, failingServer }: Servers,
  logged: readonly string[],
): Promise<Row> {
  const { failure, scope, kind, operation } = testCase;
  const { server } = connections;
  const { url } = failingServer;
  try {
    const subject = await prepareSubject(kind, operation, connections);
    // Otherwise the search for earlier creations would meet the refused connections.
    if (operation === "create" && failure.handle && failure.refusals) await createAnother(connections);
    if (failure.hasShortTimeouts) shortenTimeoutsOf(url, scope === "first" ? subject : undefined);
    await failingServer.arm(subject);
    const before = attemptsAt(url).length;
    const result = await subject.run().then(
      (value) => ({ value }),
      (error: unknown) => ({ error: error as Error }),
    );
    const error = "error" in result ? result.error : undefined;
    const attempts = attemptsAt(url)
      .slice(before)
      .filter(({ path }) => !isSearchForEarlierCreations(path));
    const warned = [...logged];
    const isAdopted = warned.some((warning) => warning.includes(adoptionWarning));
    const otherWarnings = warned.filter((warning) => !warning.includes(adoptionWarning));
    const violations = [
      ...(await subject.verify(result, logged)),
      ...checkAttempts(testCase, subject, attempts),
      ...checkError(error, kind),
      ...(failure.isHarmless && error ? ["fails, although the server is only slow"] : []),
      ...otherWarnings.map((warning) => `warns: ${warning}`),
    ];
    // After the verification, which remembers the pks on the server.
    const output = [error?.message, error?.stack, ...logged].join("\n");
    return {
      failure: failure.title,
      scope,
      kind,
      operation,
      outcome: error ? "fails" : isAdopted ? "adopts" : "succeeds",
      ...(error ? { message: normalize(error.message, url) } : {}),
      requests: countByMethod(attempts),
      violations: containsSecret(output) ? [...violations, "prints a secret"] : violations,
    };
  } finally {
    await failingServer.close();
    await server.close();
  }
}

function configureConnection(name: string, url: string, token: string): void {
  pulumi.runtime.setConfig(`${name}:url`, url);
  pulumi.runtime.setConfig(`${name}:token`, token);
}

async function startFailingServer(testCase: Case, server: Authentik, index: number): Promise<FailingServer> {
  const { address } = testCase.failure;
  if (address === "unresolvable") {
    // A label of more than 63 characters: no resolver asks the network for it.
    const url = `http://${"x".repeat(64)}.${index}.invalid`;
    return { url, arm: () => undefined, close: async () => undefined };
  }
  if (address === "silent") return await startSilentServer();
  const proxy = await FailureProxy.start(server.url, typeof address === "object" ? { tls: address } : {});
  return { url: proxy.url, arm: (subject) => armProxy(proxy, testCase, subject), close: () => proxy.close() };
}

/** A server that accepts connections and never sends anything. */
async function startSilentServer(): Promise<FailingServer> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    arm: () => undefined,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

async function armProxy(proxy: FailureProxy, { failure, scope }: Case, subject: Subject): Promise<void> {
  if (failure.address === "refuses") await proxy.stopListening();
  if (failure.address === "resets") proxy.connectionsToReset = scope === "first" ? 1 : Number.POSITIVE_INFINITY;
  const { handle } = failure;
  if (handle) {
    const isSubject = (method: string, path: string): boolean => method === subject.method && path === subject.path;
    proxy.script(scope === "first" ? { matches: isSubject, times: 1, handle } : { matches: () => true, handle });
  }
  if (scope === "first" && failure.refusals !== undefined) {
    let left = failure.refusals;
    onConnectError(proxy.url, () => {
      left -= 1;
      if (left === 0) void proxy.listen();
    });
  }
}

/** The first create of a process searches for creations of the stack: one request, in the background, for at most 5 seconds. */
function isSearchForEarlierCreations(path: string): boolean {
  return path.includes("search=pulumi-authentik-invitations");
}

/** Rule 8: what may be sent how often. */
function checkAttempts(
  { failure, scope }: Case,
  { method, path, hasLookup }: Subject,
  attempts: readonly Attempt[],
): string[] {
  const own = attempts.filter((attempt) => attempt.method === method && attempt.path.split("?")[0] === path);
  const most = method === "POST" && !failure.isPostRetryable ? 1 : maxAttempts;
  const writes = attempts.filter((attempt) => attempt.method !== "GET" && !own.includes(attempt));
  const waits = own.slice(1).map(({ at }, index) => at - (own[index]?.at ?? 0));
  const { retryAfter = 0 } = failure;
  return [
    ...(own.length === 0 && !(hasLookup && scope === "every") ? ["sends no request"] : []),
    ...(own.length > most ? [`sends ${method} ${own.length} times`] : []),
    ...writes.map((write) => `sends another ${write.method}`),
    // Timers may fire a millisecond early.
    ...(waits.some((wait) => wait < retryAfter - 5) ? ["ignores Retry-After"] : []),
  ];
}

/** What an error must be for a person to act on it. */
function checkError(error: Error | undefined, kind: Kind): string[] {
  if (error === undefined) return [];
  const advice = /\b(Check|Set|Run|Retry|Update|Correct)\b/;
  return [
    ...(error.stack ? ["has a stack trace"] : []),
    ...(error.message.includes("\n") ? ["has several lines"] : []),
    ...(advice.test(error.message) ? [] : [`says not what to do: ${error.message}`]),
    ...(error.message.includes(kind) ? [] : [`does not name the object: ${error.message}`]),
  ];
}

function countByMethod(attempts: readonly Attempt[]): string[] {
  const methods = [...new Set(attempts.map(({ method }) => method))];
  return methods.map((method) => {
    const count = attempts.filter((attempt) => attempt.method === method).length;
    return count === 1 ? method : `${count} ${method}`;
  });
}

/** Replaces what differs between runs. */
function normalize(message: string, url: string): string {
  return message
    .replaceAll(/\bfailing\d+:/g, "authentik:")
    .replaceAll(url, `${new URL(url).protocol}//authentik.example.com`)
    .replaceAll(/ \(request [0-9a-f]+\)/g, "")
    .replaceAll(/<[0-9a-f]{16}>/g, "<id>")
    .replaceAll(/Connect Timeout Error \([^)]*\)/g, "Connect Timeout Error")
    .replaceAll(/\bEAI_AGAIN\b/g, "ENOTFOUND");
}
