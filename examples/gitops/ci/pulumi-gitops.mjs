// @ts-check
/**
 * Runs Pulumi in a CI pipeline and reports the result on GitHub or GitLab:
 *
 *   node ci/pulumi-gitops.mjs preview   posts a preview as a single comment on the pull or merge request
 *   node ci/pulumi-gitops.mjs up        applies the changes
 *   node ci/pulumi-gitops.mjs drift     reports drift as a single issue, and closes it when there is none
 *
 * Exits with Pulumi's exit code, or with 1 if the result could not be reported. For `drift`, 0 means no drift, 7 means drift, and any other
 * code means that the check itself failed. Calls `gh` on GitHub and the REST API on GitLab. Requires Node.js 20 or later, and no packages.
 */
import { spawn, spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { appendFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { stripVTControlCharacters } from "node:util";

/** GitHub accepts 65,536 characters. Counting bytes stays below that, because a character is at least one byte. */
const BODY_BYTES = 60_000;
const LINE_CHARACTERS = 2_000;
const DRIFT_EXIT_CODE = 7;

/** @typedef {"preview" | "up" | "drift"} Command */
/** @typedef {{ code: number, lines: string[] }} Result */
/**
 * The service that results are reported to. The marker, an HTML comment, identifies the comment or issue to update.
 * @typedef {object} Host
 * @property {() => string} runUrl
 * @property {(marker: string, body: string) => Promise<void>} upsertComment creates or updates the comment on the pull request
 * @property {(marker: string, title: string, body: string) => Promise<void>} upsertIssue opens or updates the issue
 * @property {(marker: string, comment: string) => Promise<void>} closeIssue closes the issue with a comment, if it is open
 */

const env = process.env;

/** @type {Record<Command, string[]>} */
const commandArgs = {
  preview: ["preview", "--diff"],
  up: ["up", "--yes", "--diff", ...(env["REFRESH"] === "true" ? ["--refresh"] : [])],
  drift: ["preview", "--refresh", "--expect-no-changes", "--diff"],
};

/**
 * @param {Command} command
 * @returns {Promise<Result>}
 */
async function runPulumi(command) {
  const child = spawn("pulumi", [...commandArgs[command], ...commonArgs()], {
    env: pulumiEnv(command),
    stdio: ["ignore", "pipe", "pipe"],
  });
  /** @type {string[]} */
  const lines = [];
  // Keeps GitHub's runner from executing workflow commands in Pulumi's output.
  const resumeToken = env["GITHUB_ACTIONS"] === "true" ? randomUUID() : undefined;
  if (resumeToken) console.log(`::stop-commands::${resumeToken}`);
  const exited = new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve(code ?? 1));
  });
  const streams = [child.stdout, child.stderr].map(async (stream) => {
    for await (const rawLine of createInterface({ input: stream })) {
      const line = sanitize(rawLine);
      lines.push(line);
      console.log(line);
    }
  });
  try {
    const [code] = await Promise.all([exited, ...streams]);
    return { code: Number(code), lines };
  } finally {
    if (resumeToken) console.log(`::${resumeToken}::`);
  }
}

function commonArgs() {
  return ["--stack", stackName(), "--suppress-progress", "--non-interactive", "--color", "never"];
}

function stackName() {
  return requireEnv("PULUMI_STACK", /^[A-Za-z0-9_.-]+(\/[A-Za-z0-9_.-]+){0,2}$/);
}

/**
 * The environment for Pulumi and the program, which never includes the token that writes comments. Only `up` gets authentik's write token.
 * @param {Command} command
 */
function pulumiEnv(command) {
  const { AUTHENTIK_READ_TOKEN: readToken, ...rest } = env;
  for (const name of ["GH_TOKEN", "GITHUB_TOKEN", "GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN", "GITLAB_TOKEN"]) {
    delete rest[name];
  }
  const token = readToken && command !== "up" ? { AUTHENTIK_TOKEN: readToken } : {};
  return { ...rest, ...token, PULUMI_SKIP_UPDATE_CHECK: "1" };
}

