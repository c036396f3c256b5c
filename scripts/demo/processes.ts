/** Exits cleanly, also after Ctrl+C: ends every process that was started, and removes everything that was created. */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

const signals = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

/** The user or the system asked this process to end. */
export class InterruptedError extends Error {
  constructor(readonly signal: keyof typeof signals) {
    super(`Interrupted by ${signal}`);
  }
}

/** An error for the user of this command. It is printed without a stack trace. */
export class ExpectationError extends Error {}

/**
 * Runs `main`, and sets the exit code of the process. The `AbortSignal` is aborted by SIGHUP, SIGINT or SIGTERM: `main` then cleans up, as it does
 * after a failure. Another signal more than a second later kills all child processes immediately.
 */
export async function runMain(main: (interrupted: AbortSignal) => Promise<void>): Promise<void> {
  const controller = new AbortController();
  let firstAt: number | undefined;
  const interrupt = (signal: keyof typeof signals): void => {
    firstAt ??= performance.now();
    // Under npm, one Ctrl+C arrives twice: from the terminal, and forwarded by npm.
    if (controller.signal.aborted && performance.now() - firstAt > 1000) killAll(findDescendants());
    controller.abort(new InterruptedError(signal));
  };
  for (const signal of Object.keys(signals) as (keyof typeof signals)[]) process.on(signal, interrupt);
  // npm forwards SIGTERM only to the shell that it started this process with, and that shell does not forward it.
  const parent = process.ppid;
  const interruptIfOrphaned = (): void => (process.ppid === parent ? undefined : interrupt("SIGTERM"));
  if (process.env.npm_lifecycle_event !== undefined) setInterval(interruptIfOrphaned, 200).unref();
  // The reader of the output has closed it, as in `npm run demo | head`.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => interrupt("SIGHUP"));
  try {
    await main(controller.signal);
  } catch (error) {
    printError(error);
    process.exitCode = 1;
  }
  if (controller.signal.aborted) {
    killAll(findDescendants());
    const { signal } = controller.signal.reason as InterruptedError;
    process.exit(128 + signals[signal]);
  }
}

function printError(error: unknown): void {
  if (error instanceof InterruptedError) process.stderr.write(`\n${error.message}. Everything was cleaned up.\n`);
  else if (error instanceof ExpectationError) process.stderr.write(`\n${error.message}\n`);
  else process.stderr.write(`\n${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
}

/** Cleanup steps to run at the end, last one first. A step that fails does not prevent the others. */
export class CleanupStack {
  readonly #steps: (() => Promise<void>)[] = [];

  /** Adds a cleanup step. */
  defer(step: () => Promise<void>): void {
    this.#steps.push(step);
  }

  /** Runs all steps, then throws the first error. */
  async run(): Promise<void> {
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

/** Waits for `promise`, or throws the interruption if that comes first. */
export async function waitUnlessInterrupted<T>(interrupted: AbortSignal, promise: Promise<T>): Promise<T> {
  interrupted.throwIfAborted();
  return await new Promise<T>((resolve, reject) => {
    const stop = (): void => reject(interrupted.reason as InterruptedError);
    interrupted.addEventListener("abort", stop, { once: true });
    promise.then(resolve, reject).finally(() => interrupted.removeEventListener("abort", stop));
  });
}

/** Pids of all child processes, their children, and so on. */
export function findDescendants(ancestor: number = process.pid): number[] {
  const children = new Map<number, number[]>();
  for (const [pid, parent] of listProcesses()) children.set(parent, [...(children.get(parent) ?? []), pid]);
  const collect = (pid: number): number[] => (children.get(pid) ?? []).flatMap((child) => [child, ...collect(child)]);
  return collect(ancestor);
}

export function killAll(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has already ended.
    }
  }
}

/** CPU seconds of all descendants that have ended. Undefined on systems other than Linux. */
export function readEndedChildrenCpu(): number | undefined {
  const ticksPerSecond = 100;
  try {
    const [user, system] = readFieldsAfterName("/proc/self/stat").slice(13, 15).map(Number);
    return user === undefined || system === undefined ? undefined : (user + system) / ticksPerSecond;
  } catch {
    return undefined;
  }
}

/** The pid and parent pid of every process. Minimal Linux images have no `ps`; other systems have no `/proc`. */
function listProcesses(): [number, number][] {
  try {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .flatMap((name) => {
        const parent = readParentPid(`/proc/${name}/stat`);
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

function readParentPid(statFile: string): number | undefined {
  try {
    return Number(readFieldsAfterName(statFile)[1]);
  } catch {
    return undefined;
  }
}

/** The fields from the process state on. The second field, the program name in parentheses, may itself contain spaces and parentheses. */
function readFieldsAfterName(statFile: string): string[] {
  return readFileSync(statFile, "utf8").split(") ").at(-1)?.split(" ") ?? [];
}
