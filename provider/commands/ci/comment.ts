import type { Audit } from "./audit";
import { byteLength, codeBlock, codeSpan, maxBodyBytes } from "./markdown";
import type { Change, Note, Preview } from "./preview";
import type { Result } from "./programs";
import { truncate } from "./redact";

const maxRows = 50;
const maxProperties = 8;
const maxNames = 10;
const maxCellLength = 80;

const icons = { create: "🟢", import: "🔵", update: "🟡", replace: "🟠", delete: "🔴" } as const;

const nouns = new Map([
  ["Invitation", ["invitation", "invitations"]],
  ["InvitationBatch", ["batch", "batches"]],
  ["Flow", ["flow", "flows"]],
  ["InvitationStage", ["invitation stage", "invitation stages"]],
  ["FlowStageBinding", ["binding", "bindings"]],
]);
const otherNouns = ["other resource", "other resources"] as const;

export function formatPreview(
  marker: string,
  stack: string,
  { code, lines }: Result,
  preview: Preview | undefined,
  runLink: string,
): string {
  const title = `### Pulumi preview for ${codeSpan(stack)}`;
  if (code !== 0 || preview === undefined) {
    const head = [marker, `${title} failed with exit code ${code}`, runLink].filter(Boolean);
    return withDetails(head, undefined, lines);
  }
  return withDetails(
    [marker, title, summarize(preview), ...formatNotes(preview.notes), ...formatTable(preview.changes), runLink].filter(
      Boolean,
    ),
    preview,
    lines,
  );
}

/** The body of the issue about drift and undeclared invitations. */
export function formatDrift(
  marker: string,
  title: string,
  {
    hasDrift,
    audited,
    lines,
    preview,
    runLink,
  }: {
    readonly hasDrift: boolean;
    readonly audited: Audit | undefined;
    readonly lines: readonly string[];
    readonly preview: Preview | undefined;
    readonly runLink: string;
  },
): string {
  const paragraphs = [marker, `### ${title}`];
  if (hasDrift) {
    if (preview) paragraphs.push(summarize(preview));
    const warnings = findDriftWarnings(lines);
    if (warnings.length > 0) paragraphs.push(codeBlock(warnings, maxBodyBytes / 4));
    paragraphs.push("To revert these changes, run `pulumi up --refresh`. To keep them, update the program.");
    if (preview) paragraphs.push(...formatTable(preview.changes));
  }
  if (audited?.failure === undefined && audited && audited.table.length > 0) {
    paragraphs.push(
      "These invitations are valid in authentik, but no stack declares them:",
      codeBlock(audited.table, maxBodyBytes / 4),
      "To keep one, declare it with the resource option `import`. To delete them, run `npx pulumi-authentik-invitations audit --delete` with the same options `--stack`, `--flow` and `--created-by`.",
    );
  }
  if (audited?.failure !== undefined) paragraphs.push(codeBlock([audited.failure], maxBodyBytes / 4));
  paragraphs.push("The next run that finds nothing closes this issue.", runLink);
  return withDetails(paragraphs.filter(Boolean), preview, lines);
}

/** What a preview prints in the log. */
export function formatLog({ changes, messages, unchanged }: Preview, isComplete: boolean): string[] {
  const summary = isComplete ? [`${summarizeChanges(changes)}, ${unchanged} unchanged`] : [];
  return [...messages, ...diffLines(changes), ...summary];
}

function withDetails(paragraphs: readonly string[], preview: Preview | undefined, lines: readonly string[]): string {
  const head = paragraphs.join("\n\n");
  const left = maxBodyBytes - byteLength(head) - 400;
  const details = (summary: string, block: string): string =>
    ["", `<details><summary>${summary}</summary>`, block, "</details>"].join("\n\n");
  if (preview === undefined) return head + details("Pulumi output", codeBlock(lines, left));
  const messages = preview.messages.length === 0 ? "" : details("Messages", codeBlock(preview.messages, left / 4));
  const diff = diffLines(preview.changes);
  return (
    head + (diff.length === 0 ? "" : details("Diff", codeBlock(diff, left - byteLength(messages), "diff"))) + messages
  );
}

/** For example **2 invitations to create, 1 to update**, 4 unchanged. */
function summarize({ changes, unchanged, batches }: Preview): string {
  const entries = batches
    .slice(0, maxRows)
    .map(({ name, size, counts }) => `- ${codeSpan(name)} (${size}): ${codeSpan(counts)}`);
  return [`**${summarizeChanges(changes)}**, ${unchanged} unchanged`, ...entries].join("\n");
}

