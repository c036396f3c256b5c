import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as ts from "typescript";

interface Snippet {
  readonly page: string;
  /** Line of its first line on the page, from 1. */
  readonly line: number;
  readonly text: string;
}

/** What a snippet that shows only a part of a program may use. */
const prelude = {
  authentik: 'import * as authentik from "pulumi-authentik-invitations";',
  pulumi: 'import * as pulumi from "@pulumi/pulumi";',
};

/**
 * What is wrong with the types of the TypeScript on these pages, each as `page:line: message`. All are checked in one program, as CommonJS
 * modules like those that Pulumi runs, against the package as it was built.
 */
export function faultsInSnippets(root: string, pages: readonly string[]): string[] {
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

/** On one line, so that line numbers are easily told. */
function missingImports(text: string): string {
  return Object.entries(prelude)
    .filter(([name]) => !text.includes(`import * as ${name} from`))
    .map(([, line]) => line)
    .join(" ");
}
