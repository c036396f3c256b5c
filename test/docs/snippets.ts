import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as ts from "typescript";

interface Snippet {
  readonly page: string;
  /** Line number of the snippet's first line on the page, starting at 1. */
  readonly line: number;
  readonly text: string;
}

/** Imports that a snippet can omit. */
const implicitImports = {
  authentik: 'import * as authentik from "pulumi-authentik-invitations";',
  pulumi: 'import * as pulumi from "@pulumi/pulumi";',
};

/**
 * Type-checks the TypeScript snippets of these pages against the built package. Returns the errors as `page:line: message`. The
 * snippets are CommonJS modules, as in a Pulumi program, and are compiled together, which is faster than one at a time.
 */
export function checkSnippets(root: string, pages: readonly string[]): string[] {
  const snippets = new Map(
    pages
      .flatMap((page) => snippetsOf(page, readFileSync(join(root, page), "utf8")))
      .map((snippet, index) => [join(root, `snippet-${index}.ts`), snippet]),
  );
  const texts = new Map([...snippets].map(([file, { text }]) => [file, `${missingImports(text)}\n${text}`]));
  const options: ts.CompilerOptions = {
    module: ts.ModuleKind.Node16,
    moduleResolution: ts.ModuleResolutionKind.Node16,
    target: ts.ScriptTarget.ES2022,
    types: ["node"],
    strict: true,
    esModuleInterop: true,
    skipLibCheck: true,
    noEmit: true,
  };
  const host = ts.createCompilerHost(options);
  const program = ts.createProgram([...texts.keys()], options, {
    ...host,
    fileExists: (file) => texts.has(file) || host.fileExists(file),
    readFile: (file) => texts.get(file) ?? host.readFile(file),
    getSourceFile: (file, language, ...others) => {
      const text = texts.get(file);
      return text === undefined
        ? host.getSourceFile(file, language, ...others)
        : ts.createSourceFile(file, text, language);
    },
  });
  return [...snippets].flatMap(([file, { page, line }]) => {
    const source = program.getSourceFile(file);
    const diagnostics = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
    return diagnostics.map((diagnostic) => {
      const at = diagnostic.file ? diagnostic.file.getLineAndCharacterOfPosition(diagnostic.start ?? 0).line : 1;
      return `${page}:${line + at - 1}: ${ts.flattenDiagnosticMessageText(diagnostic.messageText, " ")}`;
    });
  });
}

function snippetsOf(page: string, markdown: string): Snippet[] {
  return [...markdown.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map((match) => ({
    page,
    line: markdown.slice(0, match.index).split("\n").length + 1,
    text: match[1] ?? "",
  }));
}

/** The imports that the snippet omits, on a single line: `checkSnippets` subtracts one from line numbers. */
function missingImports(text: string): string {
  return Object.entries(implicitImports)
    .filter(([name]) => !text.includes(`import * as ${name} from`))
    .map(([, line]) => line)
    .join(" ");
}
