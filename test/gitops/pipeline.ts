import { spawn } from "node:child_process";
import { chmod, mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { findPulumi, findYamlHost } from "../../scripts/pulumi-cli";
import { commandFile } from "../commands/fixture";
import { packageRoot, preload } from "../engine/project";
import { secretsProvider, vaultEnvironment } from "../engine/vault";
import { FakeGitHub, githubToken } from "./fake-github";

export interface Result {
  readonly code: number;
  /** Both output streams, in order. */
  readonly log: string;
  readonly stdout: string;
  readonly stderr: string;
}

export interface StateResource {
  readonly urn: string;
  readonly type: string;
  inputs?: Record<string, unknown>;
  outputs?: Record<string, unknown>;
}

interface Deployment {
  readonly resources: StateResource[];
  pending_operations?: object[];
}

/** A run of a fake program. */
export interface ProgramRun {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** What a fake command of the package prints and exits with. */
export interface FakeResult {
  readonly code: number;
  readonly stdout?: string;
  readonly stderr?: string;
}

/** Runs the command `ci` as a CI pipeline does, with a fake GitHub, and with the real Pulumi or a fake one. */
export class Pipeline {
  /** The file that runs the package's commands. */
  private command = commandFile;

  private constructor(
    readonly folder: string,
    private readonly path: string,
    readonly github: FakeGitHub,
    private readonly vault: Readonly<Record<string, string>>,
  ) {}

  /** Creates a pipeline with the real Pulumi, for a project that has the package installed. */
  static async real(program: string): Promise<Pipeline> {
    const pipeline = await Pipeline.create((await findPulumi()).path);
    const { folder } = pipeline;
    await mkdir(join(folder, "node_modules", "@pulumi"), { recursive: true });
    await symlink(packageRoot, join(folder, "node_modules", "pulumi-authentik-invitations"));
    await symlink(
      join(packageRoot, "node_modules", "@pulumi", "pulumi"),
      join(folder, "node_modules", "@pulumi", "pulumi"),
    );
    await writeFile(join(folder, "package.json"), JSON.stringify({ name: "team", private: true }));
    await writeFile(
      join(folder, "Pulumi.yaml"),
      "name: team\nruntime:\n  name: nodejs\n  options:\n    typescript: false\n",
    );
    await writeFile(
      join(folder, "index.js"),
      `const authentik = require("pulumi-authentik-invitations");\nconst pulumi = require("@pulumi/pulumi");\n${program}`,
    );
    return pipeline;
  }

  /** Creates a pipeline with the real Pulumi and the plugin, for a YAML program. */
  static async yaml(program: string, project = "team"): Promise<Pipeline> {
    const path = [(await findPulumi()).path, await findYamlHost()].join(delimiter);
    const pipeline = await Pipeline.create(path);
    const plugin = join(packageRoot, "dist", "plugin", "main.js");
    await chmod(plugin, 0o755);
    await symlink(plugin, join(pipeline.folder, "bin", "pulumi-resource-authentik-invitations"));
    await pipeline.writeYaml(program, project);
    return pipeline;
  }

  async writeYaml(program: string, project = "team"): Promise<void> {
    await this.writeFile("Pulumi.yaml", `name: ${project}\nruntime: yaml\n${program}`);
  }

  /**
   * Creates a pipeline with a fake Pulumi that prints these lines, as messages of a preview with these steps if it is to print JSON, and exits with
   * this code.
   * Fakes of `recover` and `audit` find nothing, unless `recover()` and `audit()` set their results.
   */
  static async fake(lines: readonly string[], code: number, steps: readonly object[] = someSteps): Promise<Pipeline> {
    const pipeline = await Pipeline.create(dirname(process.execPath));
    const { folder } = pipeline;
    // A shell starts faster than Node.js.
    await pipeline.installProgram(
      "pulumi",
      `#!/bin/sh
cd '${folder}'
run=$({ printf '%s\\0' "$@" ''; env -0; } | base64 | tr -d '\\n')
echo "pulumi $run" >> runs
case "$*" in *--json*) cat digest.json ;; *) cat lines ;; esac
exit ${code}
`,
    );
    pipeline.command = await pipeline.installProgram(
      "main.js",
      `const fs = require("node:fs");
const [, , name] = process.argv;
if (name === "ci") require(${JSON.stringify(commandFile)});
else {
  const values = Object.entries(process.env).map(([key, value]) => key + "=" + value);
  const run = [...process.argv.slice(2), "", ...values].join("\\0");
  fs.appendFileSync(${JSON.stringify(join(folder, "runs"))}, "command " + Buffer.from(run).toString("base64") + "\\n");
  const { code, stdout = "", stderr = "" } = JSON.parse(fs.readFileSync(${JSON.stringify(`${folder}/`)} + name + ".json", "utf8"));
  fs.writeSync(1, stdout);
  fs.writeSync(2, stderr);
  process.exitCode = code;
}
`,
    );
    await pipeline.audit({ code: 0, stdout: "[]" });
    await pipeline.recover({ code: 0 });
    await pipeline.writeFile("lines", lines.map((line) => `${line}\n`).join(""));
    const diagnostics = lines.map((message) => ({ message: `${message}\n`, severity: "info" }));
    await pipeline.writeFile("digest.json", JSON.stringify({ steps, diagnostics, changeSummary: { same: 4 } }));
    return pipeline;
  }

  private static async create(pulumi: string): Promise<Pipeline> {
    const folder = await realpath(await mkdtemp(join(tmpdir(), "gitops-")));
    const path = [join(folder, "bin"), dirname(process.execPath), pulumi, "/usr/bin", "/bin"].join(delimiter);
    // The tests search this file for secrets.
    const github = await FakeGitHub.start(join(folder, "posts.json"));
    const pipeline = new Pipeline(folder, path, github, await vaultEnvironment());
    await mkdir(join(folder, "bin"));
    await mkdir(join(folder, "backend"));
    const pull_request = { number: 7, head: { sha: "0a1b2c3d" } };
    await pipeline.writeFile("event.json", JSON.stringify({ pull_request }));
    return pipeline;
  }

  private async installProgram(name: string, source: string): Promise<string> {
    const file = join(this.folder, "bin", name);
    await writeFile(file, source);
    await chmod(file, 0o755);
    return file;
  }

  /** Sets what the fake `recover` prints and exits with. */
  async recover(result: FakeResult): Promise<void> {
    await this.writeFile("recover.json", JSON.stringify(result));
  }

  /** Sets what the fake `audit` prints and exits with. */
  async audit(result: FakeResult): Promise<void> {
    await this.writeFile("audit.json", JSON.stringify(result));
  }

  /** The runs of the fake Pulumi and the fake commands so far. */
  async runs(): Promise<ProgramRun[]> {
    const lines = (await this.readFile("runs")).split("\n").filter((line) => line !== "");
    return lines.map((line) => {
      const [program = "", encoded = ""] = line.split(" ");
      const values = Buffer.from(encoded, "base64").toString().split("\0");
      const end = values.indexOf("");
      const env = values.slice(end + 1).map((value) => [value.split("=", 1)[0], value.replace(/^[^=]*=/, "")] as const);
      return { program, args: values.slice(0, end), env: Object.fromEntries(env) };
    });
  }

  async lastRun(): Promise<ProgramRun | undefined> {
    return (await this.runs()).at(-1);
  }

  /** The variables that the workflow and the runner set. */
  private environment(): Record<string, string> {
    const { folder } = this;
    return {
      ...this.vault,
      PATH: this.path,
      HOME: folder,
      NODE_OPTIONS: preload,
      PULUMI_HOME: join(folder, ".pulumi-home"),
      PULUMI_BACKEND_URL: `file://${folder}/backend`,
      PULUMI_CONFIG_PASSPHRASE: "a passphrase for tests",
      PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
      PULUMI_STACK: "staff",
      GITHUB_REPOSITORY: "team/invitations",
      GITHUB_SERVER_URL: "https://github.example",
      GITHUB_RUN_ID: "4711",
      GITHUB_API_URL: this.github.url,
      GITHUB_EVENT_PATH: join(folder, "event.json"),
      GITHUB_TOKEN: githubToken,
    };
  }

  /** Runs `ci` with arguments such as `preview` or `report preview`. */
  async run(command: string, env: Readonly<Record<string, string>> = {}): Promise<Result> {
    return await this.execute(process.execPath, [this.command, "ci", ...command.split(" ")], env);
  }

  /** Runs Pulumi directly, as for the setup of a stack. */
  async pulumi(...args: string[]): Promise<Result> {
    return await this.execute("pulumi", [...args, "--non-interactive"], {});
  }

  async initStack(): Promise<void> {
    const { code, log } = await this.pulumi("stack", "init", "staff", "--secrets-provider", secretsProvider);
    if (code !== 0) throw new Error(log);
  }

  /** Changes the state, as anyone can who can write it. Returns a function that restores it. */
  async changeState(change: (deployment: Deployment) => void): Promise<() => Promise<void>> {
    const file = join("backend", ".pulumi", "stacks", "team", "staff.json");
    const before = await this.readFile(file);
    const state = JSON.parse(before) as { checkpoint: { latest: Deployment } };
    change(state.checkpoint.latest);
    await this.writeFile(file, JSON.stringify(state));
    return () => this.writeFile(file, before);
  }

  private async execute(command: string, args: string[], env: Readonly<Record<string, string>>): Promise<Result> {
    const child = spawn(command, args, {
      cwd: this.folder,
      env: { ...this.environment(), ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let log = "";
    const output = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const) {
      child[name].setEncoding("utf8").on("data", (chunk: string) => {
        log += chunk;
        output[name] += chunk;
      });
    }
    const code = await new Promise<number>((resolve, reject) => {
      child.on("error", reject).on("close", (status) => resolve(status ?? -1));
    });
    return { code, log, ...output };
  }

  async readFile(file: string): Promise<string> {
    return await readFile(join(this.folder, file), "utf8").catch(() => "");
  }

  async writeFile(file: string, content: string): Promise<void> {
    await writeFile(join(this.folder, file), content);
  }

  async remove(): Promise<void> {
    await this.github.close();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** A step of the output of `pulumi preview --json`. */
export function step(op: string, name: string, more: object = {}, type = "Invitation"): object {
  const state = { custom: true, inputs: { name }, outputs: {} };
  const urn = `urn:pulumi:staff::team::pulumi-nodejs:dynamic/authentik:${type}::${name}`;
  return { op, urn, oldState: state, newState: state, ...more };
}

const someSteps = [
  { op: "create", urn: "urn:pulumi:staff::team::pulumi:pulumi:Stack::team-staff", newState: { custom: false } },
  step("create", "jane", { oldState: undefined }),
  step("update", "bob", { detailedDiff: { name: { kind: "update", inputDiff: true } } }),
  step("update", "eve", { detailedDiff: { name: { kind: "update", inputDiff: true } } }),
];
