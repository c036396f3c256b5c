import { toPrintableLine } from "../../common/printable";

/** Formats rows as CSV (RFC 4180). Every cell is one printable line, and none is a formula: names and usernames come from other people. */
export function formatCsv(rows: readonly (readonly string[])[]): string {
  return rows.map((row) => `${row.map(formatCell).join(",")}\n`).join("");
}

function formatCell(value: string): string {
  const printable = toPrintableLine(value);
  // Spreadsheets evaluate a cell that starts with one of these, also in full width, even if it is quoted.
  const escaped = /^[=+\-@＝＋－＠]/.test(printable) ? `'${printable}` : printable;
  return /[",']|^\s|\s$/.test(escaped) ? `"${escaped.replaceAll('"', '""')}"` : escaped;
}
