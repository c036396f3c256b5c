import { execFile } from "node:child_process";
import { linkSync, mkdirSync, readdirSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import * as ts from "typescript";
import { Project, type ProjectOptions, packageRoot, preloadForTypeScript } from "../engine/project";

export const examples = join(packageRoot, "examples");

export interface Manifest {
  readonly version?: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

export async function readManifest(folder: string): Promise<Manifest> {
  return JSON.parse(await readFile(join(folder, "package.json"), "utf8")) as Manifest;
}

/** The examples that are Pulumi projects. */
export async function listExamples(): Promise<string[]> {
  const files = await readdir(examples, { recursive: true });
  return files.flatMap((file) => /^([^/\\]+)[/\\]Pulumi\.yaml$/.exec(file)?.[1] ?? []).sort();
}

/** Creates projects from the examples as users do: `pulumi new`, then `npm install` with the packed package. Needs npm's registry. */
export class Templates {
  readonly #folder: string;
  readonly #tarball: string;
  /** Folders with an installed `node_modules`, by the dependencies in package.json. */
  readonly #installations = new Map<string, Promise<string>>();
  #latest: Promise<string> | undefined;

  private constructor(folder: string, tarball: string) {
    this.#folder = folder;
    this.#tarball = tarball;
  }

  static async create(): Promise<Templates> {
    const folder = await realpath(await mkdtemp(join(tmpdir(), "authentik-invitations-examples-")));
    // Without `prepack`, which rebuilds `dist` while other tests use it. test/package tests `prepack`.
    const flags = ["--ignore-scripts", "--silent", "--pack-destination", folder];
    const tarball = await runNpm(packageRoot, "pack", ...flags);
    return new Templates(folder, join(folder, tarball.trim()));
  }

  async createProject(example: string, options: ProjectOptions): Promise<Project> {
    // Type-checking doubles the time of a run. `typeErrors` checks all examples.
    const env = { PULUMI_NODEJS_TRANSPILE_ONLY: "true", NODE_OPTIONS: preloadForTypeScript, ...options.env };
    const project = await Project.create("", { ...options, env, link: false });
    const modules = join(project.folder, "node_modules");
    await rm(join(project.folder, "index.js"));
    await rm(modules, { recursive: true });
    // Keep the name of the project, which the stack already belongs to.
    const flags = ["--generate-only", "--yes", "--force", "--name", "test"];
    await project.succeed("new", join(examples, example), ...flags);
    await symlink(join(await this.#install(project.folder), "node_modules"), modules, "junction");
    return project;
  }

  async remove(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** Installs the project's dependencies once for all projects that have the same. Returns the folder. */
  async #install(project: string): Promise<string> {
    const { dependencies, devDependencies } = await readManifest(project);
    const key = JSON.stringify({ dependencies, devDependencies });
    let installation = this.#installations.get(key);
    if (installation === undefined) {
      installation = this.#runInstall(project, join(this.#folder, String(this.#installations.size)), this.#latest);
      this.#installations.set(key, installation);
      this.#latest = installation;
    }
    return await installation;
  }

  async #runInstall(project: string, folder: string, previous: Promise<string> | undefined): Promise<string> {
    await mkdir(folder);
    await copyFile(join(project, "package.json"), join(folder, "package.json"));
    if (previous) {
      // Start from the previous installation, so that npm only adds and removes the packages that differ.
      await copyFile(join(await previous, "package-lock.json"), join(folder, "package-lock.json"));
      linkTree(join(await previous, "node_modules"), join(folder, "node_modules"));
    }
    const flags = ["--prefer-offline", "--no-audit", "--no-fund", "--no-progress"];
    await runNpm(folder, "install", this.#tarball, ...flags);
    return folder;
  }
}

const run = promisify(execFile);

/** Runs npm without the variables that describe this repository to `npm test`. */
async function runNpm(cwd: string, ...args: readonly string[]): Promise<string> {
  const inherited = /^npm_(package|lifecycle|command|config_local_prefix)|^NODE_ENV$/i;
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !inherited.test(name)));
  return (await run("npm", args, { cwd, env })).stdout;
}

/** Copies a tree as hard links. Synchronous, which is several times faster for thousands of files. */
function linkTree(from: string, to: string): void {
  mkdirSync(to);
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) linkTree(source, target);
    else linkSync(source, target);
  }
}

/** The type errors in these files, with stricter settings than the examples have. */
export function typeErrors(files: readonly string[]): string[] {
  const program = ts.createProgram([...files], {
    strict: true,
    noEmit: true,
    noUnusedLocals: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: true,
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.Node16,
    moduleResolution: ts.ModuleResolutionKind.Node16,
    types: ["node"],
    typeRoots: [join(packageRoot, "node_modules", "@types")],
  });
  return ts.getPreEmitDiagnostics(program).map(({ file, start, messageText }) => {
    const line = file && start !== undefined ? file.getLineAndCharacterOfPosition(start).line + 1 : 0;
    return `${file?.fileName.split("/").slice(-2).join("/")}:${line}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`;
  });
}
