import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import * as ts from "typescript";
import { parse } from "yaml";
import { type Project, packageRoot } from "../engine/project";

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

/** Replaces the program of a project with an example, as `pulumi new` does. */
export async function useTemplate(project: Project, example: string): Promise<void> {
  // Keep the name of the project, which the stack already belongs to.
  await project.succeed("new", join(examples, example), "--generate-only", "--yes", "--force", "--name", "test");
}

const compilerOptions: ts.CompilerOptions = {
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
};
const host = ts.createCompilerHost(compilerOptions);
const { getSourceFile } = host;
const declarations = new Map<string, ts.SourceFile | undefined>();

// Parses the types of the dependencies once.
host.getSourceFile = (file, ...more) => {
  if (!file.endsWith(".d.ts")) return getSourceFile(file, ...more);
  if (!declarations.has(file)) declarations.set(file, getSourceFile(file, ...more));
  return declarations.get(file);
};

/** The type errors in these files, with stricter settings than the examples have. */
export function typeErrors(files: readonly string[]): string[] {
  const program = ts.createProgram(files, compilerOptions, host);
  return ts.getPreEmitDiagnostics(program).map(({ file, start, messageText }) => {
    const line = file && start !== undefined ? file.getLineAndCharacterOfPosition(start).line + 1 : 0;
    return `${file?.fileName.split("/").slice(-2).join("/")}:${line}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`;
  });
}
