import { type ChildProcess, execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import type { Authentik } from "../../sandbox";
import { findPulumi, findYamlHost, type PulumiCli } from "../../scripts/pulumi-cli";
import { encryptSecret, secretsProvider, vaultEnvironment } from "./vault";

/** The directory of the package under test. Its build in `dist` is tested, so run `npm run build` first. */
export const packageRoot = dirname(require.resolve("pulumi-authentik-invitations/package.json"));

const pulumiSdk = join(packageRoot, "node_modules", "@pulumi", "pulumi");

/** The value of `NODE_OPTIONS` with which `pulumi` commands take less time. */
export const preload = `--require ${JSON.stringify(join(packageRoot, "test/engine/preload.js"))}`;

let cli: Promise<PulumiCli> | undefined;

/** The files that `pulumi stack init` wrote for the first stack of each name. All others copy them, which saves half a second each. */
const stackFiles = new Map<string, Promise<Readonly<Record<string, string>>>>();

export interface Run {
  /** The exit code. */
  readonly code: number;
  /** Standard output followed by standard error. */
  readonly output: string;
}

/** No error that a test causes has a stack trace. Returns the run. */
function rejectStackTrace(run: Run): Run {
  if (/^\s+at .*(\(|:\d)/m.test(run.output)) throw new Error(`A run printed a stack trace:\n${run.output}`);
  return run;
}

/** A resource in the state. */
export interface StateResource {
  readonly urn: string;
  readonly type: string;
  readonly id?: string;
  inputs: Record<string, unknown>;
  outputs: Record<string, unknown>;
  readonly protect?: boolean;
  readonly parent?: string;
}

interface Deployment {
  readonly resources?: StateResource[];
  pending_operations?: object[];
}

export interface ProjectOptions {
  /** Name of the project. Defaults to `test`. */
  readonly name?: string;
  /** Name of the stack. Defaults to `test`. */
  readonly stack?: string;
  /** The server for `authentik:url` and `authentik:token`, which otherwise stay unset. */
  readonly authentik?: Pick<Authentik, "url" | "token">;
  /** Additional configuration. A value `{ secret: … }` is set with `--secret`. */
  readonly config?: Readonly<Record<string, string | { secret: string }>>;
  readonly env?: Readonly<Record<string, string>>;
  /** Whether to link the package and the Pulumi SDK into `node_modules`. Defaults to `true`. */
  readonly link?: boolean;
  /**
   * Whether to put the plugin and the language host for YAML programs on the PATH, and to configure the plugin as well. An archive is installed
   * by `pulumi plugin install`, and neither node nor anything else but `pulumi` and that language host are on the PATH.
   */
  readonly plugin?: boolean | { readonly version: string; readonly archive: string };
  /** Folder of the `node` that runs the program and the provider. Defaults to the first one on the PATH. */
  readonly node?: string;
}

/** A Pulumi project in a temporary folder, with a stack on a file backend. Runs the real `pulumi` CLI. */
export class Project {
  readonly folder: string;
  readonly #name: string;
  readonly #stack: string;
  readonly #env: Record<string, string>;
  #command = "";

  private constructor(folder: string, { name = "test", stack = "test" }: ProjectOptions, env: Record<string, string>) {
    this.folder = folder;
    this.#name = name;
    this.#stack = stack;
    this.#env = env;
  }

  /** Creates a project with a CommonJS program, in which `authentik` and `pulumi` are in scope. */
  static async create(program: string, options: ProjectOptions = {}): Promise<Project> {
    // Pulumi compares this path with paths that Node.js has resolved, so resolve symbolic links.
    const folder = await realpath(await mkdtemp(join(tmpdir(), "authentik-invitations-")));
    const project = new Project(folder, options, {
      ...((options.link ?? true) ? { NODE_OPTIONS: preload } : {}),
      ...(options.env ?? {}),
      HOME: folder,
      PULUMI_HOME: join(folder, ".pulumi-home"),
      PULUMI_BACKEND_URL: `file://${folder}/backend`,
      ...(await vaultEnvironment()),
      // For the stacks that a test initializes.
      PULUMI_CONFIG_PASSPHRASE: "a passphrase for tests",
      PULUMI_SKIP_UPDATE_CHECK: "true",
      PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
      NO_COLOR: "1",
      // Takes memory instead of time.
      GOGC: "400",
    });
    cli ??= findPulumi();
    const { command, path } = await cli;
    project.#command = command;
    project.#env.PATH = options.node === undefined ? path : [options.node, path].join(delimiter);
    await mkdir(join(folder, "backend"));
    await mkdir(join(folder, "node_modules", "@pulumi"), { recursive: true });
    await project.writeFile("package.json", JSON.stringify({ name: "test-program", private: true }));
    await project.#writeProject("runtime:\n  name: nodejs\n  options:\n    typescript: false\n");
    if (options.link ?? true) {
      await symlink(packageRoot, join(folder, "node_modules", "pulumi-authentik-invitations"));
      await symlink(pulumiSdk, join(folder, "node_modules", "@pulumi", "pulumi"));
      if (options.node === undefined && typeof options.plugin !== "object") await project.#addNode();
    }
    if (options.plugin === true) await project.#addPlugin();
    else if (options.plugin) await project.#installPlugin(options.plugin);
    await project.write(program);
    const stack = project.#stateFile;
    const files = stackFiles.get(stack) ?? project.#initStack();
    stackFiles.set(stack, files);
    for (const [file, content] of Object.entries(await files)) await project.writeFile(file, content);
    await project.#selectStack();
    const { authentik } = options;
    const namespaces = options.plugin ? ["authentik", "authentik-invitations"] : ["authentik"];
    const settings = namespaces.flatMap((namespace): [string, string | { secret: string }][] =>
      authentik
        ? [
            [`${namespace}:url`, authentik.url],
            [`${namespace}:token`, { secret: authentik.token }],
          ]
        : [],
    );
    await project.#configure({ ...Object.fromEntries(settings), ...options.config });
    return project;
  }

  /** As `pulumi config set-all` does, in no time. */
  async #configure(config: Readonly<Record<string, string | { secret: string }>>): Promise<void> {
    const file = `Pulumi.${this.#stack}.yaml`;
    const stack = await this.readFile(file);
    const entries = Object.entries(config).map(([key, value]) => [
      key,
      typeof value === "string" ? value : { secure: encryptSecret(stack, value.secret) },
    ]);
    await this.writeFile(file, `${stack}config: ${JSON.stringify(Object.fromEntries(entries))}\n`);
  }

  /** A `node` that answers at once what the language host asks of it before each run, and is the real one for all else. */
  async #addNode(): Promise<void> {
    const bin = join(this.folder, "bin");
    const resolved = (command: string): string =>
      `-e*/cmd/${command}*) echo '${join(pulumiSdk, "cmd", command, "index.js")}' ;;`;
    const script = `#!/bin/sh
case "$*" in
--version) echo ${process.version} ;;
${resolved("run")}
${resolved("dynamic-provider")}
*) exec '${process.execPath}' "$@" ;;
esac
`;
    await mkdir(bin, { recursive: true });
    await writeFile(join(bin, "node"), script, { mode: 0o755 });
    this.prependPath(bin);
  }

  async #addPlugin(): Promise<void> {
    const bin = join(this.folder, "bin");
    const main = join(packageRoot, "dist", "plugin", "main.js");
    await mkdir(bin, { recursive: true });
    await chmod(main, 0o755);
    await symlink(main, join(bin, "pulumi-resource-authentik-invitations"));
    this.prependPath(bin, await findYamlHost());
  }

  async #installPlugin({ version, archive }: { version: string; archive: string }): Promise<void> {
    const bin = join(this.folder, "bin");
    await mkdir(bin, { recursive: true });
    await symlink(this.#command, join(bin, "pulumi"));
    await symlink(join(await findYamlHost(), "pulumi-language-yaml"), join(bin, "pulumi-language-yaml"));
    this.#env.PATH = bin;
    await this.succeed("plugin", "install", "resource", "authentik-invitations", version, "--file", archive);
  }

  /** Puts folders before all others on the PATH. */
  prependPath(...folders: readonly string[]): void {
    this.#env.PATH = [...folders, this.#env.PATH].join(delimiter);
  }

  /** Replaces the program with a YAML program. */
  async writeYaml(program: string): Promise<void> {
    await this.#writeProject(`runtime: yaml\n${program}`);
  }

  async #writeProject(settings: string): Promise<void> {
    await this.writeFile("Pulumi.yaml", `name: ${this.#name}\n${settings}`);
  }

  async #initStack(): Promise<Record<string, string>> {
    await this.succeed("stack", "init", this.#stack, "--secrets-provider", secretsProvider);
    const files = [`Pulumi.${this.#stack}.yaml`, "backend/.pulumi/meta.yaml", this.#stateFile];
    const read = async (file: string) => [file, await this.readFile(file)] as const;
    return Object.fromEntries(await Promise.all(files.map(read)));
  }

  /** As `pulumi stack select` does. */
  async #selectStack(): Promise<void> {
    const hash = createHash("sha1").update(join(this.folder, "Pulumi.yaml")).digest("hex");
    const file = join(".pulumi-home", "workspaces", `${this.#name}-${hash}-workspace.json`);
    await this.writeFile(file, JSON.stringify({ stack: `organization/${this.#name}/${this.#stack}` }));
  }

  /** Reads a file in the project's folder. */
  async readFile(file: string): Promise<string> {
    return await readFile(join(this.folder, file), "utf8");
  }

  async writeFile(file: string, content: string): Promise<void> {
    await mkdir(dirname(join(this.folder, file)), { recursive: true });
    await writeFile(join(this.folder, file), content);
  }

  /** The environment of its commands, for other commands that run `pulumi`. */
  get env(): Readonly<Record<string, string>> {
    return this.#env;
  }

  /** Replaces the program. */
  async write(program: string): Promise<void> {
    const prelude =
      'const authentik = require("pulumi-authentik-invitations");\nconst pulumi = require("@pulumi/pulumi");\n';
    await this.writeFile("index.js", prelude + program);
  }

  /** Replaces the program with one in TypeScript, and returns its path. Its types are not checked. */
  async writeTypeScript(program: string): Promise<string> {
    const file = join(this.folder, "index.ts");
    await writeFile(file, program);
    await this.#writeProject("runtime: nodejs\nmain: index.ts\n");
    return file;
  }

  /** Runs `pulumi` non-interactively. Does not throw if it fails. */
  async pulumi(...args: readonly string[]): Promise<Run> {
    return await this.#execute(this.#command, [...args, "--non-interactive"]);
  }

  async #execute(command: string, args: readonly string[]): Promise<Run> {
    const run = await new Promise<Run>((resolve) => {
      const options = { cwd: this.folder, env: this.#env, maxBuffer: 64 * 1024 * 1024 };
      execFile(command, args, options, (error, stdout, stderr) => {
        const code = error ? (typeof error.code === "number" ? error.code : 1) : 0;
        resolve({ code, output: stdout + stderr });
      });
    });
    return rejectStackTrace(run);
  }

  /** Runs `pulumi` and returns its output. Throws if it fails. */
  async succeed(...args: readonly string[]): Promise<string> {
    const { code, output } = await this.pulumi(...args);
    if (code !== 0) throw new Error(`pulumi ${args.join(" ")} exited with code ${code}:\n${output}`);
    return output;
  }

  async up(...args: readonly string[]): Promise<string> {
    return await this.succeed("up", "--yes", "--skip-preview", "--suppress-progress", ...args);
  }

  async preview(...args: readonly string[]): Promise<Run> {
    return await this.pulumi("preview", "--suppress-progress", ...args);
  }

  /** Previews, and returns the output. Throws if the preview has a change. */
  async expectNoChanges(...args: readonly string[]): Promise<string> {
    return await this.succeed("preview", "--suppress-progress", "--expect-no-changes", ...args);
  }

  async destroy(...args: readonly string[]): Promise<string> {
    return await this.succeed("destroy", "--yes", "--skip-preview", "--suppress-progress", ...args);
  }

  /** The stack's outputs, with secrets in plaintext. */
  async outputs(): Promise<Record<string, unknown>> {
    return JSON.parse(await this.succeed("stack", "output", "--json", "--show-secrets")) as Record<string, unknown>;
  }

  get #stateFile(): string {
    return `backend/.pulumi/stacks/${this.#name}/${this.#stack}.json`;
  }

  /** The content of the state file. */
  async stateText(): Promise<string> {
    return await this.readFile(this.#stateFile);
  }

  /** Changes the state, as anyone can who can write it. Returns a function that restores it. */
  async changeState(
    change: (resources: StateResource[], deployment: Deployment) => void,
  ): Promise<() => Promise<void>> {
    const before = await this.stateText();
    const state = JSON.parse(before) as { checkpoint: { latest: Deployment } };
    change(state.checkpoint.latest.resources ?? [], state.checkpoint.latest);
    await this.writeFile(this.#stateFile, JSON.stringify(state));
    return () => this.writeFile(this.#stateFile, before);
  }

  /** This package's resources in the state, by logical name. Secrets are encrypted, as in the state file. */
  async state(): Promise<Map<string, StateResource>> {
    const state = JSON.parse(await this.stateText()) as { checkpoint: { latest: Deployment } };
    const own = (state.checkpoint.latest.resources ?? []).filter(
      ({ type }) => type.includes("dynamic/authentik") || type.startsWith("authentik-invitations:"),
    );
    return new Map(own.map((resource) => [resource.urn.split("::").at(-1) ?? "", resource]));
  }

  /** Starts `pulumi` non-interactively, in a process group of its own. */
  start(...args: readonly string[]): { readonly child: ChildProcess; readonly run: Promise<Run> } {
    const child = spawn(this.#command, [...args, "--non-interactive"], {
      cwd: this.folder,
      env: this.#env,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const run = new Promise<Run>((resolve, reject) => {
      let output = "";
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding("utf8").on("data", (chunk: string) => {
          output += chunk;
        });
      }
      child.on("error", reject);
      child.on("close", (code) => resolve({ code: code ?? 1, output }));
    });
    return { child, run: run.then(rejectStackTrace) };
  }

  /** Runs this package's command line, for example `recover --yes`. Does not throw if it fails. */
  async runCommand(...args: readonly string[]): Promise<Run> {
    return await this.#execute(process.execPath, [join(packageRoot, "dist", "commands", "main.js"), ...args]);
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}
