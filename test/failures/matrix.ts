import { AsyncLocalStorage } from "node:async_hooks";
import * as pulumi from "@pulumi/pulumi";
import { Authentik } from "../../sandbox";
import type { Door } from "../unit/support/doors";
import { type Attempt, attemptsAt, observeAttempts } from "./attempts";
import { connectTo } from "./connections";
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
import { normalize } from "./messages";
import { containsSecret, rememberToken } from "./secrets";
import { type FailingServer, startFailingServer } from "./servers";
import { createAnother, prepareSubject, type Subject } from "./subjects";
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

interface Servers {
  readonly server: Authentik;
  readonly failingServer: FailingServer;
}

const maxAttempts = 5;
const adoptionWarning =
  "the response to the create request was lost. authentik had created it; adopted the existing one";
/** Cases that run at once. They wait most of the time. */
const concurrency = 64;

/** The warnings of the case that runs in the current context. */
const warnings = new AsyncLocalStorage<string[]>();

/** Runs every failure with every operation behind one of the doors, concurrently, each with its own server and proxy. */
export async function runMatrix(door: Door): Promise<Row[]> {
  console.warn = (message: string) => warnings.getStore()?.push(message);
  observeAttempts();
  shortenTimeouts();
  // Lookups send requests: with mocks they would call those.
  pulumi.runtime.setMockOptions({}, "failures", "test");
  const cases = listCases();
  // All servers first: each must have a port of its own, because timeouts, attempts and late requests belong to a port.
  const servers = await Promise.all(cases.map(startServers));
  const { default: pLimit } = await import("p-limit");
  const limit = pLimit(concurrency);
  return await Promise.all(
    cases.map((testCase, index) =>
      limit(async () => {
        const logged: string[] = [];
        return await warnings.run(logged, () => runCase(testCase, door, servers[index] as Servers, logged));
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

async function startServers({ failure }: Case): Promise<Servers> {
  const server = await Authentik.start();
  rememberToken(server.token);
  return { server, failingServer: await startFailingServer(failure, server) };
}

async function runCase(
  testCase: Case,
  door: Door,
  { server, failingServer }: Servers,
  logged: readonly string[],
): Promise<Row> {
  const { failure, scope, kind, operation } = testCase;
  const { url } = failingServer;
  const failing = await connectTo(door, url, server.token);
  const direct = await connectTo(door, server.url, server.token);
  const connections = { server, failing, direct };
  try {
    const subject = await prepareSubject(kind, operation, connections);
    // Otherwise the search for earlier creations would meet the refused connections.
    if (operation === "create" && failure.handle && failure.refusals) await createAnother(connections);
    const onlyFirst = scope === "first" ? subject : undefined;
    if (failure.hasShortTimeouts) shortenTimeoutsOf(url, onlyFirst);
    await failingServer.arm(onlyFirst);
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
      ...(error ? { message: normalize(error.message, url, failing.settingName) } : {}),
      requests: countByMethod(attempts),
      violations: containsSecret(output) ? [...violations, "prints a secret"] : violations,
    };
  } finally {
    failing.close();
    direct.close();
    await failingServer.close();
    await server.close();
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
    ...(/\bauthentik:\w/.test(error.message) ? ["names a setting of another connection"] : []),
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
