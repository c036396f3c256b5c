import { capitalize } from "../../common/printable";
import { foundExitCode } from "./audit";
import { byteLength, codeBlock, codeSpan, maxBodyBytes, tableRow } from "./markdown";
import type { Batch, Change, Preview } from "./preview";
import { truncate } from "./redact";
import type { Report } from "./report";

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

export function formatPreview(marker: string, stack: string, { result, preview }: Report, runLink: string): string {
  const { code, lines } = result;
  const title = `### Pulumi preview for ${codeSpan(stack)}`;
  if (code !== 0 || preview === undefined) {
    return withDetails([marker, `${title} failed with exit code ${code}`, runLink], undefined, lines);
  }
  const paragraphs = [summarize(preview), ...formatNotes(preview), ...formatTable(preview)];
  return withDetails([marker, title, ...paragraphs, runLink], preview, lines);
}

/** The body of the issue about drift and undeclared invitations. */
export function formatDrift(
  marker: string,
  title: string,
  { result: { code, lines }, preview, audited }: Report,
  runLink: string,
): string {
  const paragraphs = [marker, `### ${title}`];
  if (code === foundExitCode) {
    paragraphs.push(
      preview ? summarize(preview) : "",
      formatDriftWarnings(lines).join("\n"),
      "To revert these changes, run `pulumi up --refresh`. To keep them, update the program.",
      ...(preview ? formatTable(preview) : []),
    );
  }
  if (audited?.failure !== undefined) paragraphs.push(codeBlock([audited.failure], maxBodyBytes / 4));
  else if (audited && audited.table.length > 0) {
    paragraphs.push(
      "These invitations are valid in authentik, but no stack declares them:",
      codeBlock(audited.table, maxBodyBytes / 4),
      "To keep one, import it: `npx pulumi-authentik-invitations export --invitation` with its id writes the declaration. To delete them, run `npx pulumi-authentik-invitations audit --delete` with the same options `--stack`, `--flow` and `--created-by`.",
    );
  }
  paragraphs.push("The next run that finds nothing closes this issue.", runLink);
  return withDetails(paragraphs, preview, lines);
}

/** What a preview prints in the log. */
export function formatLog({ changes, messages, unchanged }: Preview, isComplete: boolean): string[] {
  const summary = isComplete ? [`${summarizeChanges(changes)}, ${unchanged} unchanged`] : [];
  return [...messages, ...diffLines(changes), ...summary];
}

