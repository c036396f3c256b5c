import { limitLines } from "../common/limit-lines";
import { findNearest } from "../common/nearest";
import type { InvitationsFromCsvOptions } from "./file-options";
import { trimCell } from "./trim";

/** The columns that the options name, each once. */
export function namedColumns(options: InvitationsFromCsvOptions): string[] {
  const { key, expires, validFor, singleUse, email, skip, fixedData } = options;
  const single = [key, typeof expires === "object" ? expires.column : expires, validFor, singleUse, email, skip];
  const names = [...single, ...columnsIn(fixedData)].filter((name) => typeof name === "string");
  return [...new Set(names.map(toColumnName))];
}

/** The columns in a list, or in an object at any depth. */
function columnsIn(fixedData: unknown): unknown[] {
  if (typeof fixedData !== "object" || fixedData === null) return [fixedData];
  return Object.values(fixedData).flatMap(columnsIn);
}

/** Columns are compared without blanks around them, and in one Unicode normal form, because others look the same. */
export function toColumnName(name: string): string {
  return trimCell(name).normalize("NFC");
}

/** The columns of a file, by position. A column without a name is ignored. */
export class Columns {
  readonly #positions: ReadonlyMap<string, number>;

  /**
   * `place` is where the columns are declared: file and line of the header row, or the option `columns`. `areNames` is false if the first row may be
   * data, because the file may have no header row.
   */
  constructor(
    readonly names: readonly string[],
    readonly place: string,
    readonly areNames: boolean,
  ) {
    this.#positions = new Map(names.map((name, position) => [name, position]));
  }

  has(name: string): boolean {
    return this.#positions.has(toColumnName(name));
  }

  cell(cells: readonly string[], name: string): string {
    return cells[this.#positions.get(toColumnName(name)) ?? -1] ?? "";
  }

  /** The columns with names, and their positions. */
  entries(): Iterable<[string, number]> {
    return [...this.#positions].filter(([name]) => name !== "");
  }

  /** The errors for missing columns, and for names that occur twice. The names are only quoted if they certainly are names, and not data. */
  validate(required: readonly string[]): string[] {
    const areNames = this.areNames || required.some((name) => this.has(name));
    const missing = required.filter((name) => !this.has(name));
    if (missing.length > 0) return missing.map((name) => this.#missing(name, areNames));
    return this.names.flatMap((name, position) => {
      const first = this.names.indexOf(name);
      if (name === "" || first === position) return [];
      return [
        `${this.place}: columns ${first + 1} and ${position + 1} have the same name${areNames ? `, ${name}` : ""}`,
      ];
    });
  }

  #missing(name: string, areNames: boolean): string {
    const names = this.names.filter((candidate) => candidate !== "");
    const suggestion = areNames
      ? findNearest(name, names, 1 / 2)
      : names.find((candidate) => withoutPunctuation(candidate) === withoutPunctuation(name));
    const list = `The columns are ${limitLines(names, "columns").join(", ")}`;
    const hint = areNames ? list : "If the file has no header row, set the option columns";
    return `${this.place}: no column ${name}. ${suggestion === undefined ? hint : `Did you mean ${suggestion}?`}`;
  }
}

function withoutPunctuation(name: string): string {
  return name.replaceAll(/[^\p{L}\p{M}\p{N}]/gu, "").toLowerCase();
}

/**
 * Whether the first row certainly is a header row: none of its cells is an address, a number or a date, but the cell below one of them is. A first
 * name can be as similar to the name of a column as a misspelled one.
 */
export function isHeaderRow(first: readonly string[], second: readonly string[] = []): boolean {
  return !first.some(isData) && first.some((name, position) => name !== "" && isData(second[position] ?? ""));
}

function isData(cell: string): boolean {
  return /@|^[\p{N}\p{P}\p{S}\s]+$/u.test(cell);
}
