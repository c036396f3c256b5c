import { readFileSync } from "node:fs";
import { UserError } from "../../lifecycle/user-error";
import type { Forge, ReportKind } from "./forge";
import { RestClient, type Row } from "./rest-client";
import { requireVariable } from "./settings";

/** GitHub, or Gitea and Forgejo, whose Actions and API are similar. */
interface Dialect {
  readonly defaultApi: string;
  readonly tokens: readonly string[];
  /** The variable with the number of a run in its URL. */
  readonly run: string;
  /** The parameter for the size of a page. */
  readonly pageSize: string;
  readonly hasCommentPages: boolean;
  readonly issues: string;
  /** Whether a workflow's account wrote it. The token of a workflow cannot ask for its own account. */
  readonly isOwn: (user: Row) => boolean;
}

export function gitHub(kind: ReportKind): Forge {
  return connect(kind, {
    defaultApi: "https://api.github.com",
    tokens: ["GH_TOKEN", "GITHUB_TOKEN"],
    run: "GITHUB_RUN_ID",
    pageSize: "per_page",
    hasCommentPages: true,
    issues: "/issues?state=open",
    isOwn: ({ type }) => type === "Bot",
  });
}

export function gitea(kind: ReportKind): Forge {
  return connect(kind, {
    defaultApi: `${process.env["GITHUB_SERVER_URL"]}/api/v1`,
    tokens: ["GITEA_TOKEN", "FORGEJO_TOKEN", "GITHUB_TOKEN"],
    run: "GITHUB_RUN_NUMBER",
    pageSize: "limit",
    hasCommentPages: false,
    issues: "/issues?state=open&type=issues",
    // The accounts gitea-actions and forgejo-actions.
    isOwn: ({ id }) => id === -2,
  });
}

function connect(kind: ReportKind, dialect: Dialect): Forge {
  const repository = requireVariable("GITHUB_REPOSITORY", /^[\w.-]+\/[\w.-]+$/);
  const event = readEvent();
  const pullRequest = kind === "preview" ? pullRequestOf(event) : "";
  const token = dialect.tokens.find((name) => process.env[name]) ?? "GITHUB_TOKEN";
  const client = new RestClient(`${process.env["GITHUB_API_URL"] || dialect.defaultApi}/repos/${repository}`, {
    authorization: `Bearer ${requireVariable(token, /^\S+$/)}`,
    accept: "application/json",
  });
  const find = async (
    rows: AsyncIterable<Row> | Iterable<Row>,
    id: "id" | "number",
    marker: string,
  ): Promise<number | undefined> => {
    for await (const row of rows) {
      const isOwn = dialect.isOwn(Object(row["user"]) as Row);
      if (isOwn && row["pull_request"] == null && String(row["body"] ?? "").startsWith(marker)) return Number(row[id]);
    }
    return undefined;
  };
  const findComment = async (marker: string): Promise<number | undefined> => {
    const path = `/issues/${pullRequest}/comments`;
    if (dialect.hasCommentPages) return await find(client.list(path, dialect.pageSize), "id", marker);
    return await find((await client.send("GET", path)) as Row[], "id", marker);
  };
  const findIssue = async (marker: string): Promise<number | undefined> =>
    await find(client.list(dialect.issues, dialect.pageSize), "number", marker);
  return {
    runUrl: `${process.env["GITHUB_SERVER_URL"]}/${repository}/actions/runs/${process.env[dialect.run]}`,
    commit: String(Object(Object(event.pull_request).head).sha ?? process.env["GITHUB_SHA"] ?? ""),
    async upsertComment(marker, body) {
      const comment = await findComment(marker);
      if (comment) await client.send("PATCH", `/issues/comments/${comment}`, { body });
      else await client.send("POST", `/issues/${pullRequest}/comments`, { body });
    },
    async upsertIssue(marker, title, body) {
      const issue = await findIssue(marker);
      if (issue) await client.send("PATCH", `/issues/${issue}`, { title, body });
      else await client.send("POST", "/issues", { title, body });
    },
    async closeIssue(marker, comment) {
      const issue = await findIssue(marker);
      if (!issue) return;
      await client.send("POST", `/issues/${issue}/comments`, { body: comment });
      await client.send("PATCH", `/issues/${issue}`, { state: "closed" });
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
    throw new UserError(`Cannot read GITHUB_EVENT_PATH: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function pullRequestOf(event: { pull_request?: unknown }): string {
  const number: unknown = Object(event.pull_request).number;
  return typeof number === "number" ? String(number) : requireVariable("PULL_REQUEST", /^\d+$/);
}
