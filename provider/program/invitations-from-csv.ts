import * as pulumi from "@pulumi/pulumi";
import { CsvError, toLines } from "../csv/error";
import { parseInvitations } from "../csv/invitations";
import { validateOptions } from "../csv/options";
import { readCsvFile } from "../csv/read";

/**
 * A row of a CSV file: its cells by the columns of the header row, without blanks around them. Reading a column that the file does not have is an
 * error. Use `"column" in row` for a column that is optional.
 */
export type CsvRow = Readonly<Record<string, string>>;

/** A column with dates. Invitations expire at the end of a day: at 23:59:59 UTC. */
export interface CsvDate {
  /** The column. */
  column: string;
  /** The format of its dates: `YYYY`, `MM` and `DD`, and what is between them, for example `DD.MM.YYYY`. Leading zeros are optional. */
  format: string;
  /**
   * How many days after the date in the cell the invitation expires.
   *
   * @default 0
   */
  addDays?: number;
}

/** An invitation from a CSV file: an entry of an {@link InvitationBatch}. */
export interface CsvInvitation {
  /** When the invitation expires. */
  expires?: string;
  /** How long the invitation is valid. */
  validFor?: string;
  /** Whether authentik deletes the invitation after its first use. */
  singleUse?: boolean;
  /** Data for the enrollment. */
  fixedData?: Record<string, unknown>;
  /** Who is emailed the link. */
  email?: { to: string[]; cc?: string[]; bcc?: string[]; template?: string };
}

/** How {@link invitationsFromCsv} reads a file. */
export interface InvitationsFromCsvOptions {
  /** The column with each invitation's key. Or a function that computes it from a row. Keys must not be empty, and must be unique. */
  key: string | ((row: CsvRow) => string);
  /**
   * The columns that become `fixedData`: a list, or an object with columns as values, for other keys and nested objects, for example
   * `{ email: "E-mail", attributes: { team: "Team" } }`. Empty cells are omitted. Or a function that computes it from a row.
   */
  fixedData?: readonly string[] | Readonly<Record<string, unknown>> | ((row: CsvRow) => Record<string, unknown>);
  /**
   * The column with each invitation's `expires`: a timestamp, or a date in another format, see {@link CsvDate}. Or a function that computes it from a row. An
   * empty cell, or `undefined`, means the batch's default.
   */
  expires?: string | CsvDate | ((row: CsvRow) => string | undefined);
  /** The column with each invitation's `validFor`. Or a function that computes it from a row. An empty cell, or `undefined`, means the batch's default. */
  validFor?: string | ((row: CsvRow) => string | undefined);
  /**
   * The column with each invitation's `singleUse` (`true` or `false`, `yes` or `no`, `1` or `0`). Or a function that computes it from a row. An empty
   * cell, or `undefined`, means the batch's default.
   */
  singleUse?: string | ((row: CsvRow) => boolean | undefined);
  /**
   * The column with the address to which each invitation's link is emailed (authentik 2026.5 and later). Or a function that computes `email` from a
   * row. An empty cell, or `undefined`, means no email.
   */
  email?: string | ((row: CsvRow) => CsvInvitation["email"]);
  /**
   * The column that says whether a row is ignored (`true` or `false`, `yes` or `no`, `1` or `0`). An empty cell means that it is not. Or a function that
   * computes it from a row.
   */
  skip?: string | ((row: CsvRow) => boolean);
  /**
   * What happens if a key occurs again, also in other capitals, with invisible characters or in another Unicode normal form: `"error"`, or `"first"`, which keeps the first row.
   *
   * @default "error"
   */
  duplicates?: "error" | "first";
  /** The names of the columns, for a file without a header row. */
  columns?: readonly string[];
  /**
   * The character between cells.
   *
   * @default that of a first line such as `sep=;`, or the comma, semicolon or tab of the header row
   */
  delimiter?: string;
  /**
   * The file's encoding, as `TextDecoder` names it, for example `windows-1252`. A byte order mark takes precedence.
   *
   * @default "utf-8"
   */
  encoding?: string;
  /**
   * Whether the file can have no rows, which deletes all invitations of the batch.
   *
   * @default false
   */
  allowEmpty?: boolean;
}

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

/** Values that Pulumi resolves later. */
function isPending(value: unknown): boolean {
  return pulumi.Output.isInstance(value) || value instanceof Promise;
}
