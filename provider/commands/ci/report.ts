import { appendFileSync, readFileSync, statSync } from "node:fs";
import { UserError } from "../../lifecycle/engine/user-error";
import type { Audit } from "./audit";
import type { Forge, ReportKind } from "./forge";
import { byteLength, codeBlock, maxBodyBytes } from "./markdown";
import type { Result } from "./programs";
import { redactLine } from "./redact";

const maxReportBytes = 64 * 1024 * 1024;

/** Exit code of `pulumi preview --expect-no-changes` and of `audit` if they found something. */
export const foundExitCode = 7;

/** The results of a preview or a drift check. */
export interface Report {
  readonly result: Result;
  /** undefined if it was skipped. */
  readonly audited?: Audit | undefined;
}

export async function publish(kind: ReportKind, stack: string, report: Report, forge: Forge): Promise<void> {
  if (kind === "preview") await publishPreview(stack, report.result, forge);
  else await publishDrift(stack, report, forge);
}

async function publishPreview(stack: string, { code, lines }: Result, forge: Forge): Promise<void> {
  const marker = `<!-- pulumi-preview: ${stack} -->`;
  const title =
    code === 0
      ? `Pulumi preview for \`${stack}\`: ${summarize(lines)}`
      : `Pulumi preview for \`${stack}\` failed with exit code ${code}`;
  const body = formatBody(marker, title, [runLink(forge)], lines);
  writeStepSummary(body);
  await forge.upsertComment(marker, body);
}

/** Reports the result of a drift check that did not fail. */
async function publishDrift(stack: string, { result: { code, lines }, audited }: Report, forge: Forge): Promise<void> {
  const marker = `<!-- pulumi-drift: ${stack} -->`;
  const undeclared = audited?.failure === undefined ? (audited?.table ?? []) : [];
  const hasDrift = code === foundExitCode;
  const hasUndeclared = undeclared.length > 0;
  if (!hasDrift && !hasUndeclared) {
    // An open issue may list undeclared invitations that a failed audit could not check.
    if (audited?.failure !== undefined) return;
    const result = audited ? "No drift and no undeclared invitations found." : "No drift found.";
    const comment = `${result} ${runLink(forge)}`.trim();
    writeStepSummary(comment);
    await forge.closeIssue(marker, comment);
    return;
  }
  const title = !hasUndeclared
    ? `Drift detected in stack ${stack}`
    : hasDrift
      ? `Drift detected in stack ${stack}, and undeclared invitations`
      : `Undeclared invitations for stack ${stack}`;
  const paragraphs: string[] = [];
  if (hasDrift) {
    const warnings = findDriftWarnings(lines);
    if (warnings.length > 0) paragraphs.push(codeBlock(warnings, maxBodyBytes / 4));
    paragraphs.push("To revert these changes, run `pulumi up --refresh`. To keep them, update the program.");
  }
  if (hasUndeclared) {
    paragraphs.push("These invitations are valid in authentik, but no stack declares them:");
    paragraphs.push(codeBlock(undeclared, maxBodyBytes / 4));
    paragraphs.push(
      "To keep one, declare it with the resource option `import`. To delete them, run `npx pulumi-authentik-invitations audit --delete` with the same `--stack` options.",
    );
  }
  if (audited?.failure !== undefined) paragraphs.push(codeBlock([audited.failure], maxBodyBytes / 4));
  paragraphs.push("The next run that finds nothing closes this issue.", runLink(forge));
  const body = formatBody(marker, title, paragraphs, lines);
  writeStepSummary(body);
  await forge.upsertIssue(marker, title, body);
}

/** Reads the results that another job wrote. That job ran a program, so the file may contain anything. */
export function readReport(file: string): Report {
  let content: string;
  try {
    if (statSync(file).size > maxReportBytes) throw new Error(`it is larger than ${maxReportBytes} bytes`);
    content = readFileSync(file, "utf8");
  } catch (error) {
    throw new UserError(`Cannot read REPORT_FILE: ${error instanceof Error ? error.message : String(error)}`);
  }
  let report: unknown;
  try {
    report = JSON.parse(content);
  } catch {
    // The error would quote the file.
  }
  const { result, audited } = Object(report) as {
    result?: Partial<Result>;
    audited?: Partial<Record<string, unknown>>;
  };
  const code = result?.code;
  const lines: unknown = result?.lines;
  const failure = audited?.["failure"];
  const table = audited?.["table"];
  const isAudit = !audited || typeof failure === "string" || isLines(table);
  if (typeof code !== "number" || !Number.isSafeInteger(code) || !isLines(lines) || !isAudit) {
    throw new UserError("REPORT_FILE was not written by this version of the command.");
  }
  return {
    result: { code, lines: lines.map(redactLine) },
    audited:
      typeof failure === "string"
        ? { failure: redactLine(failure) }
        : isLines(table)
          ? { table: table.map(redactLine) }
          : undefined,
  };
}

function isLines(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((line) => typeof line === "string");
}

/** Summarizes Pulumi's output, for example as `1 to create, 2 unchanged`. */
function summarize(lines: readonly string[]): string {
  const start = lines.lastIndexOf("Resources:");
  const matches =
    start === -1 ? [] : lines.slice(start + 1).map((line) => /^ {4}(?:\S+ )?(\d+ [a-z][a-z -]*)/.exec(line)?.[1]);
  const end = matches.indexOf(undefined);
  const counts = (end === -1 ? matches : matches.slice(0, end)).filter((count) => !count?.endsWith("changes"));
  const unchanged = lines
    .slice(start + 1)
    .map((line) => /(\d+ unchanged)/.exec(line)?.[1])
    .find(Boolean);
  return [...new Set([...counts, unchanged].filter(Boolean))].join(", ") || "no changes";
}

/** Finds the provider's warnings about changes made outside Pulumi, which name who made them. */
function findDriftWarnings(lines: readonly string[]): string[] {
  const warnings = lines
    .map((line) => line.trim())
    .filter((line) => /: (.+ changed outside Pulumi\b|deleted (by|outside) )/.test(line));
  return [...new Set(warnings)];
}

function formatBody(marker: string, title: string, paragraphs: readonly string[], lines: readonly string[]): string {
  const head = [marker, `### ${title}`, ...paragraphs].filter((paragraph) => paragraph !== "").join("\n\n");
  const output = codeBlock(lines, maxBodyBytes - byteLength(head) - 100);
  return [head, "<details><summary>Pulumi output</summary>", output, "</details>"].join("\n\n");
}

function runLink({ runUrl, commit }: Forge): string {
  if (runUrl === undefined) return "";
  return `[Pipeline run](${runUrl})${/^[0-9a-f]+$/.test(commit) ? ` for commit ${commit}` : ""}`;
}

function writeStepSummary(body: string): void {
  const file = process.env["GITHUB_STEP_SUMMARY"];
  if (file) appendFileSync(file, `${body}\n`);
}
