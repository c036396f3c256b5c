import { readFileSync, statSync } from "node:fs";
import * as z from "zod";
import { UserError } from "../../lifecycle/user-error";
import { messageOf } from "../command";
import { previewSchema } from "./preview";
import { redactLine } from "./redact";

const maxReportBytes = 64 * 1024 * 1024;

const reportSchema = z.object({
  /** The exit code of Pulumi, and what the run logged. */
  result: z.object({ code: z.int(), lines: z.array(z.string()) }),
  /** undefined if Pulumi failed before it. */
  preview: previewSchema.optional(),
  /** undefined if it was skipped. */
  audited: z
    .union([
      z.object({ failure: z.string() }),
      z.object({ table: z.array(z.string()), failure: z.undefined().optional() }),
    ])
    .optional(),
});

/** The results of a preview or a drift check. */
export type Report = z.output<typeof reportSchema>;

/** Reads the results that another job wrote. That job ran a program, so the file may contain anything. */
export function readReport(file: string): Report {
  let content: string;
  try {
    if (statSync(file).size > maxReportBytes) throw new Error(`it is larger than ${maxReportBytes} bytes`);
    content = readFileSync(file, "utf8");
  } catch (error) {
    throw new UserError(`Cannot read REPORT_FILE: ${messageOf(error)}`);
  }
  try {
    return reportSchema.parse(
      JSON.parse(content, (_key, value: unknown) => (typeof value === "string" ? redactLine(value) : value)),
    );
  } catch {
    // The error would quote the file.
    throw new UserError("REPORT_FILE was not written by this version of the command.");
  }
}
