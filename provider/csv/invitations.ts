import { isAddress, toAddressKey } from "../common/email-address";
import { isTimestamp, timestampRule } from "../common/timestamp";
import { parseDuration } from "../values/instant";
import { isJsonObject } from "../values/json";
import { Columns, isHeaderRow, namedColumns, toColumnName } from "./columns";
import { endOfDay } from "./date-format";
import { decodeFile } from "./decode";
import { CsvError } from "./error";
import type { CsvInvitation, CsvRow, InvitationsFromCsvOptions } from "./file-options";
import { type CsvRecord, parseCsv } from "./parse";
import { Rows } from "./rows";
import { trimCell } from "./trim";

/** The invitations of a file, and what is unusual about them. */
export interface ParsedInvitations {
  readonly invitations: Record<string, CsvInvitation>;
  readonly lines: ReadonlyMap<string, number>;
  readonly warnings: readonly string[];
}

/**
 * Reads the invitations of a file with this content. `file` is its name, for messages. `isPending` recognizes values that Pulumi resolves later, which
 * functions of a program can return.
 */
export function parseInvitations(
  bytes: Uint8Array,
  file: string,
  options: InvitationsFromCsvOptions,
  isPending: (value: unknown) => boolean = () => false,
): ParsedInvitations {
  const text = decodeFile(bytes, file, options.encoding);
  const required = namedColumns(options);
  const declared = options.columns?.map(toColumnName);
  const countMatches = (cells: readonly string[]): number => {
    if (declared) return cells.length === declared.length ? 1 : 0;
    const names = new Set(cells.map(toColumnName));
    return required.filter((name) => names.has(name)).length;
  };
  const records = parseCsv(text, { file, delimiter: options.delimiter, countMatches });
  const [first, ...others] = records;
  if (first === undefined && !(declared && options.allowEmpty)) throw new CsvError(`${file}: is empty`);
  if (first && declared?.some((name, position) => isSameName(name, first.cells[position]))) {
    throw new CsvError(`${file}:${first.line}: is a header row. Remove the option columns`);
  }
  const header = first?.cells.map(toColumnName) ?? [];
  const columns = declared
    ? new Columns(declared, `${file}: option columns`, true)
    : new Columns(withoutTrailingBlanks(header), `${file}:${first?.line}`, isHeaderRow(header, others[0]?.cells));
  throwIfAny(columns.validate(required));
  return new Reader(file, columns, options, isPending).read(declared ? records : others);
}

function isSameName(name: string, cell: string | undefined): boolean {
  return name !== "" && cell !== undefined && toColumnName(cell).toLowerCase() === name.toLowerCase();
}

function withoutTrailingBlanks(names: readonly string[]): string[] {
  return names.slice(0, names.findLastIndex((name) => name !== "") + 1);
}

function throwIfAny(errors: readonly string[]): void {
  if (errors.length > 0) throw new CsvError(errors);
}

interface CurrentRow extends CsvRecord {
  /** The row as functions of the program get it. */
  readonly row: () => CsvRow;
}

/** A value of a row, and what messages call it: its column, or the option whose function returned it. */
interface Value {
  readonly label: string;
  readonly value: unknown;
}

interface Entry {
  readonly key: string;
  readonly line: number;
  readonly invitation: CsvInvitation;
}

/** The words in cells of `singleUse` and `skip`. */
const booleans = new Map([
  ["true", true],
  ["yes", true],
  ["1", true],
  ["false", false],
  ["no", false],
  ["0", false],
]);

/** Pulumi's SDK copies objects by assignment, which loses this key. */
const prototypeKey = "__proto__";

/** Reads the rows of one file, and collects all errors. */
class Reader {
  readonly #rows: Rows;
  readonly #errors: string[] = [];
  /** The first row of each key, by the key in the form in which keys are compared. */
  readonly #firstRows = new Map<string, { readonly key: string; readonly line: number }>();

  constructor(
    private readonly file: string,
    private readonly columns: Columns,
    private readonly options: InvitationsFromCsvOptions,
    private readonly isPending: (value: unknown) => boolean,
  ) {
    this.#rows = new Rows(columns);
  }

