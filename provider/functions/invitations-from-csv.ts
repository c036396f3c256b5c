import { readFileSync } from "node:fs";
import * as pulumi from "@pulumi/pulumi";
import { toPrintableLine } from "../authentik/printable";
import { limitLines } from "../common/limit-lines";
<<<<<<< HEAD
import { findNearest } from "../common/nearest";

/** A row of a CSV file: its cells by column, without blanks around them. */
=======
import { CsvFileError, type CsvFileRow, findNearest, readCsv } from "./csv-file";

/** A row of a CSV file: its cells by the columns of the header row, without blanks around them. */
>>>>>>> 5e9ba8b (invitationsFromCsv reads what spreadsheets write, or says by file and line what is wrong)
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
<<<<<<< HEAD
  /** The column with each invitation's key, or a function. Keys must not be empty, and must be unique without regard to capitals. */
  key: string | ((row: CsvRow) => string);
  /** The columns that become `fixedData`, without empty cells, or a function that computes it from a row. */
  fixedData?: readonly string[] | ((row: CsvRow) => Record<string, unknown> | undefined);
  /** The column with each invitation's `expires`, or a function. An empty cell means the batch's default. */
  expires?: string | ((row: CsvRow) => string | undefined);
  /** The column with each invitation's `validFor`, or a function. An empty cell means the batch's default. */
  validFor?: string | ((row: CsvRow) => string | undefined);
  /** The column with each invitation's `singleUse` (`true` or `false`), or a function. An empty cell means the batch's default. */
=======
  /** The column with each invitation's key, or a function that computes it from a row. Keys must not be empty, and must be unique. */
  key: string | ((row: CsvRow) => string);
  /** The columns that become `fixedData`, without empty cells, or a function that computes it from a row. */
  fixedData?: readonly string[] | ((row: CsvRow) => Record<string, unknown>);
  /** The column with each invitation's `expires`, or a function that computes it. An empty cell, or `undefined`, means the batch's default. */
  expires?: string | ((row: CsvRow) => string | undefined);
  /** The column with each invitation's `validFor`, or a function that computes it. An empty cell, or `undefined`, means the batch's default. */
  validFor?: string | ((row: CsvRow) => string | undefined);
  /**
   * The column with each invitation's `singleUse`, or a function that computes it. A cell is `true`, `yes`, `1`, `false`, `no` or `0`, in any case. An empty
   * cell, or `undefined`, means the batch's default.
   */
>>>>>>> 5e9ba8b (invitationsFromCsv reads what spreadsheets write, or says by file and line what is wrong)
  singleUse?: string | ((row: CsvRow) => boolean | undefined);
  /**
   * The column with the address to which each invitation's link is emailed (authentik 2026.5 and later), or a function that computes `email` from a
   * row. An empty cell means no email.
   */
  email?: string | ((row: CsvRow) => CsvInvitation["email"]);
<<<<<<< HEAD
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
=======
  /** Rows for which this returns `true` are left out. */
  skip?: (row: CsvRow) => boolean;
  /**
   * What happens if a key occurs twice, also in other capitals or another Unicode normal form: `error`, or `first`, which leaves out the later rows.
   *
   * @default "error"
   */
  duplicates?: "error" | "first";
  /**
   * The file's encoding, a name that `TextDecoder` accepts, such as `windows-1252`. A byte order mark takes precedence.
   *
   * @default "utf-8"
   */
  encoding?: string;
  /**
   * The character between two cells.
   *
   * @default the comma, semicolon or tab that occurs most often in the first line, or the one that a first line such as `sep=;` names
   */
  delimiter?: string;
  /** The names of the columns, for a file without a header row. */
  columns?: readonly string[];
  /**
   * Whether a file may have no rows. Otherwise that is an error, because the batch would delete all of its invitations.
   *
   * @default false
   */
>>>>>>> 5e9ba8b (invitationsFromCsv reads what spreadsheets write, or says by file and line what is wrong)
  allowEmpty?: boolean;
}

const optionTypes: Readonly<Record<keyof InvitationsFromCsvOptions, readonly string[]>> = {
  key: ["string", "function"],
  fixedData: ["list", "function"],
  expires: ["string", "function"],
  validFor: ["string", "function"],
  singleUse: ["string", "function"],
  email: ["string", "function"],
  skip: ["function"],
  duplicates: ["string"],
  encoding: ["string"],
  delimiter: ["string"],
  columns: ["list"],
  allowEmpty: ["boolean"],
};

