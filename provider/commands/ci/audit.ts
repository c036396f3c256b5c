import * as z from "zod";
import { notChecked, toTable } from "../audit";
import { parseJsonAs } from "../command";
import { alignColumns } from "../terminal";
import { packageCommand, printLines, runCaptured } from "./programs";
import { redactLine, truncate } from "./redact";
import type { Settings } from "./settings";

const maxCellLength = 100;

/** Exit code of `pulumi preview --expect-no-changes` and of `audit` if they found something. */
export const foundExitCode = 7;

/**
 * The undeclared invitations as the lines of a table, empty if there are none. `unchecked` is the warning about others that may be undeclared.
 * `failure` says why they are unknown.
 */
export type Audit = { table: string[]; unchecked?: string | undefined; failure?: undefined } | { failure: string };

/** Whether there are invitations that are undeclared, or may be. */
export function hasFindings(audited: Audit | undefined): boolean {
  return audited?.failure === undefined && (audited?.unchecked !== undefined || (audited?.table ?? []).length > 0);
}

/** Lists the invitations on the server that no stack declares. */
export async function runAudit({ stack, auditStacks, auditFlow, auditCreatedBy }: Settings): Promise<Audit> {
  const options = [
    ...[stack, ...auditStacks].flatMap((name) => ["--stack", name]),
    // A value that starts with a dash would be another option.
    ...(auditFlow === undefined ? [] : [`--flow=${auditFlow}`]),
    ...(auditCreatedBy === undefined ? [] : [`--created-by=${auditCreatedBy}`]),
  ];
  const { code, stdout, stderr } = runCaptured(packageCommand("audit", "--json", ...options), "read");
  const table = code === 0 || code === foundExitCode ? formatRows(stdout) : undefined;
  const audited = table && { table, unchecked: stderr.find((line) => line.startsWith(notChecked)) };
  if (audited !== undefined && hasFindings(audited) === (code === foundExitCode)) {
    await printLines([...stderr, ...audited.table]);
    return audited;
  }
  const failure = `Could not check for undeclared invitations. audit failed with exit code ${code}. See the log.`;
  await printLines([...stderr, `${failure} Set AUDIT=false to skip this check.`]);
  return { failure };
}

const rowsSchema = z.array(z.record(z.string(), z.unknown()));

/** The lines of a table. Names come from authentik, where anyone may have chosen them. Undefined if it is not the output of `audit --json`. */
function formatRows(json: string): string[] | undefined {
  const rows = parseJsonAs(json, rowsSchema)?.map(({ stack, isPending, ...row }) => {
    return { ...row, stack: isPending ? `${stack ?? ""} (interrupted, run recover)` : stack };
  });
  if (rows === undefined) return undefined;
  const cells = toTable(rows).map((row) => row.map((cell) => truncate(redactLine(cell), maxCellLength)));
  return rows.length === 0 ? [] : alignColumns(cells);
}
