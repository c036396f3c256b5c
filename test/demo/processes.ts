/** Ending cleanly: what was started ends with us, and what was made is removed, also after Ctrl+C. */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

const signals = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

/** Somebody ended us: no failure of what was being done. */
export class Interrupted extends Error {
  constructor(readonly signal: keyof typeof signals) {
    super(`Interrupted by ${signal}`);
  }
}

/** A sentence for the person who started this; where it comes from in the code is of no use to them. */
export class Disappointment extends Error {}

/**
 * Runs a program's `main`, and ends the process with its outcome. The `AbortSignal` tells that somebody wants it to end: `main` cleans up then,
 * as it does after a failure. Who asks once more, a second later or after that, wants it at once.
 */
export async function runMain(main: (interrupted: AbortSignal) => Promise<void>): Promise<void> {
  const controller = new AbortController();
  let first: number | undefined;
  const interrupt = (signal: keyof typeof signals): void => {
    first ??= performance.now();
    // One Ctrl+C reaches us twice under npm: from the terminal, and passed on by npm.
    if (controller.signal.aborted && performance.now() - first > 1000) kill(descendants());
    controller.abort(new Interrupted(signal));
  };
  for (const signal of Object.keys(signals) as (keyof typeof signals)[]) process.on(signal, interrupt);
  // npm passes SIGTERM on to the shell between it and us, which ends without telling us.
  const parent = process.ppid;
  const orphaned = (): void => (process.ppid === parent ? undefined : interrupt("SIGTERM"));
  if (process.env.npm_lifecycle_event !== undefined) setInterval(orphaned, 200).unref();
  // Whoever read our output is gone: `npm run demo | head`.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => interrupt("SIGHUP"));
  try {
    await main(controller.signal);
  } catch (error) {
    process.exitCode = report(error);
  }
  if (controller.signal.aborted) {
    kill(descendants());
    const { signal } = controller.signal.reason as Interrupted;
    process.exit(128 + signals[signal]);
  }
}

function report(error: unknown): number {
  if (error instanceof Interrupted) process.stderr.write(`\n${error.message}; everything is cleaned up.\n`);
  else if (error instanceof Disappointment) process.stderr.write(`\n${error.message}\n`);
  else process.stderr.write(`\n${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  return 1;
}

/** What is to be undone at the end, whatever the end is: the last thing first, and each even where another cannot be. */
export class Undo {
  readonly #steps: (() => Promise<void>)[] = [];

  /** Notes how to undo what was just done. */
  later(step: () => Promise<void>): void {
    this.#steps.push(step);
  }

  async all(): Promise<void> {
    let failure: { error: unknown } | undefined;
    for (const step of this.#steps.splice(0).reverse()) {
      try {
        await step();
      } catch (error) {
        failure ??= { error };
      }
    }
    if (failure) throw failure.error;
  }
}

/** What `promise` gives, unless we are interrupted before. */
export async function unlessInterrupted<T>(interrupted: AbortSignal, promise: Promise<T>): Promise<T> {
  interrupted.throwIfAborted();
  return await new Promise<T>((resolve, reject) => {
    const stop = (): void => reject(interrupted.reason as Interrupted);
    interrupted.addEventListener("abort", stop, { once: true });
    promise.then(resolve, reject).finally(() => interrupted.removeEventListener("abort", stop));
  });
}

/** The processes that a process started, and those that they started. */
export function descendants(of: number = process.pid): number[] {
  const children = new Map<number, number[]>();
  for (const [pid, parent] of processes()) children.set(parent, [...(children.get(parent) ?? []), pid]);
  const below = (pid: number): number[] => (children.get(pid) ?? []).flatMap((child) => [child, ...below(child)]);
  return below(of);
}

export function kill(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has ended meanwhile.
    }
  }
}

/** CPU seconds of all children that have ended, and of theirs; undefined on others than Linux. */
export function endedChildrenCpu(): number | undefined {
  const ticksPerSecond = 100;
  try {
    const [user, system] = fieldsAfterName("/proc/self/stat").slice(13, 15).map(Number);
    return user === undefined || system === undefined ? undefined : (user + system) / ticksPerSecond;
  } catch {
    return undefined;
  }
}

/** Every process with its parent. Small machines have no `ps`, and others than Linux no `/proc`. */
function processes(): [number, number][] {
  try {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .flatMap((name) => {
        const parent = parentIn(`/proc/${name}/stat`);
        return parent === undefined ? [] : [[Number(name), parent]];
      });
  } catch {
    // Not Linux.
  }
  try {
    const lines = execFileSync("ps", ["-A", "-o", "pid=,ppid="], { encoding: "utf8" }).trim().split("\n");
    return lines.map((line): [number, number] => {
      const [pid, parent] = line.trim().split(/\s+/);
      return [Number(pid), Number(parent)];
    });
  } catch {
    return [];
  }
}

function parentIn(statFile: string): number | undefined {
  try {
    return Number(fieldsAfterName(statFile)[1]);
  } catch {
    return undefined;
  }
}

/** The second field is the program's name in brackets, which may hold blanks and brackets: those after it, from the state on. */
function fieldsAfterName(statFile: string): string[] {
  return readFileSync(statFile, "utf8").split(") ").at(-1)?.split(" ") ?? [];
}
