import { appendFileSync, readFileSync, statSync } from "node:fs";
import * as z from "zod";
import { UserError } from "../../lifecycle/user-error";
import { type Audit, foundExitCode } from "./audit";
import { formatDrift, formatPreview } from "./comment";
import type { Forge, ReportKind } from "./forge";
import { type Preview, previewSchema } from "./preview";
import type { Result } from "./programs";
import { redactLine } from "./redact";

const maxReportBytes = 64 * 1024 * 1024;

/** The results of a preview or a drift check. */
export interface Report {
  readonly result: Result;
  /** undefined if Pulumi failed before it. */
  readonly preview?: Preview | undefined;
  /** undefined if it was skipped. */
  readonly audited?: Audit | undefined;
}

const reportSchema = z.object({
  result: z.object({ code: z.int(), lines: z.array(z.string()) }),
  preview: previewSchema.optional(),
  audited: z.union([z.object({ failure: z.string() }), z.object({ table: z.array(z.string()) })]).optional(),
});

export async function publish(kind: ReportKind, stack: string, report: Report, forge: Forge): Promise<void> {
  if (kind === "preview") await publishPreview(stack, report, forge);
  else await publishDrift(stack, report, forge);
}

async function publishPreview(stack: string, { result, preview }: Report, forge: Forge): Promise<void> {
  const marker = `<!-- pulumi-preview: ${stack} -->`;
  const body = formatPreview(marker, stack, result, preview, runLink(forge));
  writeStepSummary(body);
  await forge.upsertComment(marker, body);
}

/** Reports the result of a drift check that did not fail. */
async function publishDrift(stack: string, { result, preview, audited }: Report, forge: Forge): Promise<void> {
  const marker = `<!-- pulumi-drift: ${stack} -->`;
  const hasDrift = result.code === foundExitCode;
  const hasUndeclared = audited?.failure === undefined && (audited?.table ?? []).length > 0;
  if (!hasDrift && !hasUndeclared) {
    // An open issue may list undeclared invitations that a failed audit could not check.
    if (audited?.failure !== undefined) return;
    const found = audited ? "No drift and no undeclared invitations found." : "No drift found.";
    const comment = `${found} ${runLink(forge)}`.trim();
    writeStepSummary(comment);
    await forge.closeIssue(marker, comment);
    return;
  }
  const title = !hasUndeclared
    ? `Drift detected in stack ${stack}`
    : hasDrift
      ? `Drift detected in stack ${stack}, and undeclared invitations`
      : `Undeclared invitations for stack ${stack}`;
  const { lines } = result;
  const body = formatDrift(marker, title, { hasDrift, audited, lines, preview, runLink: runLink(forge) });
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
  try {
    return reportSchema.parse(
      JSON.parse(content, (_key, value: unknown) => (typeof value === "string" ? redactLine(value) : value)),
    );
  } catch {
    // The error would quote the file.
    throw new UserError("REPORT_FILE was not written by this version of the command.");
  }
}

function runLink({ runUrl, commit }: Forge): string {
  if (runUrl === undefined) return "";
  return `[Pipeline run](${runUrl})${/^[0-9a-f]+$/.test(commit) ? ` for commit ${commit}` : ""}`;
}

function writeStepSummary(body: string): void {
  const file = process.env["GITHUB_STEP_SUMMARY"];
  if (file) appendFileSync(file, `${body}\n`);
}