/**
<<<<<<< HEAD
 * Reads the invitations of an {@link InvitationBatch} from a CSV file (RFC 4180) with a header row. Commas, semicolons and tabs separate cells. Blanks
 * around cells and blank rows at the end are ignored.
=======
 * Reads the invitations of an {@link InvitationBatch} from a CSV file with a header row, as spreadsheets and databases write it: UTF-8 or, with a byte order
 * mark, UTF-16, any other encoding with the option `encoding`, with commas, semicolons or tabs, and any line ends. Blanks around cells are removed, also those
 * that cannot be seen, and rows without content are skipped.
 *
 * Warns if several rows have the same address in `email`, or if `email` is not the address that is the key.
>>>>>>> 5e9ba8b (invitationsFromCsv reads what spreadsheets write, or says by file and line what is wrong)
 *
 * @param file path of the file, relative to the folder in which Pulumi runs the program
 * @param options how to read it
 *
<<<<<<< HEAD
 * @throws if the file cannot be read or has no rows, a column does not exist, a row has too many or too few cells, a key is empty or occurs twice, or a
 * function of the options fails. The errors name the file and the line, and contain no cell
=======
 * @throws if the file cannot be read, is not CSV or is in another encoding; a column does not exist or occurs twice; a row has too many or too few cells; a key is
 * empty or occurs twice; there are no rows; an option is misspelled or fails. All errors are reported at once, by file and line, and without any cell
>>>>>>> 5e9ba8b (invitationsFromCsv reads what spreadsheets write, or says by file and line what is wrong)
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
<<<<<<< HEAD
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
=======
    throw toRunError([`Cannot read ${file}: ${error instanceof Error ? error.message : String(error)}`]);
  }
  const { entries, warnings, errors } = parseInvitations(bytes, file, options);
  if (errors.length > 0) throw toRunError(errors);
  for (const warning of warnings) pulumi.log.warn(toPrintableLine(warning));
  return entries;
}

/** A mistake in the file or the options, which Pulumi reports without a stack trace. */
function toRunError(errors: readonly string[]): pulumi.RunError {
  return new pulumi.RunError(limitLines(errors, "errors").map(toPrintableLine).join("\n"));
}

/** The invitations in the content of a file. `file` is its name in errors. */
export function parseInvitations(
  bytes: Buffer,
  file: string,
  options: InvitationsFromCsvOptions,
): { entries: Record<string, CsvInvitation>; warnings: string[]; errors: string[] } {
  const failed = (errors: string[]) => ({ entries: {}, warnings: [], errors });
  const optionErrors = validateOptions(options).map((error) => `invitationsFromCsv: ${error}`);
  if (optionErrors.length > 0) return failed(optionErrors);
  let csv: ReturnType<typeof readCsv>;
  try {
    csv = readCsv(bytes, options);
  } catch (error) {
    if (!(error instanceof CsvFileError)) throw error;
    return failed([`${file}:${error.line === undefined ? "" : `${error.line}:`} ${error.message}.`]);
  }
  const errors = [...csv.errors.map((error) => `${file}:${error}`), ...missingColumns(file, csv.columns, options)];
  if (csv.rows.length === 0 && errors.length === 0 && !options.allowEmpty) {
    errors.push(
      `${file}: has no rows, so that all invitations of the batch would be deleted. Set allowEmpty to true if that is intended.`,
    );
  }
  if (errors.length > 0) return failed(errors);
  return new InvitationReader(file, options).read(csv.rows);
}

function validateOptions(options: Partial<InvitationsFromCsvOptions> = {}): string[] {
  const names = Object.keys(optionTypes);
  return [
    ...(options.key === undefined ? ["the option key is required"] : []),
    ...Object.entries(options).flatMap(([name, value]) => {
      if (!Object.hasOwn(optionTypes, name)) {
        const nearest = findNearest(name, names);
        return [
          `unknown option ${name}. ${nearest ? `Did you mean ${nearest}?` : `The options are ${names.join(", ")}.`}`,
        ];
      }
      const types = optionTypes[name as keyof InvitationsFromCsvOptions];
      const type = Array.isArray(value) ? "list" : typeof value;
      return value === undefined || types.includes(type)
        ? []
        : [`the option ${name} must be a ${types.join(" or a ")}`];
    }),
    ...(options.duplicates === undefined || ["error", "first"].includes(options.duplicates)
      ? []
      : ['the option duplicates must be "error" or "first"']),
    ...(options.delimiter === undefined || options.delimiter.length === 1
      ? []
      : ["the option delimiter must be one character"]),
  ];
}

/** Each missing column once, with the nearest one. Without the other columns: a file without a header row has data there. */
function missingColumns(file: string, columns: readonly string[], options: InvitationsFromCsvOptions): string[] {
  const { key, fixedData = [], expires, validFor, singleUse, email } = options;
  const named = [key, ...(typeof fixedData === "function" ? [] : fixedData), expires, validFor, singleUse, email];
  const missing = new Set(
    named.filter((column) => typeof column === "string" && !columns.includes(column)) as string[],
  );
  return [...missing].map((column) => {
    const nearest = findNearest(column, columns);
    const hint = nearest ? `Did you mean ${nearest}?` : "If the file has no header row, set the option columns.";
    return `${file}:1: no column ${column}. ${hint}`;
  });
}

/** Turns rows into invitations, and collects what is wrong with them. */
class InvitationReader {
  readonly #file: string;
  readonly #options: InvitationsFromCsvOptions;
  readonly #entries = new Map<string, CsvInvitation>();
  readonly #errors: string[] = [];
  readonly #warnings: string[] = [];
  /** The line and the exact key, by the key that is compared. */
  readonly #keys = new Map<string, { readonly line: number; readonly key: string }>();
  readonly #addresses = new Map<string, number>();