function summarizeChanges(changes: readonly Change[]): string {
  if (changes.length === 0) return "No changes";
  return [...nouns.values(), otherNouns]
    .flatMap((noun) => {
      const own = changes.filter(({ type }) => (nouns.get(type) ?? otherNouns) === noun);
      return (Object.keys(icons) as Change["operation"][])
        .map((operation) => ({ operation, count: own.filter((change) => change.operation === operation).length }))
        .filter(({ count }) => count > 0)
        .map(({ operation, count }, index) =>
          index === 0 ? `${count} ${noun[count === 1 ? 0 : 1]} to ${operation}` : `${count} to ${operation}`,
        );
    })
    .join(", ");
}

/** What the reviewer must know. */
function formatNotes(notes: readonly Note[]): string[] {
  const headings = [
    ["link stops working", "Links that stop working:"],
    ["link changes", "Links that change:"],
    ["email", "Emails that will be sent:"],
    ["no early expiry", "Expire in more than 90 days:"],
  ] as const;
  const items = headings.flatMap(([kind, heading]) => {
    const own = notes.filter((note) => note.kind === kind);
    if (own.length === 0) return [];
    const counts = own.map(({ count }) => count);
    const sum = counts.every((count) => count !== undefined)
      ? counts.reduce<number>((total, count) => total + (count ?? 0), 0)
      : undefined;
    const names = own
      .slice(0, maxNames)
      .map(({ name, count }) => (count === undefined || count === 1 ? codeSpan(name) : `${codeSpan(name)} (${count})`));
    const rest = own.length > maxNames ? `, and ${own.length - maxNames} more` : "";
    return [
      `> - **${heading}** ${sum === undefined || own.length === 1 ? "" : `${sum} of `}${names.join(", ")}${rest}`,
    ];
  });
  if (items.length === 0) return [];
  const isWarning = notes.some(({ kind }) => kind === "link stops working");
  return [[isWarning ? "> [!WARNING]" : "> [!NOTE]", ...items].join("\n")];
}

function formatTable(changes: readonly Change[]): string[] {
  if (changes.length === 0) return [];
  const rows = changes
    .slice(0, maxRows)
    .map(
      (change) =>
        `| ${icons[change.operation]} ${change.operation} | ${codeSpan(change.name)}<br>${codeSpan(change.type)} | ${formatProperties(change)} |`,
    );
  const rest = changes.length > maxRows ? [`${changes.length - maxRows} more resources change, see the diff.`] : [];
  return [["| | resource | changes |", "| --- | --- | --- |", ...rows].join("\n"), ...rest];
}

function formatProperties({ properties }: Change): string {
  const isEntry = ({ path }: Change["properties"][number]): boolean => /^invitations[.[]/.test(path);
  const entries = properties.filter(isEntry);
  const others = properties.filter((property) => !isEntry(property));
  const cells = others.slice(0, maxProperties).map(({ path, before, after }) => {
    const values = [before, after].filter((value) => value !== undefined).map((value) => codeSpan(shorten(value)));
    const removed = after === undefined ? " (removed)" : "";
    return `${codeSpan(shorten(path))}: ${values.join(" → ")}${removed}`;
  });
  if (entries.length > 0)
    cells.push(
      `${codeSpan("invitations")}: ${entries.length === 1 ? "1 entry differs" : `${entries.length} entries differ`}`,
    );
  if (others.length > maxProperties) cells.push(`and ${others.length - maxProperties} more`);
  return cells.join("<br>");
}

function shorten(value: string): string {
  return value.length > maxCellLength ? `${truncate(value, maxCellLength)}…` : value;
}

/** The changes as a diff: GitHub, GitLab and Gitea color lines that start with + and -. */
function diffLines(changes: readonly Change[]): string[] {
  const signs = { create: "+", import: "+", update: "!", replace: "!", delete: "-" } as const;
  return changes.flatMap(({ operation, type, name, properties }) => [
    `${signs[operation]} ${type} "${name}" (${operation})`,
    ...properties.flatMap(({ path, before, after }) => [
      ...(before === undefined ? [] : [`-   ${path}: ${before}`]),
      ...(after === undefined ? [] : [`+   ${path}: ${after}`]),
    ]),
  ]);
}

/** Finds the provider's warnings about changes made outside Pulumi, which name who made them. */
function findDriftWarnings(lines: readonly string[]): string[] {
  const warnings = lines
    .map((line) => line.trim())
    .filter((line) => /: (.+ changed outside Pulumi\b|deleted (by|outside) )/.test(line));
  return [...new Set(warnings)];
}
