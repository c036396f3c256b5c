import { readFileSync } from "node:fs";
import * as pulumi from "@pulumi/pulumi";
import { limitLines } from "../common/limit-lines";

/** A row of a CSV file: its cells by the columns of the header row. */
export type CsvRow = Readonly<Record<string, string>>;

/** An invitation from a CSV file: an entry of an {@link InvitationBatch}. */
export interface CsvInvitation {
  /** When the invitation expires. */
  expires?: string;
  /** How long the invitation is valid. */
  validFor?: string;
  /** Whether authentik deletes the invitation after its first use. */
  singleUse?: boolean;
  /** Data for the enrollment. */
  fixedData?: Record<string, unknown>;
  /** Who is emailed the link. */
  email?: { to: string[]; cc?: string[]; bcc?: string[]; template?: string };
}

/** How {@link invitationsFromCsv} reads a file. */
export interface InvitationsFromCsvOptions {
  /** The column with each invitation's key. Its cells must not be empty, and must be unique. */
  key: string;
  /** The columns that become `fixedData`, or a function that computes it from a row. */
  fixedData?: readonly string[] | ((row: CsvRow) => Record<string, unknown>);
  /** The column with each invitation's `expires`. An empty cell means the batch's default. */
  expires?: string;
  /** The column with each invitation's `validFor`. An empty cell means the batch's default. */
  validFor?: string;
  /** The column with each invitation's `singleUse`: `true` or `false`. An empty cell means the batch's default. */
  singleUse?: string;
  /**
   * The column with the address to which each invitation's link is emailed (authentik 2026.5 and later), or a function that computes `email` from a
   * row. An empty cell, or `undefined`, means no email.
   */
  email?: string | ((row: CsvRow) => CsvInvitation["email"]);
}

/**
 * Reads the invitations of an {@link InvitationBatch} from a CSV file with a header row (RFC 4180; UTF-8, with or without a byte order mark).
 *
 * @param file path of the file, relative to the folder in which Pulumi runs the program
 * @param options how to read it
 *
 * @throws if the file cannot be read, a column does not exist, a row has too many or too few cells, a key is empty or occurs twice; all errors are
 * reported at once, by file and line, and without any cell
 *
 * @example
 * ```ts
 * import * as authentik from "pulumi-authentik-invitations";
 *
 * new authentik.InvitationBatch("intake-2027", {
 *   flow: "staff-enrollment",
 *   validFor: "14d",
 *   singleUse: true,
 *   invitations: authentik.invitationsFromCsv("people.csv", { key: "email", fixedData: ["email", "name"] }),
 * });
 * ```
 */
export function invitationsFromCsv(
  file: string,
  { key, fixedData = [], expires, validFor, singleUse, email }: InvitationsFromCsvOptions,
): Record<string, CsvInvitation> {
  const { columns, rows } = readRows(file);
  const emailColumn = typeof email === "function" ? undefined : email;
  const fixedDataColumns = typeof fixedData === "function" ? [] : fixedData;
  const required = [key, ...fixedDataColumns, expires, validFor, singleUse, emailColumn];
  const missing = required.filter((column) => column !== undefined && !columns.includes(column));
  if (missing.length > 0) {
    throw new pulumi.RunError(`${file}:1: no column ${missing.join(", ")}. The columns are ${columns.join(", ")}.`);
  }
  const errors: string[] = [];
  const entries = new Map<string, CsvInvitation>();
  const lines = new Map<string, number>();
  for (const { row, line } of rows) {
    const rowKey = row[key]?.trim() ?? "";
    const single = singleUse === undefined ? undefined : row[singleUse]?.trim().toLowerCase();
    const firstLine = lines.get(rowKey);
    if (rowKey === "") errors.push(`${file}:${line}: ${key} must not be empty`);
    else if (firstLine !== undefined) errors.push(`${file}:${line}: ${key} is the same as in line ${firstLine}`);
    else lines.set(rowKey, line);
    if (single && single !== "true" && single !== "false") {
      errors.push(`${file}:${line}: ${singleUse} must be true or false`);
    }
    entries.set(rowKey, {
      ...optional("expires", expires === undefined ? undefined : row[expires]?.trim()),
      ...optional("validFor", validFor === undefined ? undefined : row[validFor]?.trim()),
      ...(single ? { singleUse: single === "true" } : {}),
      ...toFixedData(row, fixedData),
      ...toEmail(row, email),
    });
  }
  if (errors.length > 0) throw new pulumi.RunError(limitLines(errors, "errors").join("\n"));
  return Object.fromEntries(entries);
}

function optional(name: "expires" | "validFor", cell: string | undefined): CsvInvitation {
  return cell ? { [name]: cell } : {};
}

function toEmail(row: CsvRow, email: InvitationsFromCsvOptions["email"]): CsvInvitation {
  if (email === undefined) return {};
  const address = typeof email === "function" ? undefined : row[email]?.trim();
  const computed = typeof email === "function" ? email(row) : address ? { to: [address] } : undefined;
  return computed === undefined ? {} : { email: computed };
}

function toFixedData(row: CsvRow, fixedData: NonNullable<InvitationsFromCsvOptions["fixedData"]>): CsvInvitation {
  if (typeof fixedData === "function") return { fixedData: fixedData(row) };
  if (fixedData.length === 0) return {};
  return { fixedData: Object.fromEntries(fixedData.map((column) => [column, row[column] ?? ""])) };
}

interface Row {
  readonly row: CsvRow;
  readonly line: number;
}

function readRows(file: string): { columns: readonly string[]; rows: readonly Row[] } {
  // Loaded on first use: programs without CSV files start faster.
  const { parse, CsvError } = require("csv-parse/sync") as typeof import("csv-parse/sync");
  let columns: string[] = [];
  try {
    const records = parse(readFileSync(file), {
      bom: true,
      columns: (header: string[]) => {
        columns = header.map((column) => column.trim());
        return columns;
      },
      info: true,
      skip_empty_lines: true,
    }) as unknown as { record: CsvRow; info: { lines: number } }[];
    return { columns, rows: records.map(({ record, info }) => ({ row: record, line: info.lines })) };
  } catch (error) {
    // The parser's messages quote cells.
    if (error instanceof CsvError) {
      const line = typeof error["lines"] === "number" ? error["lines"] : "?";
      throw new pulumi.RunError(`${file}:${line}: ${csvProblem(error.code)}`);
    }
    throw new pulumi.RunError(`Cannot read ${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function csvProblem(code: string): string {
  if (code.startsWith("CSV_RECORD_INCONSISTENT")) return "the number of cells differs from the header's";
  if (code === "CSV_QUOTE_NOT_CLOSED") return "a quote is not closed";
  return "is not valid CSV (RFC 4180), for example because of a quote inside a cell that is not quoted";
}
