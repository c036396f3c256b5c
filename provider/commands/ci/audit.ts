import { packageCommand, print, runCaptured, withoutWorkflowCommands } from "./programs";
import { redactLine, truncate } from "./redact";
import type { Settings } from "./settings";

const maxCellLength = 100;

/** Exit code of `pulumi preview --expect-no-changes` and of `audit` if they found something. */
export const foundExitCode = 7;

/** The undeclared invitations as the lines of a table, empty if there are none. `failure` says why they are unknown. */
export type Audit = { readonly table: readonly string[]; readonly failure?: undefined } | { readonly failure: string };

/** Lists the invitations on the server that no stack declares. */
export async function runAudit({ stack, auditStacks, auditFlow, auditCreatedBy }: Settings): Promise<Audit> {
  const options = [
    ...[stack, ...auditStacks].flatMap((name) => ["--stack", name]),
    // A value that starts with a dash would be another option.
    ...(auditFlow === undefined ? [] : [`--flow=${auditFlow}`]),
    ...(auditCreatedBy === undefined ? [] : [`--created-by=${auditCreatedBy}`]),
  ];
  const { code, stdout, stderr } = runCaptured(process.execPath, packageCommand("audit", "--json", ...options), "read");
  return await withoutWorkflowCommands(() => {
    for (const line of stderr) print(line);
    const table = code === 0 || code === foundExitCode ? toTable(stdout) : undefined;
    if (table !== undefined && table.length > 0 === (code === foundExitCode)) {
      for (const line of table) print(line);
      return { table };
    }
    const failure = `Could not check for undeclared invitations. audit failed with exit code ${code}. See the log.`;
    print(`${failure} Set AUDIT=false to skip this check.`);
    return { failure };
  });
}

/**
 * Formats the output of `audit --json` as the lines of a table. Names come from authentik, where anyone may have chosen them.
 * Returns undefined if it is not the output of `audit --json`.
 */
function toTable(json: string): string[] | undefined {
  let rows: unknown;
  try {
    rows = JSON.parse(json);
  } catch {
    return undefined;
  }
  if (!Array.isArray(rows)) return undefined;
  if (rows.length === 0) return [];
  const header = ["ID", "NAME", "FLOW", "EXPIRES", "CREATED BY", "CREATED", "STACK"];
  const cells = rows.map((value: unknown) => {
    const row = Object(value) as Record<string, unknown>;
    const stack = String(row["stack"] ?? "");
    return [
      row["id"],
      row["name"],
      row["flow"] ?? "any",
      row["expires"] ?? "never",
      row["createdBy"] ?? "",
      row["created"] ?? "",
      row["isPending"] ? `${stack} (interrupted, run recover)` : stack,
    ].map((cell) => truncate(redactLine(String(cell)), maxCellLength));
  });
  const table = [header, ...cells];
  const widths = header.map((_, column) => Math.max(...table.map((row) => (row[column] ?? "").length)));
  return table.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}
