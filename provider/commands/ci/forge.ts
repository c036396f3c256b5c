/** What is reported: a preview in a comment, and drift in an issue. */
export type ReportKind = "preview" | "drift";

/**
 * The service that results are reported to. The marker, an HTML comment, identifies the comment or issue to update. Only those that the same
 * account wrote are updated, so that nobody else's is overwritten.
 */
export interface Forge {
  /** The page of this run. undefined if there is no forge. */
  readonly runUrl: string | undefined;
  /** The commit of this run. */
  readonly commit: string;
  /** Creates or updates the comment on the pull request. */
  upsertComment(marker: string, body: string): Promise<void>;
  /** Opens or updates the issue. */
  upsertIssue(marker: string, title: string, body: string): Promise<void>;
  /** Closes the issue with a comment, if it is open. */
  closeIssue(marker: string, comment: string): Promise<void>;
}
