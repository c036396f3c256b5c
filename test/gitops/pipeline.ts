import { spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { commandFile } from "../commands/fixture";
import { Project, type ProjectOptions } from "../engine/project";
import { FakeGitHub, githubToken } from "./fake-github";

export interface Result {
  readonly code: number;
  /** Both output streams, in order. */
  readonly log: string;
  readonly stdout: string;
  readonly stderr: string;
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
    readonly project: Project,
    readonly github: FakeGitHub,
  ) {}

  /** Creates a pipeline with the real Pulumi, for a project that has the package installed. */
  static async real(program: string, options: ProjectOptions = {}): Promise<Pipeline> {
    const project = await Project.create(program, { name: "team", stack: "staff", ...options });
    // The tests search this file for secrets.
    const github = await FakeGitHub.start(join(project.folder, "posts.json"));
    const pull_request = { number: 7, head: { sha: "0a1b2c3d" } };
    await project.writeFile("event.json", JSON.stringify({ pull_request }));
    return new Pipeline(project, github);
  }

  /** Creates a pipeline with the real Pulumi and the plugin, for a YAML program. */
  static async yaml(program: string, name = "team"): Promise<Pipeline> {
    const pipeline = await Pipeline.real("", { name, plugin: true });
    await pipeline.project.writeYaml(program);
    return pipeline;
  }

  /**
   * Creates a pipeline with a fake Pulumi that prints these lines, as messages of a preview with these steps if it is to print JSON, and exits with
   * this code.
   * Fakes of `recover` and `audit` find nothing, unless `recover()` and `audit()` set their results.
   */
  static async fake(lines: readonly string[], code: number, steps: readonly object[] = someSteps): Promise<Pipeline> {
    const pipeline = await Pipeline.real("");
    const { folder } = pipeline.project;
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
    await pipeline.project.writeFile("runs", "");
    await pipeline.audit({ code: 0, stdout: "[]" });
    await pipeline.recover({ code: 0 });
    await pipeline.project.writeFile("lines", lines.map((line) => `${line}\n`).join(""));
    const diagnostics = lines.map((message) => ({ message: `${message}\n`, severity: "info" }));
    await pipeline.project.writeFile("digest.json", JSON.stringify({ steps, diagnostics, changeSummary: { same: 4 } }));
    return pipeline;
  }

  private async installProgram(name: string, source: string): Promise<string> {
    const file = join(this.project.folder, "bin", name);
    await writeFile(file, source, { mode: 0o755 });
    return file;
  }

  /** Sets what the fake `recover` prints and exits with. */
  async recover(result: FakeResult): Promise<void> {
    await this.project.writeFile("recover.json", JSON.stringify(result));
  }

  /** Sets what the fake `audit` prints and exits with. */
  async audit(result: FakeResult): Promise<void> {
    await this.project.writeFile("audit.json", JSON.stringify(result));
  }

  /** The runs of the fake Pulumi and the fake commands so far. */
  async runs(): Promise<ProgramRun[]> {
    const lines = (await this.project.readFile("runs")).split("\n").filter((line) => line !== "");
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

  /** Runs `ci` with arguments such as `preview` or `report preview`, in the environment that the workflow and the runner set. */
  async run(command: string, env: Readonly<Record<string, string>> = {}): Promise<Result> {
    const { folder } = this.project;
    const child = spawn(process.execPath, [this.command, "ci", ...command.split(" ")], {
      cwd: folder,
      env: {
        ...this.project.env,
        PULUMI_STACK: "staff",
        GITHUB_REPOSITORY: "team/invitations",
        GITHUB_SERVER_URL: "https://github.example",
        GITHUB_RUN_ID: "4711",
        GITHUB_API_URL: this.github.url,
        GITHUB_EVENT_PATH: join(folder, "event.json"),
        GITHUB_TOKEN: githubToken,
        ...env,
      },
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

  async remove(): Promise<void> {
    await this.github.close();
    await this.project.remove();
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
