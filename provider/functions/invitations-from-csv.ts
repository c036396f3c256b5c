import { readFileSync } from "node:fs";
import * as pulumi from "@pulumi/pulumi";
import { toPrintableLine } from "../authentik/printable";
import { limitLines } from "../common/limit-lines";
import { findNearest } from "../common/nearest";

/** A row of a CSV file: its cells by column, without blanks around them. */
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

/** How {@link invitationsFromCsv} reads a file. Functions get a row. A function that returns `undefined` is like an empty cell. */
export interface InvitationsFromCsvOptions {
  /** The column with each invitation's key, or a function. Keys must not be empty, and must be unique without regard to capitals. */
  key: string | ((row: CsvRow) => string);
  /** The columns that become `fixedData`, without empty cells, or a function that computes it from a row. */
  fixedData?: readonly string[] | ((row: CsvRow) => Record<string, unknown> | undefined);
  /** The column with each invitation's `expires`, or a function. An empty cell means the batch's default. */
  expires?: string | ((row: CsvRow) => string | undefined);
  /** The column with each invitation's `validFor`, or a function. An empty cell means the batch's default. */
  validFor?: string | ((row: CsvRow) => string | undefined);
  /** The column with each invitation's `singleUse` (`true` or `false`), or a function. An empty cell means the batch's default. */
  singleUse?: string | ((row: CsvRow) => boolean | undefined);
  /**
   * The column with the address to which each invitation's link is emailed (authentik 2026.5 and later), or a function that computes `email` from a
   * row. An empty cell means no email.
   */
  email?: string | ((row: CsvRow) => CsvInvitation["email"]);
  /** Whether a row is left out. */
  skip?: (row: CsvRow) => boolean;
  /** Whether a key that occurs twice is an error, or only its first row counts. Defaults to `error`. */
  duplicates?: "error" | "first";
  /** The file's encoding, as `TextDecoder` names it, for example `windows-1252`. Defaults to the byte order mark's, or UTF-8. */
  encoding?: string;
  /** What separates cells. Defaults to what a first line such as `sep=;` says, or the comma, semicolon or tab in the header row. */
  delimiter?: string;
  /** The names of the columns of a file without a header row. */
  columns?: readonly string[];
  /** Whether a file without rows, which deletes all invitations of the batch, is allowed. Defaults to `false`. */
  allowEmpty?: boolean;
}

