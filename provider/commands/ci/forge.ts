import { readFileSync } from "node:fs";
import { UserError } from "../../lifecycle/user-error";
import { messageOf } from "../command";
import { RestClient, type Row } from "./rest-client";
import { requireVariable } from "./settings";

/** What is reported: a preview in a comment, and drift in an issue. */
export type ReportKind = "preview" | "drift";

/**
 * The service that results are reported to. The marker, an HTML comment, identifies the comment or issue to update. Only those that the same
 * account wrote are updated, so that nobody else's is overwritten.
 */
export interface Forge {
  /** The page of this run. undefined if there is no forge. */
  readonly runUrl: string | undefined;
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
  if (isSet("GITLAB_CI")) return toForge(gitLab(kind));
  const isGitea = isSet("GITEA_ACTIONS") || isSet("FORGEJO_ACTIONS");
  const isGitHub = isSet("GITHUB_ACTIONS") || process.env["GITHUB_REPOSITORY"];
  return isGitea || isGitHub ? toForge(gitHub(kind, isGitea)) : markdownOutput();
}

function markdownOutput(): Forge {
  const write = async (body: string): Promise<void> => {
    // Otherwise, the report is there already.
    if (!process.env["GITHUB_STEP_SUMMARY"]) process.stdout.write(`${body}\n`);
  };
  return {
    runUrl: undefined,
    commit: "",
    upsertComment: (_marker, body) => write(body),
    upsertIssue: (_marker, _title, body) => write(body),
    closeIssue: (_marker, comment) => write(comment),
  };
}

function toForge(api: ReturnType<typeof gitLab> | ReturnType<typeof gitHub>): Forge {
  const { client, runUrl, commit, updateMethod, comments, issues, description } = api;
  const find = async (path: string, id: string, text: string, marker: string): Promise<number | undefined> => {
    const isOwn = await api.findOwnership();
    const isPaged = path !== comments || api.hasCommentPages;
    const rows = isPaged ? client.list(path) : ((await client.send("GET", path)) as Row[]);
    for await (const row of rows) {
      if (isOwn(row) && row["pull_request"] == null && String(row[text] ?? "").startsWith(marker))
        return Number(row[id]);
    }
    return undefined;
  };
  const findIssue = (marker: string) => find(issues + api.openIssues, api.issueId, description, marker);
  return {
    runUrl,
    commit,
    async upsertComment(marker, body) {
      const id = await find(comments, "id", "body", marker);
      if (id) await client.send(updateMethod, `${api.comment}/${id}`, { body });
      else await client.send("POST", comments, { body });
    },
    async upsertIssue(marker, title, body) {
      const id = await findIssue(marker);
      const fields = { title, [description]: body };
      if (id) await client.send(updateMethod, `${issues}/${id}`, fields);
      else await client.send("POST", issues, fields);
    },
    async closeIssue(marker, comment) {
      const id = await findIssue(marker);
      if (!id) return;
      await client.send("POST", `${issues}/${id}/${api.issueComments}`, { body: comment });
      await client.send(updateMethod, `${issues}/${id}`, api.closed);
    },
  };
}

function gitLab(kind: ReportKind) {
  const url = requireVariable("CI_API_V4_URL", /^https?:/);
  const project = `/projects/${requireVariable("CI_PROJECT_ID", /^\d+$/)}`;
  const client = new RestClient(url, { "private-token": requireVariable("GITLAB_TOKEN", /^\S+$/) });
  const mergeRequest = kind === "preview" ? requireVariable("CI_MERGE_REQUEST_IID", /^\d+$/) : "";
  const comments = `${project}/merge_requests/${mergeRequest}/notes`;
  return {
    client,
    runUrl: process.env["CI_JOB_URL"] ?? "",
    commit: process.env["CI_COMMIT_SHA"] ?? "",
    updateMethod: "PUT",
    comments,
    comment: comments,
    hasCommentPages: true,
    issues: `${project}/issues`,
    openIssues: "?state=opened",
    issueId: "iid",
    description: "description",
    issueComments: "notes",
    closed: { state_event: "close" },
    /** Returns whether the account of this run wrote a comment or an issue. */
    async findOwnership() {
      const { id } = Object(await client.send("GET", "/user")) as Row;
      return ({ author }: Row) => Object(author).id === id;
    },
  };
}

/** GitHub, or Gitea and Forgejo, whose Actions and API are similar. */
function gitHub(kind: ReportKind, isGitea: boolean) {
  const repository = requireVariable("GITHUB_REPOSITORY", /^[\w.-]+\/[\w.-]+$/);
  const { number, head } = Object(readEvent().pull_request) as { number?: unknown; head?: { sha?: string } };
  const issue = typeof number === "number" ? String(number) : undefined;
  const pullRequest = kind === "preview" ? (issue ?? requireVariable("PULL_REQUEST", /^\d+$/)) : "";
  const tokens = isGitea ? ["GITEA_TOKEN", "FORGEJO_TOKEN", "GITHUB_TOKEN"] : ["GH_TOKEN", "GITHUB_TOKEN"];
  const token = tokens.find((name) => process.env[name]) ?? "GITHUB_TOKEN";
  const server = process.env["GITHUB_SERVER_URL"];
  const defaultUrl = isGitea ? `${server}/api/v1` : "https://api.github.com";
  const url = `${process.env["GITHUB_API_URL"] || defaultUrl}/repos/${repository}`;
  const headers = { authorization: `Bearer ${requireVariable(token, /^\S+$/)}`, accept: "application/json" };
  const run = process.env[isGitea ? "GITHUB_RUN_NUMBER" : "GITHUB_RUN_ID"];
  return {
    client: new RestClient(url, headers, isGitea ? "limit" : "per_page"),
    runUrl: `${server}/${repository}/actions/runs/${run}`,
    commit: head?.sha ?? process.env["GITHUB_SHA"] ?? "",
    updateMethod: "PATCH",
    comments: `/issues/${pullRequest}/comments`,
    comment: "/issues/comments",
    hasCommentPages: !isGitea,
    issues: "/issues",
    openIssues: isGitea ? "?state=open&type=issues" : "?state=open",
    issueId: "number",
    description: "body",
    issueComments: "comments",
    closed: { state: "closed" },
    /** The token of a workflow cannot ask for its own account. The id is that of gitea-actions and forgejo-actions. */
    findOwnership: async () => (row: Row) => {
      const { id, type } = Object(row["user"]) as Row;
      return isGitea ? id === -2 : type === "Bot";
    },
  };
}

/** The event that started the workflow, which the runner has written. */
function readEvent(): { pull_request?: unknown } {
  const file = process.env["GITHUB_EVENT_PATH"];
  if (!file) return {};
  try {
    return Object(JSON.parse(readFileSync(file, "utf8"))) as { pull_request?: unknown };
  } catch (error) {
    throw new UserError(`Cannot read GITHUB_EVENT_PATH: ${messageOf(error)}`);
  }
}
