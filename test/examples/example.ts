import { cp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as ts from "typescript";
import { Project, type ProjectOptions, packageRoot } from "../engine/project";

export const examples = join(packageRoot, "examples");

/** A project with a copy of the example, as a team would make one, and what it needs from `node_modules`. */
export async function copyExample(name: string, options: ProjectOptions): Promise<Project> {
  const project = await Project.create("", {
    ...options,
    // The types are checked for all examples together, which takes as long as for one.
    env: { PULUMI_NODEJS_TRANSPILE_ONLY: "true", ...options.env },
  });
  await rm(join(project.folder, "index.js"));
  for (const module of ["yaml", "@types"]) {
    await symlink(join(packageRoot, "node_modules", module), join(project.folder, "node_modules", module));
  }
  await cp(join(examples, name), project.folder, { recursive: true });
  const settings = await readFile(join(examples, name, "Pulumi.yaml"), "utf8");
  // The stack that the project has already belongs to this name.
  await writeFile(join(project.folder, "Pulumi.yaml"), settings.replace(/^name: .*/m, "name: test"));
  return project;
}

/** The errors that the compiler finds in these files, by the strictest settings that a user's project may have. */
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