/**
 * Reads the invitations of an {@link InvitationBatch} from a CSV file (RFC 4180) with a header row. Commas, semicolons and tabs separate cells. Blanks
 * around cells and blank rows at the end are ignored.
 *
 * @param file path of the file, relative to the folder in which Pulumi runs the program
 * @param options how to read it
 *
 * @throws if the file cannot be read or has no rows, a column does not exist, a row has too many or too few cells, a key is empty or occurs twice, or a
 * function of the options fails. The errors name the file and the line, and contain no cell
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
export function invitationsFromCsv(file: string, options: InvitationsFromCsvOptions): Record<string, CsvInvitation> {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    return fail([`Cannot read ${file}: ${error instanceof Error ? error.message : String(error)}`]);
  }
  const { invitations, warnings } = parseInvitations(bytes, file, options);
  if (warnings.length > 0) void pulumi.log.warn(toLines(warnings, "warnings"));
  return invitations;
}

/** Parses the content of a file for {@link invitationsFromCsv}. */
export function parseInvitations(
  bytes: Uint8Array,
  file: string,
  options: InvitationsFromCsvOptions,
): { invitations: Record<string, CsvInvitation>; warnings: string[] } {
  validateOptions(file, options);
  const { header, rows } = readTable(decode(bytes, file, options.encoding), file, options);
  const columns = validateColumns(file, header, options);
  const errors: string[] = [];
  const warnings: string[] = [];
  const entries = new Map<string, CsvInvitation>();
  const keyLines = new Map<string, { key: string; line: number }>();
  const addressLines = new Map<string, number>();
  for (const { cells, line } of rows) {
    const report = (problem: string): void => {
      errors.push(`${file}:${line}: ${problem}`);
    };
    if (cells.length !== columns.length) {
      report(`the number of cells differs from the ${options.columns ? "number of columns" : "header's"}`);
      continue;
    }
    try {
      const row = toRow(columns, cells);
      if (options.skip && compute("skip", options.skip, row, isBoolean, "true or false")) continue;
      const key = toText("key", options.key, row);
      const keyName = typeof options.key === "string" ? options.key : "key";
      if (key === undefined) throw new RowError(`${keyName} must not be empty`);
      if (key === "__proto__") throw new RowError(`${keyName} must not be __proto__`);
      const first = keyLines.get(fold(key));
      if (first !== undefined) {
        if (options.duplicates === "first") continue;
        const difference = first.key === key ? "" : ", except for capitals or Unicode normalization";
        throw new RowError(`${keyName} is the same as in line ${first.line}${difference}`);
      }
      keyLines.set(fold(key), { key, line });
      const invitation = toInvitation(row, options);
      entries.set(key, invitation);
      for (const address of new Set(invitation.email?.to.map(fold))) {
        const firstLine = addressLines.get(address);
        if (firstLine === undefined) addressLines.set(address, line);
        else warnings.push(`${file}:${line}: the address for the email is the same as in line ${firstLine}`);
      }
    } catch (error) {
      if (!(error instanceof RowError)) throw error;
      report(error.message);
    }
  }
  if (errors.length > 0) fail(errors);
  if (entries.size === 0 && !options.allowEmpty) {
    const rest = rows.length > 0 ? "skip leaves out all rows" : "has no rows";
    fail([`${file}: ${rest}, which would delete all invitations of the batch. If this is intended, set allowEmpty`]);
  }
  return { invitations: Object.fromEntries(entries), warnings };
}

/** An error of a row, without its line and without any cell. */
class RowError extends Error {}

function fail(errors: readonly string[]): never {
  throw new pulumi.RunError(toLines(errors, "errors"));
}

function toLines(lines: readonly string[], noun: string): string {
  return limitLines(lines, noun).map(toPrintableLine).join("\n");
}

const isString = (value: unknown): value is string => typeof value === "string";
const isBoolean = (value: unknown): value is boolean => typeof value === "boolean";
const isFunction = (value: unknown): boolean => typeof value === "function";
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !("then" in value);
const isList = (value: unknown): boolean =>
  Array.isArray(value) && value.every((item) => isString(item) && item !== "");
const isEmail = (value: unknown): value is NonNullable<CsvInvitation["email"]> =>
  isObject(value) && isList(value["to"]);

const columnOrFunction = [
  (value: unknown): boolean => isFunction(value) || (isString(value) && trim(value) !== ""),
  "a column or a function",
] as const;

