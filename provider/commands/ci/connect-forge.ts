import type { Forge, ReportKind } from "./forge";
import { gitea, gitHub } from "./github";
import { gitLab } from "./gitlab";

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
