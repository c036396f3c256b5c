/** Reads a CSV file as people have it: in any encoding and with any delimiter. Knows nothing of invitations. */
import { distance } from "fastest-levenshtein";

/** A row: its cells by column, and the line at which it ends. */
export interface CsvFileRow {
  readonly row: Readonly<Record<string, string>>;
  readonly line: number;
}

export interface CsvFile {
  readonly columns: readonly string[];
  readonly rows: readonly CsvFileRow[];
  /** Problems by line. Without any cell. */
  readonly errors: readonly string[];
}

export interface CsvFormat {
  readonly encoding?: string | undefined;
  readonly delimiter?: string | undefined;
  readonly columns?: readonly string[] | undefined;
}

/** A file that cannot be read at all. */
export class CsvFileError extends Error {
  constructor(
    readonly line: number | undefined,
    message: string,
  ) {
    super(message);
  }
}

const delimiters = [",", ";", "\t"];

/** Reads the rows of a file. Rows without any content, as spreadsheets leave them at the end, are skipped. */
export function readCsv(bytes: Buffer, { encoding, delimiter, columns: declared }: CsvFormat): CsvFile {
  const text = decode(bytes, encoding).replaceAll(/\r\n|\r/g, "\n");
  // A line that tells Excel the delimiter.
  const separator = /^sep=([^\n])\n/i.exec(text);
  const offset = separator === null ? 0 : 1;
  const content = separator === null ? text : text.slice(separator[0].length);
  const records = parse(content, delimiter ?? separator?.[1] ?? detectDelimiter(content), offset);
  const [first, ...others] = records;
  const columns = declared ?? first?.cells ?? [];
  const errors =
    declared === undefined
      ? findDuplicates(columns).map((column) => `${1 + offset}: the column ${column} occurs twice`)
      : [];
  const rows: CsvFileRow[] = [];
  for (const { cells, line } of declared === undefined ? others : records) {
    const isTooLong = cells.slice(columns.length).some((cell) => cell !== "");
    if (cells.length < columns.length || isTooLong) {
      errors.push(
        `${line}: the number of cells differs from the ${declared === undefined ? "header's" : "number of columns"}`,
      );
      continue;
    }
    // Without a prototype, so that a column can have any name.
    const row = Object.create(null) as Record<string, string>;
    for (const [index, column] of columns.entries()) if (column !== "") row[column] = cells[index] ?? "";
    rows.push({ row, line });
  }
  return { columns, rows, errors };
}

interface CsvRecord {
  readonly cells: readonly string[];
  readonly line: number;
}

function parse(content: string, delimiter: string, offset: number): CsvRecord[] {
  // Loaded on first use: programs without CSV files start faster.
  const { parse: parseCsv, CsvError } = require("csv-parse/sync") as typeof import("csv-parse/sync");
  try {
    const records = parseCsv(content, {
      delimiter,
      info: true,
      record_delimiter: "\n",
      relax_column_count: true,
      skip_empty_lines: true,
    }) as unknown as { record: string[]; info: { lines: number } }[];
    return records
      .map(({ record, info }) => ({ cells: record.map(trim), line: info.lines + offset }))
      .filter(({ cells }) => cells.some((cell) => cell !== ""));
  } catch (error) {
    // The parser's messages quote cells.
    if (!(error instanceof CsvError)) throw error;
    const line = typeof error["lines"] === "number" ? error["lines"] + offset : undefined;
    throw new CsvFileError(line, describeProblem(error.code));
  }
}

function describeProblem(code: string): string {
  if (code === "CSV_QUOTE_NOT_CLOSED") return "a quote is not closed";
  return "is not valid CSV (RFC 4180), for example because of a quote inside a cell that is not quoted";
}

/** The delimiter that occurs most often in the first line, outside quotes. */
function detectDelimiter(content: string): string {
  const [header = ""] = content.split("\n", 1);
  const unquoted = header.replaceAll(/"[^"]*"/g, "");
  const counts = delimiters.map((delimiter) => ({ delimiter, count: unquoted.split(delimiter).length }));
  return counts.sort((a, b) => b.count - a.count)[0]?.delimiter ?? ",";
}