  read(records: readonly CsvRecord[]): ParsedInvitations {
    const entries = records.flatMap((record) => this.#readEntry(record) ?? []);
    // Other errors are consequences of a missing column.
    throwIfAny(this.columns.validate([...this.#rows.missing]));
    throwIfAny(this.#errors);
    if (entries.length === 0 && !this.options.allowEmpty) {
      const reason = records.length > 0 ? "the option skip excludes all rows" : "has a header row and no other rows";
      throw new CsvError(
        `${this.file}: ${reason}, which would delete all invitations of the batch. If this is intended, set allowEmpty: true`,
      );
    }
    return {
      invitations: Object.fromEntries(entries.map(({ key, invitation }) => [key, invitation])),
      lines: new Map(entries.map(({ key, line }) => [key, line])),
      warnings: [...this.#findDifferingAddresses(entries), ...this.#findSharedAddresses(entries)],
    };
  }

  #report({ line }: CsvRecord, reason: string): undefined {
    this.#errors.push(`${this.file}:${line}: ${reason}`);
    return undefined;
  }

  #readEntry(record: CsvRecord): Entry | undefined {
    const { cells, line } = record;
    const count = this.columns.names.length;
    if (cells.length < count || cells.slice(count).some((cell) => cell !== "")) {
      const expected = this.options.columns ? "the option columns has" : "the header row has";
      return this.#report(record, `has ${cells.length} cells, but ${expected} ${count}`);
    }
    if (this.columns.names.every((name, position) => toColumnName(cells[position] ?? "") === name)) {
      return this.#report(record, "repeats the names of the columns");
    }
    let converted: CsvRow | undefined;
    const row = {
      ...record,
      row: () => {
        converted ??= this.#rows.toRow(cells);
        return converted;
      },
    };
    if (this.#isSkipped(row) !== false) return undefined;
    const key = this.#readKey(row);
    if (key === undefined) return undefined;
    return { key, line, invitation: this.#readInvitation(row) };
  }

  /** The cell of a column, or the result of a function; `undefined` if that failed, which is reported. */
  #evaluate(name: string, option: string | ((row: CsvRow) => unknown), row: CurrentRow): Value | undefined {
    if (typeof option === "string") return { label: option, value: this.columns.cell(row.cells, option) };
    const onError = (error: unknown): void => {
      // Its message may contain a cell.
      const kind = error instanceof Error ? error.constructor.name : `a value of type ${typeof error}`;
      this.#report(row, `the function ${name} threw ${kind}`);
    };
    const call = this.#rows.call(option, row.row(), onError);
    return call && { label: name, value: call.result };
  }

  /**
   * The converted value of an option. `undefined` if there is none, because the cell is empty or the function returned none, or if it cannot be
   * converted, which is reported with `rule`.
   */
  #read<T>(
    name: string,
    option: string | ((row: CsvRow) => unknown) | undefined,
    row: CurrentRow,
    rule: string,
    convert: (value: unknown) => T | undefined,
  ): T | undefined {
    const { label, value } = (option === undefined ? undefined : this.#evaluate(name, option, row)) ?? {};
    if (value === "" || value === undefined || value === null) return undefined;
    return convert(value) ?? this.#report(row, `${label} ${rule}`);
  }

  /** `undefined` if the function failed. */
  #isSkipped(row: CurrentRow): boolean | undefined {
    if (this.options.skip === undefined) return false;
    const skip = this.#evaluate("skip", this.options.skip, row);
    if (skip === undefined || typeof skip.value === "boolean") return skip?.value as boolean | undefined;
    if (typeof this.options.skip === "function") return this.#report(row, "skip must return true or false");
    const word = skip.value === "" ? false : booleans.get(String(skip.value).toLowerCase());
    return word ?? this.#report(row, `${skip.label} must be true or false`);
  }

  /** The key, unless it is invalid or occurred before. */
  #readKey(row: CurrentRow): string | undefined {
    const evaluated = this.#evaluate("key", this.options.key, row);
    if (evaluated === undefined) return undefined;
    const { label, value } = evaluated;
    if (typeof value !== "string") return this.#report(row, `${label} must return a string`);
    const key = trimCell(value);
    if (key === "") return this.#report(row, `${label} must not be empty`);
    if (key === prototypeKey) {
      return this.#report(
        row,
        `${label} must not be the name of JavaScript's prototype property, because Pulumi drops it`,
      );
    }
    const first = this.#firstRows.get(toComparableKey(key));
    if (first === undefined) {
      this.#firstRows.set(toComparableKey(key), { key, line: row.line });
      return key;
    }
    if (this.options.duplicates === "first") return undefined;
    return this.#report(
      row,
      first.key === key
        ? `${label} is the same as in line ${first.line}`
        : `${label} differs from line ${first.line} only in capitals, invisible characters or Unicode normal form`,
    );
  }

  #readInvitation(row: CurrentRow): CsvInvitation {
    const { validFor, singleUse } = this.options;
    const values = {
      expires: this.#readExpires(row),
      validFor: this.#read(
        "validFor",
        validFor,
        row,
        "must be a number greater than zero and a unit, for example 14d, 36h or 90m (minutes)",
        (value) => (typeof value === "string" && (parseDuration(value) ?? 0n) > 0n ? value : undefined),
      ),
      singleUse: this.#read("singleUse", singleUse, row, "must be true or false", (value) => {
        if (typeof value === "boolean") return value;
        return typeof singleUse === "string" ? booleans.get(String(value).toLowerCase()) : undefined;
      }),
      fixedData: this.#readFixedData(row),
      email: this.#readEmail(row),
    };
    if (values.expires !== undefined && values.validFor !== undefined) {
      this.#report(row, "has both expires and validFor. Set one of them");
    }
    return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
  }

  #readExpires(row: CurrentRow): string | undefined {
    const { expires } = this.options;
    if (typeof expires === "object") {
      const { column, format, addDays = 0 } = expires;
      const cell = this.columns.cell(row.cells, column);
      if (cell === "") return undefined;
      const end = endOfDay(cell, format, addDays);
      return end ?? this.#report(row, `${column} must be a date in the format ${format}`);
    }
    const hint =
      typeof expires === "string"
        ? `For dates, set expires to an object, for example { column: "${expires}", format: "DD.MM.YYYY" }`
        : "For a Date, use .toISOString()";
    return this.#read("expires", expires, row, `${timestampRule}. ${hint}`, (value) =>
      typeof value === "string" && isTimestamp(value) ? value : undefined,
    );
  }

  #readFixedData(row: CurrentRow): Record<string, unknown> | undefined {
    const { fixedData = [] } = this.options;
    const data =
      typeof fixedData === "function"
        ? this.#read("fixedData", fixedData, row, "must return an object", (value) => {
            if (this.isPending(value)) return value as Record<string, unknown>;
            // A copy, because the function may return the row, which is no ordinary object.
            return isJsonObject(value) ? { ...value } : undefined;
          })
        : this.#readCells(
            Array.isArray(fixedData)
              ? Object.fromEntries(fixedData.map((column) => [column, column]))
              : { ...fixedData },
            row,
          );
    if (data === undefined || !Object.hasOwn(data, prototypeKey)) return data;
    return this.#report(row, `fixedData must not have the key ${prototypeKey}, because Pulumi drops it`);
  }

  /** The cells of the columns in an object, at any depth. `undefined` if all are empty. */
  #readCells(columns: Readonly<Record<string, unknown>>, row: CurrentRow): Record<string, unknown> | undefined {
    const values = Object.entries(columns).map(([key, column]) => {
      const value = isJsonObject(column) ? this.#readCells(column, row) : this.columns.cell(row.cells, String(column));
      return [key, value === "" ? undefined : value] as const;
    });
    const set = values.filter(([, value]) => value !== undefined);
    return set.length > 0 ? Object.fromEntries(set) : undefined;
  }

  #readEmail(row: CurrentRow): CsvInvitation["email"] {
    const { email } = this.options;
    if (typeof email === "string") {
      const rule = "must be an email address, for example jane@example.com";
      return this.#read("email", email, row, rule, (value) =>
        typeof value === "string" && isAddress(value) ? { to: [value] } : undefined,
      );
    }
    const value = this.#read(
      "email",
      email,
      row,
      "must return an object, for example { to: [row.email] }",
      (returned) =>
        this.isPending(returned) || isJsonObject(returned) ? (returned as Record<string, unknown>) : undefined,
    );
    if (value === undefined || this.isPending(value)) return value as CsvInvitation["email"];
    for (const name of ["to", "cc", "bcc"]) {
      const isInvalid = (address: unknown): boolean => typeof address === "string" && !isAddress(address);
      const addresses = value[name];
      if (typeof addresses === "string" || (Array.isArray(addresses) && addresses.some(isInvalid))) {
        this.#report(row, `email.${name} must be a list of email addresses`);
      }
    }
    return value as unknown as CsvInvitation["email"];
  }

  #findDifferingAddresses(entries: readonly Entry[]): string[] {
    const { email: column } = this.options;
    // A function chooses the addresses deliberately.
    if (typeof column !== "string") return [];
    return entries.flatMap(({ key, line, invitation: { email } }) => {
      const address = email?.to[0];
      if (address === undefined || !isAddress(key) || toAddressKey(address) === toAddressKey(key)) return [];
      return `${this.file}:${line}: ${column} is another address than the key, and is emailed the link. If this is intended, use a function for the option email`;
    });
  }

  #findSharedAddresses(entries: readonly Entry[]): string[] {
    const firstLines = new Map<string, number>();
    return entries.flatMap(({ line, invitation: { email, fixedData } }) => {
      const addresses = this.options.email === undefined ? [fixedData?.["email"]] : (email?.to ?? []);
      const keys = addresses.filter((address) => typeof address === "string").map(toAddressKey);
      const first = keys.map((key) => firstLines.get(key)).find((firstLine) => firstLine !== undefined);
      for (const key of keys) if (!firstLines.has(key)) firstLines.set(key, line);
      return first === undefined
        ? []
        : `${this.file}:${line}: has the same email address as line ${first}, which therefore gets several invitations`;
    });
  }
}

/** A key in the form in which keys are compared: without invisible characters, and the same in other capitals and Unicode normal forms. */
function toComparableKey(key: string): string {
  const visible = key.replaceAll(/\p{Cf}/gu, "");
  return visible.normalize("NFKC").toLowerCase().replaceAll("ß", "ss").replaceAll("ς", "σ").normalize("NFKC");
}