function withDetails(paragraphs: readonly string[], preview: Preview | undefined, lines: readonly string[]): string {
  const head = paragraphs.filter((paragraph) => paragraph !== "").join("\n\n");
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

/** For example **2 invitations to create, 1 to update, 14 of 200 entries of `intake-2027` to delete**, 4 unchanged. */
function summarize({ changes, unchanged, batches }: Preview): string {
  const counted = batches.slice(0, maxNames);
  const others = changes.filter(
    ({ type, name }) => type !== "InvitationBatch" || !counted.some((batch) => batch.name === name),
  );
  const parts = [...(others.length > 0 ? [summarizeChanges(others)] : []), ...counted.map(summarizeBatch)];
  return `**${parts.join(", ") || summarizeChanges([])}**, ${unchanged} unchanged`;
}

/** For example 14 of 200 entries of `intake-2027` to delete, 3 to create. */
function summarizeBatch({ name, size, counts }: Batch): string {
  return counts
    .map(({ count, what }, index) => {
      if (index > 0) return `${formatNumber(count)} ${what}`;
      const entries = `${size === 1 ? "entry" : "entries"} of ${codeSpan(name)} ${what}`;
      return count === size
        ? `${formatNumber(count)} ${entries}`
        : `${formatNumber(count)} of ${formatNumber(size)} ${entries}`;
    })
    .join(", ");
}

function formatNumber(number: number): string {
  return number.toLocaleString("en-US");
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
function formatNotes({ notes, messages }: Preview): string[] {
  const headings = [
    ["link stops working", "1 link stops working", "links stop working"],
    ["link changes", "1 link changes", "links change"],
    ["email", "1 email will be sent", "emails will be sent"],
    ["no early expiry", "1 invitation expires in more than 90 days", "invitations expire in more than 90 days"],
  ] as const;
  const items = headings.flatMap(([kind, singular, plural]) => {
    const own = notes.filter((note) => note.kind === kind);
    if (own.length === 0) return [];
    const sum = own.reduce<number | undefined>(
      (total, { count }) => (total === undefined || count === undefined ? undefined : total + count),
      0,
    );
    const heading = sum === 1 ? singular : sum === undefined ? capitalize(plural) : `${formatNumber(sum)} ${plural}`;
    const names = own
      .slice(0, maxNames)
      .map(({ name, count }) =>
        count === undefined || count === 1 ? codeSpan(name) : `${codeSpan(name)} (${formatNumber(count)})`,
      );
    const rest = own.length > maxNames ? `, and ${own.length - maxNames} more` : "";
    return [`- **${heading}:** ${names.join(", ")}${rest}`];
  });
  const drift = formatDriftWarnings(messages);
  if (items.length + drift.length === 0) return [];
  const isWarning = drift.length > 0 || notes.some(({ kind }) => kind === "link stops working");
  return [[isWarning ? "> [!WARNING]" : "> [!NOTE]", ...[...items, ...drift].map((item) => `> ${item}`)].join("\n")];
}

/** The provider's warnings about changes made outside Pulumi, which name who made them, as the items of a list. */
function formatDriftWarnings(lines: readonly string[]): string[] {
  const warnings = lines
    .map((line) => line.trim().replace(/^warning: /, ""))
    .filter((line) => /: (.+ changed outside Pulumi\b|deleted (by|outside) |its flow was removed )/.test(line));
  const items = [...new Set(warnings)].map(formatDriftWarning);
  const rest = items.length > maxRows ? [`- and ${formatNumber(items.length - maxRows)} more, see the messages`] : [];
  return [...items.slice(0, maxRows), ...rest];
}

function formatDriftWarning(warning: string): string {
  const [, name, inputs, deleted, actor] =
    /^[\w ]+ "(.*)": (?:([\w, ]+) changed outside Pulumi|(deleted)(?: outside Pulumi)?)(?:(?:, last)? by (.*))?$/.exec(
      warning,
    ) ?? [];
  if (name === undefined) return `- **Changed outside Pulumi:** ${codeSpan(warning)}`;
  const by = formatActor(actor);
  if (deleted !== undefined) return `- **Deleted outside Pulumi:** ${codeSpan(name)}${by && `, ${by}`}`;
  const changed = (inputs ?? "").split(", ").map(codeSpan).join(", ");
  return `- **Changed outside Pulumi:** ${changed} of ${codeSpan(name)}${by && `, last ${by}`}`;
}

function formatActor(actor: string | undefined): string {
  if (actor === undefined) return "";
  const [, run = "", user = "", day, minute] =
    /^(an earlier run of this stack, by )?(.*) on (\d{4}-\d\d-\d\d)T(\d\d:\d\d):\d\dZ$/.exec(actor) ?? [];
  return day === undefined ? `by ${codeSpan(actor)}` : `by ${run}${codeSpan(user)} on ${day} at ${minute} UTC`;
}

function formatTable(preview: Preview): string[] {
  const { changes } = preview;
  if (changes.length === 0) return [];
  const rows = changes.slice(0, maxRows).map((change) => {
    const { operation, type, name } = change;
    const resource = `${codeSpan(name)}<br>${formatType(type)}`;
    return tableRow([`${icons[operation]} ${operation}`, resource, formatProperties(change, preview)]);
  });
  const rest = changes.length > maxRows ? [`${changes.length - maxRows} more resources change, see the diff.`] : [];
  return [["| | resource | changes |", "| :-- | :-- | :-- |", ...rows].join("\n"), ...rest];
}

function formatType(type: string): string {
  return /^[A-Za-z]+$/.test(type) ? type : codeSpan(type);
}

function formatProperties({ operation, type, name, properties }: Change, { batches, notes }: Preview): string {
  const entries = new Set<string>();
  const others = properties.filter(({ path }) => {
    const [entry] = /^invitations(\.[^.[]+|\["(?:[^"\\]|\\.)*"\])/.exec(path) ?? [];
    if (type === "InvitationBatch" && entry !== undefined) entries.add(entry);
    return type !== "InvitationBatch" || entry === undefined;
  });
  const cells = others.slice(0, maxProperties).map(({ path, before, after }) => {
    const values = [before, after].filter((value) => value !== undefined).map((value) => codeSpan(shorten(value)));
    const removed = after === undefined ? " (removed)" : "";
    return `${codeSpan(shorten(path))}: ${values.join(" → ")}${removed}`;
  });
  if (others.length > maxProperties) cells.push(`and ${others.length - maxProperties} more`);
  const counts = batches.find((batch) => type === "InvitationBatch" && batch.name === name)?.counts;
  if (counts)
    cells.push(
      `${codeSpan("invitations")}: ${counts.map(({ count, what }) => `${formatNumber(count)} ${what}`).join(", ")}`,
    );
  else if (entries.size > 0)
    cells.push(`${codeSpan("invitations")}: ${entries.size === 1 ? "1 entry" : `${entries.size} entries`}`);
  if (operation === "delete" && type === "Invitation") {
    const isPending = notes.some((note) => note.kind === "link stops working" && note.name === name);
    cells.push(isPending ? "pending: its link stops working" : "used or expired");
  }
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
