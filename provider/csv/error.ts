import { limitLines } from "../common/limit-lines";
import { toPrintableLine } from "../common/printable";

/** What is wrong with a CSV file or with the options for it, for the user to fix. The messages contain no cell. */
export class CsvError extends Error {
  constructor(messages: string | readonly string[]) {
    super(toLines([messages].flat(), "errors"));
    this.name = "CsvError";
  }
}

/** Column and file names are chosen by people, so each message becomes one printable line. */
export function toLines(messages: readonly string[], noun: string): string {
  return limitLines(messages.map(toPrintableLine), noun).join("\n");
}
