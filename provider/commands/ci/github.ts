import { readFileSync } from "node:fs";
import { UserError } from "../../lifecycle/engine/user-error";
import type { Forge, ReportKind } from "./forge";
import { RestClient, type Row } from "./rest-client";
import { requireVariable } from "./settings";

export function gitHub(kind: ReportKind): Forge {
  const repository = requireVariable("GITHUB_REPOSITORY", /^[\w.-]+\/[\w.-]+$/);
  const event = readEvent();
  const pullRequest = kind === "preview" ? pullRequestOf(event) : "";
  const api = process.env["GITHUB_API_URL"] || "https://api.github.com";
  const client = new RestClient(`${api}/repos/${repository}`, {
    authorization: `Bearer ${requireVariable(process.env["GH_TOKEN"] ? "GH_TOKEN" : "GITHUB_TOKEN", /^\S+$/)}`,
    accept: "application/vnd.github+json",
    "x-github-api-version": "2022-11-28",
  });
  const find = async (path: string, marker: string): Promise<Row | undefined> => {
    for await (const row of client.list(path)) {
      // The token of a workflow cannot ask for its own account, but that is a bot, unlike people.
      const isBot = Object(row["user"]).type === "Bot";
      if (isBot && row["pull_request"] == null && String(row["body"] ?? "").startsWith(marker)) return row;
    }
    return undefined;
  };
  return {
    runUrl: `${process.env["GITHUB_SERVER_URL"]}/${repository}/actions/runs/${process.env["GITHUB_RUN_ID"]}`,
    commit: String(Object(Object(event.pull_request).head).sha ?? process.env["GITHUB_SHA"] ?? ""),
    async upsertComment(marker, body) {
      const comment = await find(`/issues/${pullRequest}/comments`, marker);
      if (comment) await client.send("PATCH", `/issues/comments/${Number(comment["id"])}`, { body });
      else await client.send("POST", `/issues/${pullRequest}/comments`, { body });
    },
    async upsertIssue(marker, title, body) {
      const issue = await find("/issues?state=open", marker);
      if (issue) await client.send("PATCH", `/issues/${Number(issue["number"])}`, { title, body });
      else await client.send("POST", "/issues", { title, body });
    },
    async closeIssue(marker, comment) {
      const issue = await find("/issues?state=open", marker);
      if (!issue) return;
      const number = Number(issue["number"]);
      await client.send("POST", `/issues/${number}/comments`, { body: comment });
      await client.send("PATCH", `/issues/${number}`, { state: "closed", state_reason: "completed" });
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
