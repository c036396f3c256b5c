import { countLines } from "./decode";
import { CsvError } from "./error";
import { trimCell } from "./trim";

/** A row of a file: its cells without the blanks around them, and the line on which it starts. */
export interface CsvRecord {
  readonly cells: readonly string[];
  readonly line: number;
}

export interface ParseOptions {
  readonly file: string;
  readonly delimiter: string | undefined;
  /** How many of the cells in the first row the options name, to detect the delimiter. */
  readonly countMatches: (cells: readonly string[]) => number;
}

const delimiters = [",", ";", "\t"];

/** The first line with which a file sets the delimiter, such as `sep=;`. Saving it in a spreadsheet may add delimiters. */
const separatorLine = /^"?sep=(?<delimiter>\\t|[^"\r\n])"?[^\S\r\n]*\k<delimiter>*[^\S\r\n]*(?:\r\n|\n|\r|$)/i;

/** The rows of a CSV file, without blank ones. Line ends can be mixed. */
export function parseCsv(text: string, { file, delimiter, countMatches }: ParseOptions): CsvRecord[] {
  // Programs that append to a file write another byte order mark, which must not precede a quote.
  const unmarked = text.replaceAll(/^\ufeff+/gm, "");
  const separator = separatorLine.exec(unmarked);
  const body = unmarked.slice(separator?.[0].length ?? 0);
  const separated = separator?.groups?.["delimiter"]?.replace("\\t", "\t");
  const { records, error } = readRecords(body, delimiter ?? separated ?? detectDelimiter(body, countMatches));
  const offset = separator ? 1 : 0;
  if (error) throw new CsvError(`${file}:${error.line + offset}: ${error.reason}`);
  return records.map(({ cells, line }) => ({ cells, line: line + offset }));
}

const sampleSize = 20;

/** The delimiter with which the first row fits the options best, the other rows have as many cells as it, and it has the most cells. */
function detectDelimiter(text: string, countMatches: ParseOptions["countMatches"]): string {
  const candidates = delimiters.flatMap((delimiter) => {
    const { records, error } = readRecords(text, delimiter, sampleSize);
    const [first] = records;
    if (first === undefined) return [];
    const count = first.cells.length;
    const isTable = count > 1 && !error && records.every(({ cells }) => cells.length === count);
    return [{ delimiter, matches: countMatches(first.cells), isTable, count }];
  });
  const [best] = candidates.sort(
    (a, b) => b.matches - a.matches || Number(b.isTable) - Number(a.isTable) || b.count - a.count,
  );
  return best?.delimiter ?? ",";
}

interface Records {
  readonly records: readonly CsvRecord[];
  readonly error?: { readonly line: number; readonly reason: string };
}

/** Parses up to `limit` rows. Stops at the first that is not CSV. */
function readRecords(text: string, delimiter: string, limit = Number.POSITIVE_INFINITY): Records {
  // Loaded on first use: programs without CSV files start faster.
  const { parse, CsvError: ParserError } = require("csv-parse/sync") as typeof import("csv-parse/sync");
  const bytes = Buffer.from(text);
  const records: CsvRecord[] = [];
  let line = 1;
  let start = 0;
  try {
    parse(bytes, {
      delimiter,
      // Otherwise the first line end applies to the whole file.
      record_delimiter: ["\r\n", "\n", "\r"],
      relax_column_count: true,
      // Blanks may precede or follow a quoted cell.
      trim: true,
      on_record: (record: string[], { bytes: end }) => {
        const cells = record.map(trimCell);
        if (!cells.every(isBlank)) records.push({ cells, line });
        if (records.length >= limit) throw new Enough();
        line += countLines(bytes.toString("latin1", start, end)) - 1;
        start = end;
        return null;
      },
    });
  } catch (error) {
    if (error instanceof ParserError) return { records, error: { line, reason: reasonOf(error.code) } };
    if (!(error instanceof Enough)) throw error;
  }
  return { records };
}

/** Whether a cell is empty, or consists of delimiters only, as the blank rows of a file with another delimiter do. */
function isBlank(cell: string): boolean {
  return /^[\s,;]*$/.test(cell);
}

/** Ends the parser. Its option `to` counts blank rows as well. */
class Enough extends Error {}

/** The parser's messages quote cells. */
function reasonOf(code: string): string {
  return code === "CSV_QUOTE_NOT_CLOSED"
    ? "a quote is not closed"
    : "is not valid CSV (RFC 4180), for example because of a quote inside a cell that is not quoted";
}
