import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import * as ts from "typescript";
import { parse } from "yaml";
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

/** The programs in a language on a page of the documentation. */
export async function readPrograms(page: string, language: string): Promise<string[]> {
  const markdown = await readFile(join(packageRoot, "docs", page), "utf8");
  const blocks = markdown.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm);
  return [...blocks].flatMap(([, blockLanguage, program = ""]) => (blockLanguage === language ? [program] : []));
}

/** The examples that are Pulumi projects in TypeScript. */
export async function listExamples(): Promise<string[]> {
  return (await listTemplates()).filter((name) => existsSync(join(examples, name, "package.json")));
}

/** The examples that are Pulumi projects. */
export async function listTemplates(): Promise<string[]> {
  const files = await readdir(examples, { recursive: true });
  return files.flatMap((file) => /^([^/\\]+)[/\\]Pulumi\.yaml$/.exec(file)?.[1] ?? []).sort();
}

/** What is asked for when a project is created from an example. */
export interface Template {
  readonly description: string;
  readonly config: Readonly<Record<string, { description: string; secret?: boolean; default?: unknown }>>;
}

export async function readTemplate(example: string): Promise<Template> {
  return (parse(await readFile(join(examples, example, "Pulumi.yaml"), "utf8")) as { template: Template }).template;
}

/** Creates projects from the examples as users do: `pulumi new`, then `npm install` with the packed package. Needs npm's registry. */
export class Templates {
  readonly #folder: string;
  readonly #tarball: string;
  #modules: Promise<string> | undefined;

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
    // With ts-node and type checks, a run takes twice the time. `typeErrors` checks all examples.
    const env = { PULUMI_NODEJS_TRANSPILE_ONLY: "true", NODE_OPTIONS: preloadForTypeScript, ...options.env };
    const project = await Project.create("", { ...options, env, link: false });
    const modules = join(project.folder, "node_modules");
    await rm(join(project.folder, "index.js"));
    await rm(modules, { recursive: true });
    // Keep the name of the project, which the stack already belongs to.
    const flags = ["--generate-only", "--yes", "--force", "--name", "test"];
    await project.succeed("new", join(examples, example), ...flags);
    this.#modules ??= this.#install();
    await symlink(await this.#modules, modules, "junction");
    return project;
  }

  async remove(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** Installs the packed package and the dependencies of all examples, once. Another test compares them with what each example imports. */
  async #install(): Promise<string> {
    const manifests = await Promise.all((await listExamples()).map((name) => readManifest(join(examples, name))));
    const dependencies = Object.assign(
      {},
      ...manifests.map((manifest) => manifest.dependencies),
    ) as Manifest["dependencies"];
    const devDependencies = Object.assign(
      {},
      ...manifests.map((manifest) => manifest.devDependencies),
    ) as Manifest["devDependencies"];
    await writeFile(
      join(this.#folder, "package.json"),
      JSON.stringify({ private: true, dependencies, devDependencies }),
    );
    const flags = ["--prefer-offline", "--no-audit", "--no-fund", "--no-progress"];
    await runNpm(this.#folder, "install", this.#tarball, ...flags);
    return join(this.#folder, "node_modules");
  }
}

const run = promisify(execFile);

/** Runs npm without the variables that describe this repository to `npm test`. */
async function runNpm(cwd: string, ...args: readonly string[]): Promise<string> {
  const inherited = /^npm_(package|lifecycle|command|config_local_prefix)|^NODE_ENV$/i;
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !inherited.test(name)));
  return (await run("npm", args, { cwd, env })).stdout;
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
