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
