import { createInterface } from "node:readline/promises";
import { toPrintableLine } from "../common/printable";
import { UsageError } from "./command";

/** Aligns the columns of rows, the first of which is the header. Cells may come from anyone, so each one becomes printable. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  return alignColumns(rows.map((row) => row.map(toPrintableLine)))
    .map((line) => `${line}\n`)
    .join("");
}

export function alignColumns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    rows.reduce((width, row) => Math.max(width, row[column]?.length ?? 0), 0),
  );
  return rows.map((row) => {
    const cells = row.map((cell, column) => cell.padEnd(widths[column] ?? 0));
    return cells.join("  ").trimEnd();
  });
}

/** Prints a line to standard error. */
export function warn(line: string): void {
  process.stderr.write(`${toPrintableLine(line)}\n`);
}

export function reportMissingEvents(unknown: string): void {
  warn(
    `${unknown} is unknown, because authentik's event log could not be read (permission authentik_events.view_event, which also shows every email that authentik sends).`,
  );
}

/** Asks for confirmation on the terminal. `--yes` is required without one. */
export async function confirm(question: string, isConfirmed: boolean): Promise<boolean> {
  if (isConfirmed) return true;
  if (!process.stdin.isTTY) throw new UsageError("--yes is required without a terminal");
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await terminal.question(`${question} (yes/no) `)).trim().toLowerCase() === "yes";
  } finally {
    terminal.close();
  }
}
