import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { generateClasses } from "../../scripts/docs/classes";
import { generatePages } from "../../scripts/docs/pages";
import { type Entry, readReference } from "../../scripts/docs/reference";
import { generateSchema, schemaPath } from "../../scripts/docs/schema";
import { relativeLinks, withoutCode } from "./links";
import { findUnknownParts, listMessages, readLiterals, unwrapLines } from "./messages";
import { checkSnippets } from "./snippets";

jest.setTimeout(60_000);

const root = dirname(require.resolve("pulumi-authentik-invitations/package.json"));
const read = (path: string): string => readFileSync(join(root, path), "utf8");

function markdownIn(folder: string): string[] {
  const paths = readdirSync(join(root, folder), { recursive: true }) as string[];
  return paths
    .map((path) => posix.join(folder, path))
    .filter((path) => path.endsWith(".md") && !path.includes("node_modules"));
}

/** The pages of the documentation, as paths from the project's root. */
const pages = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", ...markdownIn("docs")];
const allMarkdown = [...pages, ...markdownIn("examples"), ...markdownIn("test")];

test("the generated pages are current (run `npm run docs` and commit the result)", () => {
  const generated = generatePages(root);
  const committed = pages
    .filter((path) => /^docs\/(resources|functions)\//.test(path))
    .map((path) => path.replace("docs/", ""));
  expect(committed.sort()).toEqual([...generated.keys()].filter((path) => path !== "README.md").sort());
  for (const [path, markdown] of generated) expect([path, read(`docs/${path}`)]).toEqual([path, markdown]);
});

test("the resource classes are current (run `npm run docs` and commit the result)", () => {
  for (const [path, source] of generateClasses(root)) expect([path, read(path)]).toEqual([path, source]);
});

test("the schema of the plugin is current (run `npm run docs` and commit the result)", () => {
  expect(read(schemaPath)).toBe(generateSchema(root));
});

test("every link of a doc comment is resolved", () => {
  const generated = [...generatePages(root), [schemaPath, generateSchema(root)] as const];
  expect(generated.filter(([, content]) => content.includes("{@link")).map(([path]) => path)).toEqual([]);
});

test("every exported class, function, input and output has a doc comment", () => {
  const describedNames = ({ name, comment, inputs, nested, outputs, companion, kind }: Entry) => [
    { name, comment },
    inputs,
    ...nested,
    ...[inputs, ...nested, outputs].flatMap((type) =>
      type.properties.map((property) => ({ name: `${type.name}.${property.name}`, comment: property.comment })),
    ),
    ...(companion ? [companion] : []),
    ...(kind === "function" ? [outputs] : []),
  ];
  const all = readReference(root).flatMap(describedNames);
  expect(all.length).toBeGreaterThan(100);
  expect(all.filter(({ comment }) => comment.trim() === "").map(({ name }) => name)).toEqual([]);
});

test("README links to the same guides as the index, in the same order", () => {
  const index = [...read("docs/README.md").matchAll(/\]\(([\w-]+\.md)\)/g)].map((match) => match[1]);
  const [, documentation = ""] = read("README.md").split("\n## Documentation\n");
  const linked = [...documentation.matchAll(/\]\(docs\/([\w-]+\.md)\)/g)].map((match) => match[1]);
  expect(linked).toEqual(["README.md", ...index]);
});

describe("links", () => {
  test("relative links lead to existing files and headings", () => {
    const broken = allMarkdown.flatMap((page) =>
      relativeLinks(read(page))
        .filter((link) => !isTarget(page, link))
        .map((link) => `${page}: ${link}`),
    );
    expect(broken).toEqual([]);
  });

  test("images have an alt attribute", () => {
    const images = allMarkdown.flatMap((page) => withoutCode(read(page)).match(/!\[[^\]]*\]|<img [^>]*>/g) ?? []);
    expect(images.filter((image) => image === "![]" || /^<img (?!.*\balt="[^"])/.test(image))).toEqual([]);
  });
});

function isTarget(page: string, link: string): boolean {
  const [path = "", anchor] = link.split("#");
  const target = path === "" ? page : posix.join(posix.dirname(page), path);
  if (!existsSync(join(root, target))) return false;
  return anchor === undefined || anchorsOf(read(target)).includes(anchor);
}

/** The anchors that GitHub gives to a page's headings. */
function anchorsOf(markdown: string): string[] {
  return [...withoutCode(markdown).matchAll(/^#+ (.+)$/gm)].map((match) =>
    (match[1] ?? "")
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

test("TypeScript snippets compile against the package's types", () => {
  expect(checkSnippets(root, pages)).toEqual([]);
});

describe("docs/errors.md", () => {
  const page = unwrapLines(read("docs/errors.md"));
  const messages = listMessages(page);
  const literals = readLiterals(join(root, "provider"));

  test("lists only messages of the sources", () => {
    const unknown = messages.flatMap((message) =>
      findUnknownParts(message, literals).map((part) => `${message}: ${part}`),
    );
    expect(messages.length).toBeGreaterThan(50);
    expect(unknown).toEqual([]);
  });

  test("lists every message of the sources", () => {
    // Commands are not part of a Pulumi run. Their usage covers their errors.
    const missing = literals.filter(
      ({ file, text }) => !file.startsWith("commands") && isMessage(text) && !page.includes(text.trim()),
    );
    expect(missing.map(({ file, text }) => `${file}: ${text}`)).toEqual([]);
  });
});

/** Whether a string literal is prose for users. The page describes "Could not create the flow" and its like once, for all operations. */
function isMessage(text: string): boolean {
  return (
    /[a-z]+ [a-z]+ [a-z]+/.test(text) &&
    !/^Could not (create|read|update|delete|list|look up) the [\w' ]*"?$/.test(text)
  );
}
