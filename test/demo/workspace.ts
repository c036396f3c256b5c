import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, realpathSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { findPulumi, type PulumiCli } from "../pulumi-cli";
import { descendants, endedChildrenCpu, kill, unlessInterrupted } from "./processes";

/** Where package.json is. */
export const root = dirname(require.resolve("pulumi-authentik-invitations/package.json"));

/** Commands that change or compare resources; the others know nothing of progress. */
const operations = new Set(["up", "preview", "refresh", "destroy"]);

/** How long an interrupted `pulumi` may finish what it is at, and save it. */
const graceSeconds = 15;

/** A proxy that the environment names cannot reach servers on this machine. */
export function directToLoopback(): { NO_PROXY: string; no_proxy: string } {
  const named = process.env.no_proxy ?? process.env.NO_PROXY;
  const direct = [...(named ? [named] : []), "127.0.0.1", "localhost"].join(",");
  return { NO_PROXY: direct, no_proxy: direct };
}

/** Whether to print colors. `FORCE_COLOR=1` keeps them in a pipe, for the picture of `npm run docs`. */
export function hasColors(): boolean {
  return process.stdout.isTTY || process.env.FORCE_COLOR === "1";
}

export interface Run {
  readonly code: number;
  /** Both streams together, as a person sees them, without colours. */
  readonly output: string;
  /** What was written to standard output alone. */
  readonly stdout: string;
  readonly seconds: number;
  /** CPU seconds of it and of all that it started; undefined where the system does not tell. */
  readonly cpuSeconds: number | undefined;
}

export interface RunOptions {
  /** For standard input; what is secret shows in no list of processes this way. */
  readonly input?: string;
  /** Print what it prints, as it comes. */
  readonly echo?: boolean;
}

/** A temporary folder that holds all that Pulumi writes: stacks, their settings, its own home, temporary files. */
export class Workspace {
  readonly folder: string;
  readonly #cli: PulumiCli;
  readonly #interrupted: AbortSignal;
  readonly #env: NodeJS.ProcessEnv;

  private constructor(cli: PulumiCli, interrupted: AbortSignal, prefix: string) {
    this.#cli = cli;
    this.#interrupted = interrupted;
    // The real path: Pulumi compares paths that Node has resolved. And at one go, so that no interrupt comes between.
    this.folder = realpathSync(mkdtempSync(join(tmpdir(), prefix)));
    const [backend, temporary] = ["backend", "tmp"].map((name) => join(this.folder, name)) as [string, string];
    for (const folder of [backend, temporary]) mkdirSync(folder);
    // What the user has set for their own stacks and their own authentik stays out.
    const others = Object.entries(process.env).filter(([name]) => !/^(PULUMI|AUTHENTIK)_/.test(name));
    this.#env = {
      ...Object.fromEntries(others),
      ...directToLoopback(),
      PATH: cli.path,
      PULUMI_HOME: join(this.folder, "home"),
      PULUMI_BACKEND_URL: `file://${backend}`,
      PULUMI_CONFIG_PASSPHRASE: randomBytes(16).toString("hex"),
      PULUMI_SKIP_UPDATE_CHECK: "true",
      PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
      TMPDIR: temporary,
      TMP: temporary,
      TEMP: temporary,
    };
  }

  static async create(interrupted: AbortSignal, prefix: string): Promise<Workspace> {
    const cli = await unlessInterrupted(interrupted, findPulumi());
    return new Workspace(cli, interrupted, prefix);
  }

  get pulumiVersion(): string {
    return this.#cli.version;
  }

  /** Runs `pulumi` to its end, whatever its exit code. An interrupt ends it, and is thrown when it has ended. */
  async pulumi(args: readonly string[], { input, echo = false }: RunOptions = {}): Promise<Run> {
    this.#interrupted.throwIfAborted();
    const start = performance.now();
    const cpuBefore = endedChildrenCpu();
    const all = [
      ...args,
      "--non-interactive",
      ...(operations.has(args[0] ?? "") ? ["--suppress-progress"] : []),
      ...["--color", echo && hasColors() ? "always" : "never"],
    ];
    // A group of its own: Ctrl+C is ours to pass on.
    const child = spawn(this.#cli.command, all, { cwd: this.folder, env: this.#env, detached: true });
    let output = "";
    let stdout = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      stdout += text;
      if (echo) process.stdout.write(text);
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      if (echo) process.stdout.write(text);
    });
    child.stdin.on("error", () => {
      // It may end without reading it.
    });
    child.stdin.end(input ?? "");

    let started: number[] = [];
    let impatience: NodeJS.Timeout | undefined;
    const stop = (): void => {
      // Its plugins are in groups of their own, and would be nobody's children without it.
      started = [child.pid ?? 0, ...descendants(child.pid)].filter((pid) => pid > 0);
      child.kill("SIGINT");
      impatience = setTimeout(() => kill([...started, ...descendants(child.pid)]), graceSeconds * 1000);
    };
    this.#interrupted.addEventListener("abort", stop, { once: true });
    try {
      const code = await new Promise<number>((resolve, reject) => {
        child.on("error", reject);
        child.on("close", (status) => resolve(status ?? 1));
      });
      this.#interrupted.throwIfAborted();
      const seconds = (performance.now() - start) / 1000;
      const cpuAfter = endedChildrenCpu();
      const cpuSeconds = cpuBefore === undefined || cpuAfter === undefined ? undefined : cpuAfter - cpuBefore;
      return {
        code,
        output: stripVTControlCharacters(output),
        stdout: stripVTControlCharacters(stdout),
        seconds,
        cpuSeconds,
      };
    } finally {
      clearTimeout(impatience);
      kill(started);
      this.#interrupted.removeEventListener("abort", stop);
    }
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