/**
 * Removes secrets, control characters, and the end of an overlong line. The provider prints neither tokens nor links, but the program might,
 * and CI runners mask secrets in logs only, not in comments.
 * @param {string} line
 */
function sanitize(line) {
  const secrets = Object.entries(env)
    .filter(([name]) => /TOKEN|PASSPHRASE|PASSWORD|SECRET|_KEY/.test(name))
    .map(([, value]) => value ?? "")
    .filter((value) => value.length >= 6)
    .sort((a, b) => b.length - a.length);
  let sanitized = stripVTControlCharacters(line).replace(/(?!\t)[\p{Cc}\p{Bidi_Control}]/gu, "");
  for (const secret of secrets) sanitized = sanitized.replaceAll(secret, "[redacted]");
  sanitized = sanitized.replace(/itoken(=|%3D)[0-9A-Za-z-]+/gi, "itoken$1[redacted]");
  return sanitized.length > LINE_CHARACTERS ? `${sanitized.slice(0, LINE_CHARACTERS).toWellFormed()} […]` : sanitized;
}

/** @param {string} string */
function byteLength(string) {
  return Buffer.byteLength(string, "utf8");
}

/**
 * Formats lines as a Markdown code block of limited size. The fence is longer than any run of backticks in the lines, so that none can end it.
 * @param {string[]} lines
 * @param {number} maxBytes
 */
