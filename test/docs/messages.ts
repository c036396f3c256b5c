import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as ts from "typescript";

/** Joins the lines of each paragraph and of each list item. */
export function unwrapLines(markdown: string): string {
  return markdown.replaceAll(/\n(?! *(?:- |#|```|\n))\s*/g, " ");
}

/** The messages on an unwrapped page: the list items that start with code. `{name}` is a placeholder, `…` an omission. */
export function listMessages(page: string): string[] {
  return [...page.matchAll(/^- (`+)(.+?)\1(?!`)/gm)].map((match) => match[2] ?? "");
}

/** The parts of a message that are in no string literal of the sources. */
export function findUnknownParts(message: string, literals: readonly Literal[]): string[] {
  const known = [...new Set(literals.flatMap(({ text }) => [text, text.trim()]))]
    .filter((text) => text.length > 2)
    .sort((a, b) => b.length - a.length);
  const rest = known.reduce((left, text) => left.replaceAll(text, "\0"), message.replaceAll(/\{[^{} ][^{}]*\}/g, "\0"));
  return rest.match(/[^\0…]*[a-z]{3,}[^\0…]*/gi) ?? [];
}

export interface Literal {
  readonly file: string;
  readonly text: string;
}

/** The parts of an object's declaration that document it. */
const documentation = new Set(["comment", "output", "defaultComment", "documentation"]);

/** The string literals in a folder's TypeScript, except for the documentation in declarations. A template counts as several: the strings between its placeholders. */
export function readLiterals(folder: string): Literal[] {
  const files = (readdirSync(folder, { recursive: true }) as string[]).filter((file) => file.endsWith(".ts"));
  return files.flatMap((file) => {
    const literals: Literal[] = [];
    const visit = (node: ts.Node): void => {
      if (ts.isPropertyAssignment(node) && documentation.has(node.name.getText())) return;
      if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node))
        literals.push({ file, text: node.text });
      if (ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node)) literals.push({ file, text: node.text });
      ts.forEachChild(node, visit);
    };
    visit(ts.createSourceFile(file, readFileSync(join(folder, file), "utf8"), ts.ScriptTarget.ES2022, true));
    return literals;
  });
}
