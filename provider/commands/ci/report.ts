import { readFileSync, statSync } from "node:fs";
import * as z from "zod";
import { UserError } from "../../lifecycle/user-error";
import { messageOf } from "../command";
import type { ReportKind } from "./forge";
import { previewSchema } from "./preview";
import { redactLine } from "./redact";

const maxReportBytes = 64 * 1024 * 1024;

const reportSchema = z.object({
  /** What ran. The result of a preview must not close the issue about drift. */
  kind: z.enum(["preview", "drift"]),
  /** The exit code of Pulumi, and what the run logged. */
  result: z.object({ code: z.int(), lines: z.array(z.string()) }),
  /** undefined if Pulumi failed before it. */
  preview: previewSchema.optional(),
  /** undefined if it was skipped. */
  audited: z
    .union([
      z.object({ failure: z.string() }),
      z.object({
        table: z.array(z.string()),
        unchecked: z.string().optional(),
        failure: z.undefined().optional(),
      }),
    ])
    .optional(),
});

/** The results of a preview or a drift check. */
export type Report = z.output<typeof reportSchema>;

/** Reads the results that another job wrote. That job ran a program, so the file may contain anything. */
export function readReport(file: string, kind: ReportKind): Report {
  let content: string;
  try {
    if (statSync(file).size > maxReportBytes) throw new Error(`it is larger than ${maxReportBytes} bytes`);
    content = readFileSync(file, "utf8");
  } catch (error) {
    throw new UserError(`Cannot read REPORT_FILE: ${messageOf(error)}`);
  }
  const report = parseReport(content);
  if (report.kind !== kind) throw new UserError(`REPORT_FILE has the result of ${report.kind}, not of ${kind}.`);
  return report;
}

function parseReport(content: string): Report {
  try {
    return reportSchema.parse(
      JSON.parse(content, (_key, value: unknown) => (typeof value === "string" ? redactLine(value) : value)),
    );
  } catch {
    // The error would quote the file.
    throw new UserError("REPORT_FILE was not written by this version of the command.");
  }
}