function codeBlock(lines, maxBytes) {
  const longestRun = Math.max(
    2,
    ...lines.map((line) => Math.max(0, ...(line.match(/`+/g) ?? []).map((run) => run.length))),
  );
  const fence = "`".repeat(longestRun + 1);
  return [fence, ...omitMiddle(lines, maxBytes - 2 * fence.length - 200), fence].join("\n");
}

/**
 * @param {string[]} lines
 * @param {number} maxBytes
 */
function omitMiddle(lines, maxBytes) {
  const size = lines.reduce((sum, line) => sum + byteLength(line) + 1, 0);
  if (size <= maxBytes) return lines;
  /** @type {string[]} */
  const head = [];
  /** @type {string[]} */
  const tail = [];
  let start = 0;
  let end = lines.length;
  // The end gets the larger share, because it holds the errors and the summary.
  for (let left = maxBytes / 4; start < end; start += 1) {
    const line = lines[start] ?? "";
    left -= byteLength(line) + 1;
    if (left < 0) break;
    head.push(line);
  }
  for (let left = (maxBytes * 3) / 4; end > start; end -= 1) {
    const line = lines[end - 1] ?? "";
    left -= byteLength(line) + 1;
    if (left < 0) break;
    tail.unshift(line);
  }
  return [...head, `[… ${end - start} lines omitted, see the log …]`, ...tail];
}

/**
 * Summarizes Pulumi's output, for example as `1 to create, 2 unchanged`.
 * @param {string[]} lines
 */
function summarize(lines) {
  const start = lines.lastIndexOf("Resources:");
  const matches =
    start === -1 ? [] : lines.slice(start + 1).map((line) => /^ {4}(?:\S+ )?(\d+ [a-z][a-z -]*)/.exec(line)?.[1]);
  const end = matches.indexOf(undefined);
  const counts = (end === -1 ? matches : matches.slice(0, end)).filter((count) => !count?.endsWith("changes"));
  const unchanged = lines
    .slice(start + 1)
    .map((line) => /(\d+ unchanged)/.exec(line)?.[1])
    .find(Boolean);
  return [...new Set([...counts, unchanged].filter(Boolean))].join(", ") || "no changes";
}

/**
 * Finds the provider's warnings about changes made outside Pulumi, which name who made them.
 * @param {string[]} lines
 */
function findDriftWarnings(lines) {
  const warnings = lines
    .map((line) => line.trim())
    .filter((line) => /: (.+ changed outside Pulumi\b|deleted (by|outside) )/.test(line));
  return [...new Set(warnings)];
}

/**
 * @param {string} marker
 * @param {string} title
 * @param {string[]} paragraphs
 * @param {string[]} lines
 */
function formatBody(marker, title, paragraphs, lines) {
  const head = [marker, `### ${title}`, ...paragraphs].join("\n\n");
  const output = codeBlock(lines, BODY_BYTES - byteLength(head) - 100);
  return [head, "<details><summary>Pulumi output</summary>", output, "</details>"].join("\n\n");
}

/**
 * @param {Command} command
 * @returns {Host}
 */
function gitHub(command) {
  const repository = requireEnv("GITHUB_REPOSITORY", /^[\w.-]+\/[\w.-]+$/);
  const pullRequest = command === "preview" ? requireEnv("PULL_REQUEST", /^\d+$/) : "";
  /**
   * @param {string} method
   * @param {string} path
   * @param {object} body
   */
  const write = (method, path, body) =>
    runGh(["api", "--method", method, `repos/${repository}/${path}`, "--input", "-", "--silent"], body);
  /**
   * Finds the comment or issue with this marker. Only a bot's, so that nobody else's is overwritten.
   * @param {string} path
   * @param {"id" | "number"} id
   * @param {string} marker
   */
  const find = (path, id, marker) => {
    const filter = `select(.pull_request == null and .user.type == "Bot" and ((.body // "") | startswith(${JSON.stringify(marker)})))`;
    const matches = runGh([
      "api",
      "--paginate",
      `repos/${repository}/${path}per_page=100`,
      "--jq",
      `.[] | ${filter} | .${id}`,
    ]);
    return matches.split("\n").find((line) => /^\d+$/.test(line));
  };
  return {
    runUrl: () => `${env["GITHUB_SERVER_URL"]}/${repository}/actions/runs/${env["GITHUB_RUN_ID"]}`,
    async upsertComment(marker, body) {
      const comment = find(`issues/${pullRequest}/comments?`, "id", marker);
      if (comment) write("PATCH", `issues/comments/${comment}`, { body });
      else write("POST", `issues/${pullRequest}/comments`, { body });
    },
    async upsertIssue(marker, title, body) {
      const issue = find("issues?state=open&", "number", marker);
      if (issue) write("PATCH", `issues/${issue}`, { title, body });
      else write("POST", "issues", { title, body });
    },
    async closeIssue(marker, comment) {
      const issue = find("issues?state=open&", "number", marker);
      if (!issue) return;
      write("POST", `issues/${issue}/comments`, { body: comment });
      write("PATCH", `issues/${issue}`, { state: "closed", state_reason: "completed" });
    },
  };
}

/**
 * @param {string[]} args
 * @param {object} [body]
 */
function runGh(args, body) {
  const { status, stdout, stderr, error } = spawnSync("gh", args, {
    input: body === undefined ? "" : JSON.stringify(body),
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  if (status === 0) return stdout;
  const reason = (error?.message ?? stderr).trim().replace(/\s+/g, " ");
  throw new Error(`gh ${args.slice(0, 4).join(" ")} failed: ${sanitize(reason)}`);
}

/**
 * @param {Command} command
 * @returns {Host}
 */
function gitLab(command) {
  const project = `${requireEnv("CI_API_V4_URL", /^https?:/)}/projects/${requireEnv("CI_PROJECT_ID", /^\d+$/)}`;
  const token = requireEnv("GITLAB_TOKEN", /^\S+$/);
  const mergeRequest = command === "preview" ? requireEnv("CI_MERGE_REQUEST_IID", /^\d+$/) : "";
  /**
   * @param {string} method
   * @param {string} url
   * @param {object} [body]
   */
  const send = async (method, url, body) => {
    const response = await fetch(url, {
      method,
      headers: { "private-token": token, "content-type": "application/json" },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    if (!response.ok) throw new Error(`${method} ${new URL(url).pathname} failed with status ${response.status}.`);
    return { json: await response.json(), nextPage: response.headers.get("x-next-page") };
  };
  /**
   * Finds the note or issue with this marker. Only the token's own, so that nobody else's is overwritten.
   * @param {string} path
   * @param {"id" | "iid"} id
   * @param {"body" | "description"} field
   * @param {string} marker
   */
  const find = async (path, id, field, marker) => {
    const { json: me } = await send("GET", `${env["CI_API_V4_URL"]}/user`);
    for (let page = "1"; page; ) {
      const { json, nextPage } = await send("GET", `${project}/${path}per_page=100&page=${page}`);
      for (const row of json)
        if (row.author?.id === me.id && String(row[field] ?? "").startsWith(marker)) return Number(row[id]);
      page = nextPage ?? "";
    }
    return undefined;
  };
  return {
    runUrl: () => env["CI_JOB_URL"] ?? "",
    async upsertComment(marker, body) {
      const notes = `merge_requests/${mergeRequest}/notes`;
      const note = await find(`${notes}?`, "id", "body", marker);
      if (note) await send("PUT", `${project}/${notes}/${note}`, { body });
      else await send("POST", `${project}/${notes}`, { body });
    },
    async upsertIssue(marker, title, description) {
      const issue = await find("issues?state=opened&", "iid", "description", marker);
      if (issue) await send("PUT", `${project}/issues/${issue}`, { title, description });
      else await send("POST", `${project}/issues`, { title, description });
    },
    async closeIssue(marker, comment) {
      const issue = await find("issues?state=opened&", "iid", "description", marker);
      if (!issue) return;
      await send("POST", `${project}/issues/${issue}/notes`, { body: comment });
      await send("PUT", `${project}/issues/${issue}`, { state_event: "close" });
    },
  };
}

/**
 * @param {string} name
 * @param {RegExp} pattern
 */
function requireEnv(name, pattern) {
  const value = env[name] ?? "";
  if (value === "") throw new Error(`${name} is not set.`);
  if (!pattern.test(value)) throw new Error(`${name} must match ${pattern}.`);
  return value;
}

/**
 * @param {Command} command
 * @param {Result} result
 * @param {Host} host
 */
async function report(command, { code, lines }, host) {
  const stack = stackName();
  const marker = `<!-- pulumi-${command}: ${stack} -->`;
  const commit = /^[0-9a-f]+$/.test(env["COMMIT"] ?? "") ? ` for commit ${env["COMMIT"]}` : "";
  const runLink = `[Pipeline run](${host.runUrl()})${commit}`;
  if (command === "preview") {
    const title =
      code === 0
        ? `Pulumi preview for \`${stack}\`: ${summarize(lines)}`
        : `Pulumi preview for \`${stack}\` failed with exit code ${code}`;
    const body = formatBody(marker, title, [runLink], lines);
    writeStepSummary(body);
    await host.upsertComment(marker, body);
  } else if (command === "drift" && code === DRIFT_EXIT_CODE) {
    const title = `Drift detected in stack ${stack}`;
    const warnings = findDriftWarnings(lines);
    const whoChangedWhat = warnings.length > 0 ? [codeBlock(warnings, BODY_BYTES / 4)] : [];
    const instructions =
      "To revert these changes, run `pulumi up --refresh`. To keep them, update the program. The next run that finds no drift closes this issue.";
    const body = formatBody(marker, title, [...whoChangedWhat, instructions, runLink], lines);
    writeStepSummary(body);
    await host.upsertIssue(marker, title, body);
  } else if (command === "drift" && code === 0) {
    await host.closeIssue(marker, `No drift found. ${runLink}`);
  }
}

/** @param {string} body */
function writeStepSummary(body) {
  if (env["GITHUB_STEP_SUMMARY"]) appendFileSync(env["GITHUB_STEP_SUMMARY"], `${body}\n`);
}

/** @param {string | undefined} arg */
function parseCommand(arg) {
  if (arg === "preview" || arg === "up" || arg === "drift") return arg;
  throw new Error("Usage: node ci/pulumi-gitops.mjs preview|up|drift");
}

async function main() {
  const command = parseCommand(process.argv[2]);
  // Missing settings fail here, before Pulumi runs.
  stackName();
  const host = command === "up" ? undefined : env["GITLAB_CI"] === "true" ? gitLab(command) : gitHub(command);
  const result = await runPulumi(command);
  process.exitCode = result.code;
  if (host) await report(command, result, host);
}

main().catch((error) => {
  console.error(sanitize(error instanceof Error ? error.message : String(error)));
  process.exitCode ||= 1;
  // Drift that could not be reported must fail the pipeline.
  if (process.exitCode === DRIFT_EXIT_CODE) process.exitCode = 1;
});
