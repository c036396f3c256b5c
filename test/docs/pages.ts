import { posix } from "node:path";
import { type Described, type Entry, type Property, readReference } from "./reference";

const { dirname, relative } = posix;
const width = 140;

/** The sections that each kind of page has, in their order. A page whose comments lack one cannot be made. */
const tagged = [
  { tag: "importing", title: "Import", kinds: ["resource", "component"] },
  { tag: "drift", title: "Drift", kinds: ["resource", "component"] },
  { tag: "permissions", title: "Permissions", kinds: ["resource", "component", "function"] },
  { tag: "throws", title: "Errors", kinds: ["resource", "component", "function"] },
] as const;

/** The generated pages: their text by their path below `docs`. */
export function makePages(root: string): ReadonlyMap<string, string> {
  const entries = readReference(root);
  const links = linksTo(entries);
  const pages = new Map(entries.map((entry) => [pathOf(entry), page(entry, links)]));
  return pages.set("README.md", index(entries, links));
}

/** Where the comments' `{@link …}` lead to, from the folder `docs`. */
type Links = ReadonlyMap<string, string>;

function linksTo(entries: readonly Entry[]): Links {
  const own = entries.flatMap((entry) => [
    [entry.name, pathOf(entry)] as const,
    [entry.inputs.name, `${pathOf(entry)}#inputs`] as const,
  ]);
  // Two functions may find the same: the first one's page has it.
  const found = entries.filter(({ kind }) => kind === "function").reverse();
  return new Map([...own, ...found.map((entry) => [entry.outputs.name, `${pathOf(entry)}#outputs`] as const)]);
}

function pathOf({ kind, name }: Entry): string {
  const file = name.replaceAll(/(?<!^)[A-Z]/g, (letter) => `-${letter}`).toLowerCase();
  return `${kind === "function" ? "functions" : "resources"}/${file}.md`;
}

function page(entry: Entry, links: Links): string {
  const { name, kind, inputs, outputs, companion } = entry;
  const call = kind === "function" ? `${name}(args)` : `new ${name}(name, args, opts?)`;
  const isOneOfThese = entry.findsMany ? ["A list; each element has these."] : [];
  const companions = companion
    ? [
        kind === "function" ? "## With outputs" : "## Reading without managing",
        `\`${companion.name}(${companion.parameters})\`: ${companion.comment}`,
      ]
    : [];
  return assemble(
    [
      "<!-- Made by `npm run docs` from the doc comments: change those instead. -->",
      `# ${name}`,
      entry.comment,
      "## Example",
      ...examples(entry),
      "## Inputs",
      [`\`${call}\``, inputs.comment].filter((text) => text !== "").join(": "),
      listOf(inputs, kind),
      "## Outputs",
      ...isOneOfThese,
      listOf(outputs, kind),
      ...companions,
      ...tagged
        .filter(({ kinds }) => (kinds as readonly string[]).includes(kind))
        .flatMap(({ tag, title }) => [`## ${title}`, ...textsOf(entry, tag)]),
    ],
    pathOf(entry),
    links,
  );
}

function index(entries: readonly Entry[], links: Links): string {
  const list = (kind: Entry["kind"]): string =>
    entries
      .filter((entry) => entry.kind === kind)
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map((entry) => `- [\`${entry.name}\`](${pathOf(entry)}): ${firstSentence(entry.comment)}`)
      .join("\n");
  return assemble(
    [
      "<!-- Made by `npm run docs` from the doc comments: change those instead. -->",
      "# Reference",
      "What each page tells, in this order: an example, inputs, outputs, import, drift, permissions, errors.",
      "## Resources",
      list("resource"),
      "## Components",
      list("component"),
      "## Functions",
      list("function"),
      "## Other pages",
      [
        "- [The life of an invitation](life-of-an-invitation.md): pending, used, expired, deleted, each with a transcript",
        "- [Errors](errors.md): each message with its cause and its cure",
        "- [Moving](moving.md): from blueprints, from Terraform, from clicking",
        "- [README](../README.md): installing, configuration, drift and GitOps, the network, limits",
      ].join("\n"),
    ],
    "README.md",
    links,
  );
}