function decode(bytes: Buffer, encoding: string | undefined): string {
  const workbook = workbooks.find(({ start }) => bytes.subarray(0, start.length).equals(start));
  if (workbook) throw new CsvFileError(undefined, `is ${workbook.name}, not CSV. Export the sheet as CSV`);
  const marked = byteOrderMarks.find(({ mark }) => bytes.subarray(0, mark.length).equals(mark));
  const name = marked?.encoding ?? encoding ?? "utf-8";
  if (!isEncoding(name))
    throw new CsvFileError(undefined, `encoding: "${name}" is not an encoding. Use a name such as "windows-1252"`);
  try {
    const text = new TextDecoder(name, { fatal: true }).decode(bytes);
    if (!text.includes("\0")) return text;
  } catch {
    // Reported below, with the line.
  }
  throw new CsvFileError(
    findInvalidLine(bytes, name),
    `is not ${name === "utf-8" ? "UTF-8" : name}. Set the option encoding, for example to "windows-1252" for a file that Excel saved as CSV, or save it as CSV UTF-8`,
  );
}

const byteOrderMarks = [
  { mark: Buffer.from([0xef, 0xbb, 0xbf]), encoding: "utf-8" },
  { mark: Buffer.from([0xff, 0xfe]), encoding: "utf-16le" },
  { mark: Buffer.from([0xfe, 0xff]), encoding: "utf-16be" },
];

/** What else is found under the name .csv, by the first bytes. */
const workbooks = [
  { start: Buffer.from("PK\u0003\u0004", "latin1"), name: "a workbook (.xlsx or .ods)" },
  { start: Buffer.from([0xd0, 0xcf, 0x11, 0xe0]), name: "a workbook (.xls)" },
  { start: Buffer.from("%PDF", "latin1"), name: "a PDF" },
];

function isEncoding(name: string): boolean {
  try {
    return new TextDecoder(name).encoding !== "";
  } catch {
    return false;
  }
}

/** The first line that is not valid; `undefined` if lines cannot be told apart. */
function findInvalidLine(bytes: Buffer, encoding: string): number | undefined {
  if (encoding.startsWith("utf-16")) return undefined;
  const decoder = new TextDecoder(encoding, { fatal: true });
  let start = 0;
  for (let line = 1; start <= bytes.length; line += 1) {
    const next = bytes.indexOf(0x0a, start);
    const end = next === -1 ? bytes.length : next;
    try {
      if (decoder.decode(bytes.subarray(start, end)).includes("\0")) return line;
    } catch {
      return line;
    }
    start = end + 1;
  }
  return undefined;
}

const invisible = new Set(["\u200b", "\u200c", "\u200d", "\u2060", "\ufeff"]);

/** Removes blanks around a cell, also those that cannot be seen. A regular expression would try the end of each of many blanks. */
function trim(cell: string): string {
  const isBlank = (character: string | undefined): boolean =>
    character !== undefined && (invisible.has(character) || character.trim() === "");
  let start = 0;
  let end = cell.length;
  while (start < end && isBlank(cell[start])) start += 1;
  while (end > start && isBlank(cell[end - 1])) end -= 1;
  return cell.slice(start, end);
}

function findDuplicates(columns: readonly string[]): string[] {
  return [...new Set(columns.filter((column, index) => column !== "" && columns.indexOf(column) !== index))];
}

/** The most similar name, if it is similar enough to be meant. */
export function findNearest(name: string, names: readonly string[]): string | undefined {
  const [nearest] = names
    .map((candidate) => ({ candidate, edits: distance(name.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.edits - b.edits);
  const isSimilar =
    nearest && nearest.edits <= Math.max(1, Math.floor(Math.max(name.length, nearest.candidate.length) / 3));
  return isSimilar ? nearest.candidate : undefined;
}
