import * as pulumi from "@pulumi/pulumi";
import { readCsvFile } from "../csv/decode";
import { CsvError, toLines } from "../csv/error";
import type { CsvInvitation, InvitationsFromCsvOptions } from "../csv/file-options";
import { parseInvitations } from "../csv/invitations";
import { validateOptions } from "../csv/options";
import { isPending } from "./inputs";

/**
 * Reads the invitations of an {@link InvitationBatch} from a CSV file with a header row, as spreadsheets and databases export it: RFC 4180, with
 * commas, semicolons or tabs, in UTF-8, UTF-16 with a byte order mark, or any other `encoding`. Blanks around cells are removed, and blank rows are
 * ignored.
 *
 * Warns if two invitations have the same email address, and if a link is emailed to an address that differs from its key.
 *
 * @param file path of the file, relative to the folder in which Pulumi runs the program
 * @param options how to read it
 *
 * @throws if the file cannot be read, is not CSV or has another encoding
 * @throws if a column does not exist or occurs twice, a row has too many or too few cells, a key is empty or occurs twice, or a value is invalid; all
 * errors are reported at once, by file and line, and without any cell
 * @throws if there are no rows, unless `allowEmpty` is set
 * @throws if an option is misspelled or invalid
 *
 * @example
 * ```ts
 * import * as authentik from "pulumi-authentik-invitations";
 *
 * new authentik.InvitationBatch("intake-2027", {
 *   flow: "staff-enrollment",
 *   validFor: "14d",
 *   singleUse: true,
 *   invitations: authentik.invitationsFromCsv("people.csv", { key: "email", fixedData: ["email", "name"] }),
 * });
 * ```
 */
export function invitationsFromCsv(file: string, options: InvitationsFromCsvOptions): Record<string, CsvInvitation> {
  try {
    const validOptions = validateOptions(file, options);
    const { invitations, lines, warnings } = parseInvitations(readCsvFile(file), file, validOptions, isPending);
    if (warnings.length > 0) void pulumi.log.warn(toLines(warnings, "warnings"));
    for (const [key, invitation] of Object.entries(invitations)) places.set(invitation, `${file}:${lines.get(key)}`);
    return invitations;
  } catch (error) {
    // The SDK prints no stack for it.
    throw error instanceof CsvError ? new pulumi.RunError(error.message) : error;
  }
}

/** File and line of each entry. A program may add or remove entries before it passes them to a batch. */
const places = new WeakMap<object, string>();

/** File and line of the entries of a batch by key; `undefined` if none is known. */
export function placesOf(invitations: unknown): Record<string, string> | undefined {
  if (typeof invitations !== "object" || invitations === null) return undefined;
  const known = Object.entries(invitations).flatMap(([key, entry]) => {
    const place = typeof entry === "object" && entry !== null ? places.get(entry) : undefined;
    return place === undefined ? [] : [[key, place] as const];
  });
  return known.length > 0 ? Object.fromEntries(known) : undefined;
}
