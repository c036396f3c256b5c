import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { literalsOf, messagesOn, unsaid, unwrap } from "./messages";
import { makePages } from "./pages";
import { type Entry, readReference } from "./reference";
import { faultsInSnippets } from "./snippets";

jest.setTimeout(60_000);

const root = dirname(require.resolve("pulumi-authentik-invitations/package.json"));
const read = (path: string): string => readFileSync(join(root, path), "utf8");

/** All pages of the project, as paths from its root. */
const pages = [
  "README.md",
  "CONTRIBUTING.md",
  "CHANGELOG.md",
  ...(readdirSync(join(root, "docs"), { recursive: true }) as string[])
    .filter((path) => path.endsWith(".md"))
    .map((path) => posix.join("docs", path)),
];

test("the pages that are made from the doc comments are current: else run `npm run docs` and commit what it writes", () => {
  const made = makePages(root);
  const committed = pages
    .filter((path) => /^docs\/(resources|functions)\//.test(path))
    .map((path) => path.replace("docs/", ""));
  expect(committed.sort()).toEqual([...made.keys()].filter((path) => path !== "README.md").sort());
  for (const [path, text] of made) expect([path, read(`docs/${path}`)]).toEqual([path, text]);
});

test("every class, function, argument and output that the package exports has a doc comment", () => {
  const described = ({ name, comment, inputs, outputs, companion, kind }: Entry): (readonly [string, string])[] => [
    [name, comment],
    [inputs.name, inputs.comment],
    ...[inputs, outputs].flatMap(({ name: type, properties }) =>
      properties.map((property) => [`${type}.${property.name}`, property.comment] as const),
    ),
    ...(companion ? [[companion.name, companion.comment] as const] : []),
    ...(kind === "function" ? [[outputs.name, outputs.comment] as const] : []),
  ];
  const all = readReference(root).flatMap(described);
  expect(all.length).toBeGreaterThan(100);
  expect(all.filter(([, comment]) => comment.trim() === "").map(([name]) => name)).toEqual([]);
});

test("every link between pages leads somewhere", () => {
  const broken = pages.flatMap((page) =>
    [...withoutCode(read(page)).matchAll(/\]\((?!https?:)([^)\s]+)\)/g)]
      .map((match) => match[1] ?? "")
      .filter((link) => !leadsSomewhere(page, link))
      .map((link) => `${page}: ${link}`),
  );
  expect(broken).toEqual([]);
});

function leadsSomewhere(page: string, link: string): boolean {
  const [path = "", anchor] = link.split("#");
  const target = path === "" ? page : posix.join(posix.dirname(page), path);
  if (!existsSync(join(root, target))) return false;
  return anchor === undefined || anchorsOf(read(target)).includes(anchor);
}

/** The anchors that GitHub gives a page's headings. */
function anchorsOf(markdown: string): string[] {
  return [...withoutCode(markdown).matchAll(/^#+ (.+)$/gm)].map((match) =>
    (match[1] ?? "")
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

function withoutCode(markdown: string): string {
  return markdown.replaceAll(/^```[\s\S]*?^```$/gm, "");
}

test("every snippet of TypeScript has the types that the package has", () => {
  expect(faultsInSnippets(root, pages)).toEqual([]);
});

describe("the page of errors", () => {
  const page = unwrap(read("docs/errors.md"));
  const messages = messagesOn(page);
  const literals = literalsOf(join(root, "provider"));

  test("has only messages that the sources have", () => {
    const unknown = messages.flatMap((message) => unsaid(message, literals).map((text) => `${message}: ${text}`));
    expect(messages.length).toBeGreaterThan(50);
    expect(unknown).toEqual([]);
  });

  test("has every message that the sources have", () => {
    // The command `export` is no part of a run: it tells its own errors and how it is used.
    const missing = literals.filter(
      ({ file, text }) => !file.startsWith("export") && isSentence(text) && !page.includes(text.trim()),
    );
    expect(missing.map(({ file, text }) => `${file}: ${text}`)).toEqual([]);
  });
});

/** Whether a text of the sources is meant for people. What failed is told by two lines for all kinds of objects. */
function isSentence(text: string): boolean {
  return (
    /[a-z]+ [a-z]+ [a-z]+/.test(text) && !/ could not be (created|read|changed|deleted|listed|looked up)$/.test(text)
  );
}
