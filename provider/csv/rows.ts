import type { Columns } from "./columns";
import type { CsvRow } from "./file-options";

/** The rows that functions of the program are called with, and the missing columns that those functions read. */
export class Rows {
  readonly missing = new Set<string>();
  readonly #prototype: object;
  #isReading = false;

  constructor(private readonly columns: Columns) {
    const read = (target: object, name: string | symbol): unknown => {
      const isColumn = typeof name === "string" && !(name in target) && !inspectedNames.has(name);
      if (isColumn && this.#isReading) this.missing.add(name);
      return Reflect.get(target, name);
    };
    // A row inherits from it, so that reading a column that does not exist is an error instead of `undefined`.
    this.#prototype = new Proxy(Object.create(Object.prototype) as object, { get: read });
  }

  toRow(cells: readonly string[]): CsvRow {
    const row = Object.create(this.#prototype) as CsvRow;
    for (const [name, position] of this.columns.entries()) {
      Object.defineProperty(row, name, { value: cells[position] ?? "", enumerable: true });
    }
    return row;
  }

  /** Calls a function of the program. `undefined` if it threw, or read a column that does not exist. */
  call<Result>(
    compute: (row: CsvRow) => Result,
    row: CsvRow,
    onError: (error: unknown) => void,
  ): { readonly result: Result } | undefined {
    const before = this.missing.size;
    this.#isReading = true;
    try {
      return { result: compute(row) };
    } catch (error) {
      if (this.missing.size === before) onError(error);
      return undefined;
    } finally {
      this.#isReading = false;
    }
  }
}

/** What `JSON.stringify` and `await` read of every object. */
const inspectedNames = new Set(["toJSON", "then"]);