function examples(entry: Entry): string[] {
  return textsOf(entry, "example").map((text) => {
    const [title = "", ...code] = text.split("```");
    return [title.trim(), `\`\`\`${code.join("```")}`].filter((part) => part !== "").join("\n\n");
  });
}

function textsOf(entry: Entry, tag: string): string[] {
  const texts = entry.tags.filter(({ name }) => name === tag).map(({ text }) => text);
  if (texts.length === 0) throw new Error(`The comment of ${entry.name} has no @${tag}.`);
  if (tag !== "throws") return texts.map(capitalized);
  const cases = texts.map((text) => `- ${text}`).join("\n");
  return ["It fails", cases, "`docs/errors.md` has each message with its cause and its cure."];
}

function listOf({ name, properties }: Described, kind: Entry["kind"]): string {
  const facts = name.endsWith("Args") ? (property: Property) => inputFacts(property, kind) : outputFacts;
  return properties
    .map((property) => {
      if (property.comment === "") throw new Error(`${name}.${property.name} has no comment.`);
      return `- **\`${property.name}\`** (${facts(property)}): ${property.comment}`;
    })
    .join("\n");
}

function inputFacts({ type, isOptional, defaultsTo }: Property, kind: Entry["kind"]): string {
  if (!isOptional) return `\`${type}\`, required`;
  if (defaultsTo !== undefined) {
    const isValue = /^["\d{]|^(true|false)$/.test(defaultsTo);
    return `\`${type}\`, default ${isValue ? `\`${defaultsTo}\`` : defaultsTo}`;
  }
  return kind === "function" ? `\`${type}\`` : `\`${type}\`, optional`;
}

function outputFacts({ type, isOptional }: Property): string {
  const certain = type.replace(/ \| undefined$/, "");
  return isOptional || certain !== type ? `\`${certain}\`, may be missing` : `\`${type}\``;
}

/** The parts as one page: links made, lines wrapped, a blank line between two parts. */
function assemble(parts: readonly string[], path: string, links: Links): string {
  const text = parts
    .filter((part) => part !== "")
    .map((part) => part.replaceAll(/\{@link ([\w.]+)\s*\}/g, (_, name: string) => linkTo(name, path, links)))
    .map((part) => part.replaceAll(/`docs\/([\w-]+)\.md`/g, (_, file: string) => linkToDocument(file, path)))
    .map(wrap)
    .join("\n\n");
  return `${text}\n`;
}

function linkTo(name: string, from: string, links: Links): string {
  const target = links.get(name.split(".")[0] ?? "");
  if (target === undefined) throw new Error(`{@link ${name}} leads nowhere.`);
  return target.split("#")[0] === from ? `\`${name}\`` : `[\`${name}\`](${relative(dirname(from), target)})`;
}

/** A link to a page that is written by hand, from its path in a comment. */
function linkToDocument(file: string, from: string): string {
  return `[${capitalized(file.replaceAll("-", " "))}](${relative(dirname(from), `${file}.md`)})`;
}

/** Wraps paragraphs and list items; code stays as it is. */
function wrap(text: string): string {
  return text
    .split(/(```[\s\S]*?```)/)
    .map((part) => (part.startsWith("```") ? part : part.split("\n\n").map(wrapParagraph).join("\n\n")))
    .join("");
}

function wrapParagraph(paragraph: string): string {
  if (paragraph.startsWith("#") || paragraph.startsWith("<!--")) return paragraph;
  return paragraph
    .split(/\n(?=- )/)
    .map((item) => {
      const indent = item.startsWith("- ") ? "  " : "";
      const lines: string[] = [];
      for (const word of item.split(/[ \n]+/)) {
        const line = lines.at(-1);
        if (line === undefined || line.length + word.length + 1 > width)
          lines.push((line === undefined ? "" : indent) + word);
        else lines[lines.length - 1] = `${line} ${word}`;
      }
      return lines.join("\n");
    })
    .join("\n");
}

function firstSentence(text: string): string {
  return /^[\s\S]*?\.(?=\s|$)/.exec(text)?.[0].replaceAll("\n", " ") ?? text;
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