  constructor(file: string, options: InvitationsFromCsvOptions) {
    this.#file = file;
    this.#options = options;
  }

  read(rows: readonly CsvFileRow[]): { entries: Record<string, CsvInvitation>; warnings: string[]; errors: string[] } {
    for (const { row, line } of rows) {
      try {
        this.#readRow(row, line);
      } catch (error) {
        if (!(error instanceof OptionError)) throw error;
        this.#fail(line, error.message);
      }
    }
    return { entries: Object.fromEntries(this.#entries), warnings: this.#warnings, errors: this.#errors };
  }

  #readRow(row: CsvRow, line: number): void {
    const { skip, fixedData = [] } = this.#options;
    if (skip && call("skip", skip, row)) return;
    const key = this.#text("key", row);
    if (key === undefined) {
      this.#fail(line, `${this.#nameOf("key")} must not be empty`);
      return;
    }
    if (!this.#claimKey(key, line)) return;
    const data =
      typeof fixedData === "function"
        ? call("fixedData", fixedData, row)
        : Object.fromEntries(fixedData.flatMap((column) => (row[column] ? [[column, row[column]] as const] : [])));
    const email = this.#email(row);
    this.#checkEmail(key, email, line);
    this.#entries.set(key, {
      ...withoutUndefined({
        expires: this.#text("expires", row),
        validFor: this.#text("validFor", row),
        singleUse: this.#singleUse(row, line),
        email,
      }),
      ...(Array.isArray(fixedData) && fixedData.length === 0 ? {} : { fixedData: data }),
    });
  }

  /** Whether the row is the first one with its key. */
  #claimKey(key: string, line: number): boolean {
    const comparable = key.normalize("NFC").toLowerCase();
    const first = this.#keys.get(comparable);
    if (first === undefined) {
      this.#keys.set(comparable, { line, key });
      return true;
    }
    const name = this.#nameOf("key");
    const difference = first.key === key ? "is the same as in" : "differs only in capitals or accents from";
    if (this.#options.duplicates !== "first") this.#fail(line, `${name} ${difference} line ${first.line}`);
    return false;
  }

  #text(option: "key" | "expires" | "validFor", row: CsvRow): string | undefined {
    const source = this.#options[option];
    if (source === undefined) return undefined;
    const value = typeof source === "function" ? call(option, source, row) : row[source];
    if (value !== undefined && typeof value !== "string")
      throw new OptionError(`the option ${option} must return a string`);
    return value === undefined || value.trim() === "" ? undefined : value.trim();
  }

  #singleUse(row: CsvRow, line: number): boolean | undefined {
    const { singleUse } = this.#options;
    if (singleUse === undefined) return undefined;
    if (typeof singleUse === "function") {
      const value = call("singleUse", singleUse, row);
      if (value !== undefined && typeof value !== "boolean")
        throw new OptionError("the option singleUse must return true or false");
      return value;
    }
    const cell = row[singleUse]?.toLowerCase() ?? "";
    if (["true", "yes", "1"].includes(cell)) return true;
    if (["false", "no", "0"].includes(cell)) return false;
    if (cell !== "") this.#fail(line, `${singleUse} must be true or false`);
    return undefined;
  }

  #email(row: CsvRow): CsvInvitation["email"] {
    const { email } = this.#options;
    if (typeof email === "function") return call("email", email, row);
    const address = email === undefined ? "" : (row[email] ?? "");
    return address === "" ? undefined : { to: [address] };
  }

  #checkEmail(key: string, email: CsvInvitation["email"], line: number): void {
    const addresses = Array.isArray(email?.to)
      ? email.to.map((address) => String(address).normalize("NFC").toLowerCase())
      : [];
    for (const address of addresses) {
      const first = this.#addresses.get(address);
      if (first === undefined) this.#addresses.set(address, line);
      else
        this.#warnings.push(
          `${this.#file}:${line}: email has the same address as line ${first}, so this person gets two links.`,
        );
    }
    const isKeyAddress = key.includes("@") && addresses.length > 0;
    if (isKeyAddress && !addresses.includes(key.normalize("NFC").toLowerCase())) {
      this.#warnings.push(`${this.#file}:${line}: email is another address than the key.`);
    }
  }

  #nameOf(option: "key"): string {
    const source = this.#options[option];
    return typeof source === "string" ? source : option;
  }

  #fail(line: number, problem: string): void {
    this.#errors.push(`${this.#file}:${line}: ${problem}`);
  }
}

/** A function of the program that failed. Its own message may contain a cell. */
class OptionError extends Error {}

function call<Value>(option: string, compute: (row: CsvRow) => Value, row: CsvRow): Value {
  try {
    return compute(row);
  } catch (error) {
    throw new OptionError(`the option ${option} failed with a ${error instanceof Error ? error.name : typeof error}`);
  }
}

function withoutUndefined(values: CsvInvitation): CsvInvitation {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
>>>>>>> 5e9ba8b (invitationsFromCsv reads what spreadsheets write, or says by file and line what is wrong)
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
