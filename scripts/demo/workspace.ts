import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, realpathSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { findPulumi, findYamlHost, type PulumiCli } from "../pulumi-cli";
import { findDescendants, killAll, readEndedChildrenCpu, waitUnlessInterrupted } from "./processes";

/** The folder of package.json. */
export const root = dirname(require.resolve("pulumi-authentik-invitations/package.json"));

/** The commands that have the option `--suppress-progress`. */
const resourceCommands = new Set(["up", "preview", "refresh", "destroy"]);

/** How long an interrupted `pulumi` may take to finish its current steps and save the state. */
const graceSeconds = 15;

/** Excludes loopback from the environment's proxy, which cannot reach servers on this machine. */
export function buildNoProxyEnv(): { NO_PROXY: string; no_proxy: string } {
  const configured = process.env.no_proxy ?? process.env.NO_PROXY;
  const hosts = [...(configured ? [configured] : []), "127.0.0.1", "localhost"].join(",");
  return { NO_PROXY: hosts, no_proxy: hosts };
}

/** Whether to print colors. `FORCE_COLOR=1` keeps them in a pipe, for the picture of `npm run docs`. */
export function hasColors(): boolean {
  return process.stdout.isTTY || process.env.FORCE_COLOR === "1";
}

export interface RunResult {
  readonly code: number;
  /** Standard output and standard error, interleaved, without colors. */
  readonly output: string;
  /** Standard output only. */
  readonly stdout: string;
  readonly seconds: number;
  /** CPU seconds of `pulumi` and its child processes. Undefined on systems other than Linux. */
  readonly cpuSeconds: number | undefined;
}

export interface RunOptions {
  /** Standard input. Keeps secrets out of the process list. */
  readonly input?: string;
  /** Print the output as it arrives. */
  readonly echo?: boolean;
}

/** A temporary folder for everything that Pulumi writes: stacks, their configuration, its home folder, temporary files. */
export class Workspace {
  readonly folder: string;
  readonly #cli: PulumiCli;
  readonly #interrupted: AbortSignal;
  readonly #env: NodeJS.ProcessEnv;

  private constructor(cli: PulumiCli, interrupted: AbortSignal, prefix: string) {
    this.#cli = cli;
    this.#interrupted = interrupted;
    // The real path, because Pulumi compares it with paths that Node has resolved. Synchronous, so that no interrupt leaves the folder behind.
    this.folder = realpathSync(mkdtempSync(join(tmpdir(), prefix)));
    const [backend, temporary] = ["backend", "tmp"].map((name) => join(this.folder, name)) as [string, string];
    for (const folder of [backend, temporary]) mkdirSync(folder);
    // Ignores the user's settings for their own stacks and their own authentik.
    const inherited = Object.entries(process.env).filter(([name]) => !/^(PULUMI|AUTHENTIK)_/.test(name));
    this.#env = {
      ...Object.fromEntries(inherited),
      ...buildNoProxyEnv(),
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
    const cli = await waitUnlessInterrupted(interrupted, findPulumi());
    return new Workspace(cli, interrupted, prefix);
  }

  get pulumiVersion(): string {
    return this.#cli.version;
  }

  /** Lets `pulumi` run programs in YAML, with the plugins in these folders. */
  async addYamlHost(...pluginFolders: readonly string[]): Promise<void> {
    const folder = await waitUnlessInterrupted(this.#interrupted, findYamlHost());
    this.#env["PATH"] = [...pluginFolders, this.#cli.path, folder].join(delimiter);
  }

  /** Runs `pulumi`, and returns its exit code and output. An interrupt is passed on to it, and thrown after it has ended. */
  async runPulumi(args: readonly string[], { input, echo = false }: RunOptions = {}): Promise<RunResult> {
    this.#interrupted.throwIfAborted();
    const start = performance.now();
    const cpuBefore = readEndedChildrenCpu();
    const allArgs = [
      ...args,
      "--non-interactive",
      ...(resourceCommands.has(args[0] ?? "") ? ["--suppress-progress"] : []),
      ...["--color", echo && hasColors() ? "always" : "never"],
    ];
    // In its own process group, so that Ctrl+C does not reach it directly.
    const child = spawn(this.#cli.command, allArgs, { cwd: this.folder, env: this.#env, detached: true });
    let output = "";
    let stdout = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      output += chunk;
      stdout += chunk;
      if (echo) process.stdout.write(chunk);
    });
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
      output += chunk;
      if (echo) process.stdout.write(chunk);
    });
    child.stdin.on("error", () => {
      // `pulumi` may end without reading its input.
    });
    child.stdin.end(input ?? "");

    let pids: number[] = [];
    let killTimer: NodeJS.Timeout | undefined;
    const stop = (): void => {
      // Collected now: plugins run in their own process groups, and are no longer descendants after `pulumi` has ended.
      pids = [child.pid ?? 0, ...findDescendants(child.pid)].filter((pid) => pid > 0);
      child.kill("SIGINT");
      killTimer = setTimeout(() => killAll([...pids, ...findDescendants(child.pid)]), graceSeconds * 1000);
    };
    this.#interrupted.addEventListener("abort", stop, { once: true });
    try {
      const code = await new Promise<number>((resolve, reject) => {
        child.on("error", reject);
        child.on("close", (status) => resolve(status ?? 1));
      });
      this.#interrupted.throwIfAborted();
      const seconds = (performance.now() - start) / 1000;
      const cpuAfter = readEndedChildrenCpu();
      const cpuSeconds = cpuBefore === undefined || cpuAfter === undefined ? undefined : cpuAfter - cpuBefore;
      return {
        code,
        output: stripVTControlCharacters(output),
        stdout: stripVTControlCharacters(stdout),
        seconds,
        cpuSeconds,
      };
    } finally {
      clearTimeout(killTimer);
      killAll(pids);
      this.#interrupted.removeEventListener("abort", stop);
    }
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
