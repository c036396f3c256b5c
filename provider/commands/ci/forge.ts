import { gitea, gitHub } from "./github";
import { gitLab } from "./gitlab";

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

/** The forge whose runner this is. Without one, or if `isMarkdown` is set, the report goes to the step summary or to standard output. */
export function connectForge(kind: ReportKind, isMarkdown: boolean): Forge {
  const isSet = (name: string): boolean => process.env[name] === "true";
  if (isMarkdown) return markdownOutput();
  if (isSet("GITLAB_CI")) return gitLab(kind);
  if (isSet("GITEA_ACTIONS") || isSet("FORGEJO_ACTIONS")) return gitea(kind);
  return isSet("GITHUB_ACTIONS") || process.env["GITHUB_REPOSITORY"] ? gitHub(kind) : markdownOutput();
}

function markdownOutput(): Forge {
  const write = async (body: string): Promise<void> => {
    // Otherwise, the report is there already.
    if (!process.env["GITHUB_STEP_SUMMARY"]) process.stdout.write(`${body}\n`);
  };
  return {
    runUrl: undefined,
    commit: "",
    upsertComment: async (_marker, body) => await write(body),
    upsertIssue: async (_marker, _title, body) => await write(body),
    closeIssue: async (_marker, comment) => await write(comment),
  };
}
