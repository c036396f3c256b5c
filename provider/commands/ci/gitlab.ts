import type { Forge, ReportKind } from "./forge";
import { RestClient } from "./rest-client";
import { requireVariable } from "./settings";

export function gitLab(kind: ReportKind): Forge {
  const api = requireVariable("CI_API_V4_URL", /^https?:/);
  const project = `/projects/${requireVariable("CI_PROJECT_ID", /^\d+$/)}`;
  const client = new RestClient(api, { "private-token": requireVariable("GITLAB_TOKEN", /^\S+$/) });
  const mergeRequest = kind === "preview" ? requireVariable("CI_MERGE_REQUEST_IID", /^\d+$/) : "";
  const find = async (
    path: string,
    id: "id" | "iid",
    field: "body" | "description",
    marker: string,
  ): Promise<number | undefined> => {
    const me = Object(await client.send("GET", "/user")) as { id?: unknown };
    for await (const row of client.list(`${project}/${path}`)) {
      const isOwn = Object(row["author"]).id === me.id;
      if (isOwn && String(row[field] ?? "").startsWith(marker)) return Number(row[id]);
    }
    return undefined;
  };
  const findIssue = async (marker: string): Promise<number | undefined> =>
    await find("issues?state=opened", "iid", "description", marker);
  return {
    runUrl: process.env["CI_JOB_URL"] ?? "",
    commit: process.env["CI_COMMIT_SHA"] ?? "",
    async upsertComment(marker, body) {
      const notes = `merge_requests/${mergeRequest}/notes`;
      const note = await find(notes, "id", "body", marker);
      if (note) await client.send("PUT", `${project}/${notes}/${note}`, { body });
      else await client.send("POST", `${project}/${notes}`, { body });
    },
    async upsertIssue(marker, title, description) {
      const issue = await findIssue(marker);
      if (issue) await client.send("PUT", `${project}/issues/${issue}`, { title, description });
      else await client.send("POST", `${project}/issues`, { title, description });
    },
    async closeIssue(marker, comment) {
      const issue = await findIssue(marker);
      if (!issue) return;
      await client.send("POST", `${project}/issues/${issue}/notes`, { body: comment });
      await client.send("PUT", `${project}/issues/${issue}`, { state_event: "close" });
    },
  };
}
