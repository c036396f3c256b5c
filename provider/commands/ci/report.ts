import { appendFileSync, readFileSync, statSync } from "node:fs";
import * as z from "zod";
import { UserError } from "../../lifecycle/user-error";
import { messageOf } from "../command";
import { foundExitCode } from "./audit";
import { formatDrift, formatPreview } from "./comment";
import type { Forge, ReportKind } from "./forge";
import { previewSchema } from "./preview";
import { redactLine } from "./redact";

const maxReportBytes = 64 * 1024 * 1024;

const reportSchema = z.object({
  /** The exit code of Pulumi, and what the run logged. */
  result: z.object({ code: z.int(), lines: z.array(z.string()) }),
  /** undefined if Pulumi failed before it. */
  preview: previewSchema.optional(),
  /** undefined if it was skipped. */
  audited: z
    .union([
      z.object({ failure: z.string() }),
      z.object({ table: z.array(z.string()), failure: z.undefined().optional() }),
    ])
    .optional(),
});

/** The results of a preview or a drift check. */
export type Report = z.output<typeof reportSchema>;

export async function publish(kind: ReportKind, stack: string, report: Report, forge: Forge): Promise<void> {
  const marker = `<!-- pulumi-${kind}: ${stack} -->`;
  const link = runLink(forge);
  if (kind === "preview") {
    const body = formatPreview(marker, stack, report, link);
    writeStepSummary(body);
    await forge.upsertComment(marker, body);
    return;
  }
  const { result, audited } = report;
  const hasDrift = result.code === foundExitCode;
  const hasUndeclared = audited?.failure === undefined && (audited?.table ?? []).length > 0;
  if (hasDrift || hasUndeclared) {
    const drift = `Drift detected in stack ${stack}`;
    const both = hasUndeclared ? `${drift}, and undeclared invitations` : drift;
    const title = hasDrift ? both : `Undeclared invitations for stack ${stack}`;
    const body = formatDrift(marker, title, report, link);
    writeStepSummary(body);
    await forge.upsertIssue(marker, title, body);
  } else if (audited?.failure === undefined) {
    const found = audited ? "No drift and no undeclared invitations found." : "No drift found.";
    const comment = `${found} ${link}`.trim();
    writeStepSummary(comment);
    await forge.closeIssue(marker, comment);
  }
  // Otherwise, an open issue may list undeclared invitations that the audit could not check.
}

/** Reads the results that another job wrote. That job ran a program, so the file may contain anything. */
export function readReport(file: string): Report {
  let content: string;
  try {
    if (statSync(file).size > maxReportBytes) throw new Error(`it is larger than ${maxReportBytes} bytes`);
    content = readFileSync(file, "utf8");
  } catch (error) {
    throw new UserError(`Cannot read REPORT_FILE: ${messageOf(error)}`);
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
