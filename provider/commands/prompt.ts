import { createInterface } from "node:readline/promises";
import { UsageError } from "./command";

/** Asks for confirmation on the terminal. `--yes` is required without one. */
export async function confirm(question: string, isConfirmed: boolean): Promise<boolean> {
  if (isConfirmed) return true;
  if (!process.stdin.isTTY) throw new UsageError("--yes is required without a terminal");
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await terminal.question(`${question} (yes/no) `)).trim().toLowerCase() === "yes";
  } finally {
    terminal.close();
  }
}