/** The options: what they must be. */
const optionTypes: Record<keyof InvitationsFromCsvOptions, readonly [(value: unknown) => boolean, string]> = {
  key: columnOrFunction,
  fixedData: [(value) => isFunction(value) || isList(value), "a list of columns or a function"],
  expires: columnOrFunction,
  validFor: columnOrFunction,
  singleUse: columnOrFunction,
  email: columnOrFunction,
  skip: [isFunction, "a function"],
  duplicates: [(value) => value === "error" || value === "first", '"error" or "first"'],
  encoding: [isEncoding, "an encoding that TextDecoder supports, for example windows-1252"],
  delimiter: [(value) => isString(value) && /^[^"\r\n]$/u.test(value), "one character, for example ;"],
  columns: [(value) => Array.isArray(value) && value.length > 0 && value.every(isString), "a list of names"],
  allowEmpty: [isBoolean, "true or false"],
};

function isEncoding(value: unknown): boolean {
  try {
    return isString(value) && new TextDecoder(value, { fatal: true }) !== undefined;
  } catch {
    return false;
  }
}

function validateOptions(file: string, options: InvitationsFromCsvOptions): void {
  if (!isObject(options))
    fail([`${file}: the options must be an object with key, the column with each invitation's key`]);
  const names = Object.keys(optionTypes);
  const unknown = Object.keys(options).filter((name) => !names.includes(name));
  const errors = unknown.map((name) => {
    const nearest = findNearest(name, names);
    return `${file}: unknown option ${name}. ${nearest === undefined ? `The options are ${names.join(", ")}` : `Did you mean ${nearest}?`}`;
  });
  for (const [name, [isValid, description]] of Object.entries(optionTypes)) {
    const value: unknown = options[name as keyof InvitationsFromCsvOptions];
    if (value === undefined && name === "key") errors.push(`${file}: option key is required`);
    else if (value !== undefined && !isValid(value)) errors.push(`${file}: option ${name} must be ${description}`);
  }
  if (errors.length > 0) fail(errors);
}

function decode(bytes: Uint8Array, file: string, encoding: string | undefined): string {
  const startsWith = (...start: number[]): boolean => start.every((byte, index) => bytes[index] === byte);
  if (startsWith(0x50, 0x4b, 0x03, 0x04) || startsWith(0xd0, 0xcf, 0x11, 0xe0)) {
    fail([`${file}: is a workbook or an archive, not CSV. Export the sheet as CSV`]);
  }
  // As the Encoding Standard says, a byte order mark takes precedence.
  const marked = startsWith(0xef, 0xbb, 0xbf)
    ? "utf-8"
    : startsWith(0xff, 0xfe)
      ? "utf-16le"
      : startsWith(0xfe, 0xff)
        ? "utf-16be"
        : undefined;
  const used = marked ?? encoding ?? "utf-8";
  let text: string;
  try {
    const decoder = new TextDecoder(used, { fatal: true });
    // As a stream, because Node.js 20 otherwise decodes windows-1252 as Latin-1 (nodejs/node#56542).
    text = decoder.decode(bytes, { stream: true }) + decoder.decode();
  } catch {
    const before = new TextDecoder(used).decode(bytes).split("\uFFFD")[0] ?? "";
    const hint = marked || encoding ? "" : '. Set the option encoding, for example encoding: "windows-1252"';
    return fail([`${file}:${countLines(before)}: is not ${used.toUpperCase()}${hint}`]);
  }
  const nul = text.indexOf("\0");
  if (nul >= 0) {
    fail([
      `${file}:${countLines(text.slice(0, nul))}: contains a NUL character. If the file is UTF-16, set encoding: "utf-16le"`,
    ]);
  }
  const lost = text.indexOf("\uFFFD");
  if (lost >= 0) {
    fail([
      `${file}:${countLines(text.slice(0, lost))}: contains U+FFFD, which replaces a character that an earlier conversion lost`,
    ]);
  }
  return text;
}

function countLines(text: string): number {
  return text.split(/\r\n|\r|\n/).length;
}

interface Line {
  readonly cells: readonly string[];
  readonly line: number;
}

interface Table {
  readonly header: Line | undefined;
  readonly rows: readonly Line[];
}

/** Columns that options name. */
function listColumns({ key, fixedData, expires, validFor, singleUse, email }: InvitationsFromCsvOptions): string[] {
  const all = [key, ...(Array.isArray(fixedData) ? fixedData : []), expires, validFor, singleUse, email];
  return [...new Set(all.filter(isString).map(toColumn))];
}

function toColumn(name: string): string {
  return trim(name).normalize("NFC");
}

function readTable(decoded: string, file: string, options: InvitationsFromCsvOptions): Table {
  // Spreadsheets write and read this line.
  const separator = /^"?sep=([^\r\n])"?(?:\r\n|\r|\n)/i.exec(decoded);
  const text = separator ? decoded.slice(separator[0].length) : decoded;
  const delimiter = options.delimiter ?? separator?.[1] ?? detectDelimiter(text, options);
  const { lines, error } = parseLines(text, delimiter, separator ? 2 : 1);
  if (error) fail([`${file}:${error.line}: ${error.problem}`]);
  // Spreadsheets write blank rows below the table.
  while (lines.at(-1)?.cells.every((cell) => cell === "")) lines.pop();
  if (options.columns) return { header: undefined, rows: lines };
  const [header, ...rows] = lines;
  if (header === undefined) return fail([`${file}: is empty`]);
  return { header, rows };
}

/** The delimiter with which the first row has the most columns that options name, or else the most cells. */
function detectDelimiter(text: string, options: InvitationsFromCsvOptions): string {
  const names = listColumns(options);
  const candidates = [",", ";", "\t"].map((delimiter) => {
    const cells = parseLines(text, delimiter, 1, 1).lines[0]?.cells ?? [];
    const matches = options.columns
      ? Number(cells.length === options.columns.length)
      : names.filter((name) => cells.some((cell) => toColumn(cell) === name)).length;
    return { delimiter, matches, cells: cells.length };
  });
  return candidates.sort((a, b) => b.matches - a.matches || b.cells - a.cells)[0]?.delimiter ?? ",";
}

/** Parses rows, at most `to`. The first line is line `firstLine` of the file. */
function parseLines(
  text: string,
  delimiter: string,
  firstLine: number,
  to?: number,
): { lines: Line[]; error?: { line: number; problem: string } } {
  // Loaded on first use: programs without CSV files start faster.
  const { parse, CsvError } = require("csv-parse/sync") as typeof import("csv-parse/sync");
  const bytes = Buffer.from(text);
  const lines: Line[] = [];
  // The parser counts other lines than editors do, for example of CRLF in a cell.
  let line = firstLine;
  let offset = 0;
  const moveTo = (end: number): void => {
    for (; offset < end; offset++) {
      const byte = bytes[offset];
      if (byte === 0x0a || (byte === 0x0d && bytes[offset + 1] !== 0x0a)) line++;
    }
  };
  const skipLineEnds = (): void => {
    while (bytes[offset] === 0x0a || bytes[offset] === 0x0d) moveTo(offset + 1);
  };
  skipLineEnds();
  try {
    parse(bytes, {
      delimiter,
      record_delimiter: ["\r\n", "\n", "\r"],
      relax_column_count: true,
      skip_empty_lines: true,
      trim: true,
      ...(to === undefined ? {} : { to }),
      on_record: (cells: string[], { bytes: end }) => {
        const trimmed = cells.map(trim);
        if (trimmed.length > 1 || trimmed[0] !== "") lines.push({ cells: trimmed, line });
        moveTo(end);
        skipLineEnds();
        return null;
      },
    });
    return { lines };
  } catch (error) {
    // The parser's messages quote cells.
    if (error instanceof CsvError) return { lines, error: { line, problem: csvProblem(error.code) } };
    throw error;
  }
}

function csvProblem(code: string): string {
  if (code === "CSV_QUOTE_NOT_CLOSED") return "a quote is not closed";
  return "is not valid CSV (RFC 4180), for example because of a quote inside a cell that is not quoted";
}

/** Returns the names of the columns. */
function validateColumns(
  file: string,
  header: Line | undefined,
  options: InvitationsFromCsvOptions,
): readonly string[] {
  const columns = (options.columns ?? header?.cells ?? []).map(toColumn);
  const place = header ? `${file}:${header.line}` : `${file}: option columns`;
  const required = listColumns(options);
  const missing = required.filter((name) => !columns.includes(name));
  if (missing.length > 0) {
    // Without a header row, the first row is data, which must not be printed.
    const isHeader = !header || missing.length < required.length;
    const isData = columns.some((cell) => /@|^[\d.:/+-]+$/.test(cell));
    const names = isHeader || !isData ? columns.filter((column) => column !== "") : [];
    const hint = isHeader ? "" : ". If the file has no header row, set the option columns";
    fail(
      missing.map((name) => {
        const similar = findNearest(name, names, 1 / 2);
        if (similar !== undefined) return `${place}: no column ${name}. Did you mean ${similar}?`;
        const nearest = isHeader ? findNearest(name, names, Number.POSITIVE_INFINITY) : undefined;
        return `${place}: no column ${name}${nearest === undefined ? hint : `. The nearest column is ${nearest}`}`;
      }),
    );
  }
  const errors = columns.flatMap((name, index) => {
    const first = columns.indexOf(name);
    return name !== "" && first < index ? [`${place}: columns ${first + 1} and ${index + 1} have the same name`] : [];
  });
  if (Array.isArray(options.fixedData) && options.fixedData.includes("__proto__")) {
    errors.push(`${place}: fixedData must not contain __proto__`);
  }
  if (errors.length > 0) fail(errors);
  return columns;
}

function toRow(columns: readonly string[], cells: readonly string[]): CsvRow {
  // Without a prototype, columns such as `constructor` and `__proto__` are like others.
  const row: Record<string, string> = Object.create(null);
  for (const [index, column] of columns.entries()) if (column !== "") row[column] = cells[index] ?? "";
  return row;
}

function toInvitation(
  row: CsvRow,
  { expires, validFor, singleUse, fixedData, email }: InvitationsFromCsvOptions,
): CsvInvitation {
  const invitation: CsvInvitation = {
    expires: toText("expires", expires, row),
    validFor: toText("validFor", validFor, row),
    singleUse: toBoolean(singleUse, row),
    fixedData: toFixedData(fixedData, row),
    email: toEmail(email, row),
  };
  return Object.fromEntries(Object.entries(invitation).filter(([, value]) => value !== undefined));
}

/** Calls a function of the options, whose errors may contain cells. */
function compute<T>(
  name: string,
  option: (row: CsvRow) => unknown,
  row: CsvRow,
  isValid: (value: unknown) => value is T,
  description: string,
): T | undefined {
  let value: unknown;
  try {
    value = option(row);
  } catch {
    throw new RowError(`the function for ${name} threw an error`);
  }
  if (value === undefined || value === null) return undefined;
  if (!isValid(value)) throw new RowError(`the function for ${name} must return ${description}`);
  return value;
}

function toText(
  name: string,
  option: string | ((row: CsvRow) => unknown) | undefined,
  row: CsvRow,
): string | undefined {
  if (option === undefined) return undefined;
  const text = typeof option === "string" ? row[toColumn(option)] : compute(name, option, row, isString, "a string");
  return trim(text ?? "") || undefined;
}

function toBoolean(option: InvitationsFromCsvOptions["singleUse"], row: CsvRow): boolean | undefined {
  if (typeof option === "function") return compute("singleUse", option, row, isBoolean, "true or false");
  const cell = toText("singleUse", option, row)?.toLowerCase();
  if (cell === undefined) return undefined;
  if (cell !== "true" && cell !== "false") throw new RowError(`${option} must be true or false`);
  return cell === "true";
}

function toFixedData(option: InvitationsFromCsvOptions["fixedData"], row: CsvRow): Record<string, unknown> | undefined {
  if (typeof option === "function") {
    const data = compute("fixedData", option, row, isObject, "an object");
    if (data && Object.hasOwn(data, "__proto__")) throw new RowError("fixedData must not contain __proto__");
    return data;
  }
  if (option === undefined || option.length === 0) return undefined;
  const cells = option.map((column) => [column, row[toColumn(column)] ?? ""] as const);
  return Object.fromEntries(cells.filter(([, cell]) => cell !== ""));
}

function toEmail(option: InvitationsFromCsvOptions["email"], row: CsvRow): CsvInvitation["email"] {
  if (typeof option === "function") return compute("email", option, row, isEmail, "an object with the addresses in to");
  const address = toText("email", option, row);
  return address === undefined ? undefined : { to: [address] };
}

const blank = /[\s\p{Cc}\p{Cf}]/u;

/** Without blanks, and invisible characters such as zero-width spaces, at both ends. */
function trim(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && blank.test(text.charAt(start))) start++;
  while (end > start && blank.test(text.charAt(end - 1))) end--;
  return text.slice(start, end);
}

/** Equal for strings that people take for the same. */
function fold(key: string): string {
  return key
    .replaceAll(/\p{Cf}/gu, "")
    .normalize("NFKC")
    .toLowerCase()
    .normalize("NFKC");
}
