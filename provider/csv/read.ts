import { readFileSync } from "node:fs";
import { CsvError } from "./error";

export function readCsvFile(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new CsvError(`Cannot read ${file}: ${(error as NodeJS.ErrnoException).message}`);
  }
}
