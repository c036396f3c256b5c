import { appendFileSync } from "node:fs";
import { capitalize } from "../../common/printable";
import { foundExitCode, hasFindings } from "./audit";
import { formatDrift, formatPreview } from "./comment";
import type { Forge } from "./forge";
import type { Report } from "./report";

/** Reports the results of a preview, or of a drift check that did not fail. */
export async function publish(stack: string, report: Report, forge: Forge): Promise<void> {
  const { kind, result, audited } = report;
  const marker = `<!-- pulumi-${kind}: ${stack} -->`;
  const link = runLink(forge);
  if (kind === "preview") {
    const body = formatPreview(marker, stack, report, link);
    writeStepSummary(body);
    await forge.upsertComment(marker, body);
    return;
  }
  const hasDrift = result.code === foundExitCode;
  const hasUndeclared = hasFindings(audited);
  if (hasDrift || hasUndeclared) {
    const drift = `Drift detected in stack ${stack}`;
    const kind = audited?.failure === undefined && audited?.table.length === 0 ? "unreadable" : "undeclared";
    const both = hasUndeclared ? `${drift}, and ${kind} invitations` : drift;
    const title = hasDrift ? both : `${capitalize(kind)} invitations for stack ${stack}`;
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

function runLink({ runUrl, commit }: Forge): string {
  if (runUrl === undefined) return "";
  return `[Pipeline run](${runUrl})${/^[0-9a-f]+$/.test(commit) ? ` for commit ${commit}` : ""}`;
}

function writeStepSummary(body: string): void {
  const file = process.env["GITHUB_STEP_SUMMARY"];
  if (file) appendFileSync(file, `${body}\n`);
}
