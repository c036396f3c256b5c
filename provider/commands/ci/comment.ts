import { capitalize } from "../../common/printable";
import { flow } from "../../objects/flow";
import { flowStageBinding } from "../../objects/flow-stage-binding";
import { invitation } from "../../objects/invitation/declaration";
import { invitationBatch } from "../../objects/invitation-batch/declaration";
import { invitationStage } from "../../objects/invitation-stage";
import { foundExitCode } from "./audit";
import { byteLength, codeBlock, codeSpan, maxBodyBytes, tableRow } from "./markdown";
import { type Batch, type Change, operations, type Preview } from "./preview";
import { truncate } from "./redact";
import type { Report } from "./report";

const maxRows = 50;
const maxProperties = 8;
const maxNames = 10;
const maxCellLength = 80;

const icons = { create: "🟢", import: "🔵", update: "🟡", replace: "🟠", delete: "🔴" } as const;

const nouns = new Map(
  [invitation, invitationBatch, flow, invitationStage, flowStageBinding].map(({ name, noun }) => [
    name as string,
    noun,
  ]),
);
const otherNoun = "other resource";

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
  if (audited?.failure === undefined && audited?.unchecked !== undefined) {
    paragraphs.push("Some invitations may be undeclared:", codeBlock([audited.unchecked], maxBodyBytes / 4));
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
  const entries = `${size === 1 ? "entry" : "entries"} of ${codeSpan(name)}`;
  const parts = counts.map(({ count, what }, index) => {
    if (index > 0) return `${formatNumber(count)} ${what}`;
    return `${formatNumber(count)}${count === size ? "" : ` of ${formatNumber(size)}`} ${entries} ${what}`;
  });
  return parts.join(", ");
}

function formatNumber(number: number): string {
  return number.toLocaleString("en-US");
}

function summarizeChanges(changes: readonly Change[]): string {
  if (changes.length === 0) return "No changes";
  return [...nouns.values(), otherNoun]
    .flatMap((noun) => {
      const own = changes.filter(({ type }) => (nouns.get(type) ?? otherNoun) === noun);
      return operations
        .map((operation) => ({ operation, count: own.filter((change) => change.operation === operation).length }))
        .filter(({ count }) => count > 0)
        .map(({ operation, count }, index) => {
          const plural = noun.endsWith("ch") ? `${noun}es` : `${noun}s`;
          return `${count} ${index > 0 ? "" : `${count === 1 ? noun : plural} `}to ${operation}`;
        });
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
    // NaN if a count is a secret.
    const sum = own.reduce((total, { count = Number.NaN }) => total + count, 0);
    const heading = sum === 1 ? singular : sum > 1 ? `${formatNumber(sum)} ${plural}` : capitalize(plural);
    const names = own.map(({ name, count = 1 }) => codeSpan(name) + (count === 1 ? "" : ` (${formatNumber(count)})`));
    return [`- **${heading}:** ${limit(names, maxNames, (rest) => `and ${rest} more`).join(", ")}`];
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
  return limit(items, maxRows, (rest) => `- and ${rest} more, see the messages`);
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
    const resource = `${codeSpan(name)}<br>${/^[A-Za-z]+$/.test(type) ? type : codeSpan(type)}`;
    return tableRow([`${icons[operation]} ${operation}`, resource, formatProperties(change, preview)]);
  });
  const rest = changes.length > maxRows ? [`${changes.length - maxRows} more resources change, see the diff.`] : [];
  return [["| | resource | changes |", "| :-- | :-- | :-- |", ...rows].join("\n"), ...rest];
}

function formatProperties({ operation, type, name, properties }: Change, { batches, notes }: Preview): string {
  const isBatch = type === "InvitationBatch";
  const entryOf = (path: string): string | undefined =>
    isBatch ? /^invitations(\.[^.[]+|\["(?:[^"\\]|\\.)*"\])/.exec(path)?.[0] : undefined;
  const entries = new Set(properties.flatMap(({ path }) => entryOf(path) ?? []));
  const changed = properties
    .filter(({ path }) => entryOf(path) === undefined)
    .map(({ path, before, after }) => {
      const values = [before, after].filter((value) => value !== undefined).map((value) => codeSpan(shorten(value)));
      return `${codeSpan(shorten(path))}: ${values.join(" → ")}${after === undefined ? " (removed)" : ""}`;
    });
  const cells = limit(changed, maxProperties, (rest) => `and ${rest} more`);
  const batch = isBatch ? batches.find((other) => other.name === name) : undefined;
  const counts = batch?.counts.map(({ count, what }) => `${formatNumber(count)} ${what}`).join(", ");
  const size = entries.size === 1 ? "1 entry" : `${entries.size} entries`;
  if (counts !== undefined || entries.size > 0) cells.push(`${codeSpan("invitations")}: ${counts ?? size}`);
  if (operation === "delete" && type === "Invitation") {
    const isPending = notes.some((note) => note.kind === "link stops working" && note.name === name);
    cells.push(isPending ? "pending: its link stops working" : "used or expired");
  }
  return cells.join("<br>");
}

/** The first items, and what to say about the number of the others. */
function limit(items: readonly string[], max: number, describeRest: (rest: string) => string): string[] {
  const rest = items.length - max;
  return rest > 0 ? [...items.slice(0, max), describeRest(formatNumber(rest))] : [...items];
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
