// @ts-check
/**
 * Runs Pulumi in a pipeline and tells the outcome where people look:
 *
 *   node ci/pulumi-gitops.mjs preview   what a pull or merge request would change, as its one comment
 *   node ci/pulumi-gitops.mjs up        applies it
 *   node ci/pulumi-gitops.mjs drift     what was changed by hand, as one issue; closes the issue when there is nothing
 *
 * It ends with Pulumi's exit code (of `drift` 0: nothing changed, 7: something changed, any other: the question could not be asked), or with 1
 * where the outcome could not be told. On GitHub it calls `gh`, on GitLab the API. It needs Node.js 20 and nothing else.
 */
import { spawn, spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { appendFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { stripVTControlCharacters } from "node:util";

/** GitHub takes 65,536 characters. Counted in bytes, which are never fewer. */
const BODY_BYTES = 60_000;
const LINE_CHARACTERS = 2_000;
const DRIFT = 7;

/** @typedef {"preview" | "up" | "drift"} Command */
/** @typedef {{ code: number, lines: string[] }} Outcome */
/**
 * Where the outcome is told.
 * @typedef {object} Host
 * @property {() => string} runUrl
 * @property {(marker: string, body: string) => Promise<void>} comment writes the one comment of the pull request, anew or over the last one
 * @property {(marker: string, title: string, body: string) => Promise<void>} openIssue opens the one issue, or brings it up to date
 * @property {(marker: string, text: string) => Promise<void>} closeIssue closes it, where it is open
 */

const env = process.env;

/** @type {Record<Command, string[]>} */
const commands = {
  preview: ["preview", "--diff"],
  up: ["up", "--yes", "--diff", ...(env["REFRESH"] === "true" ? ["--refresh"] : [])],
  drift: ["preview", "--refresh", "--expect-no-changes", "--diff"],
};

/**
 * @param {Command} command
 * @returns {Promise<Outcome>}
 */
async function pulumi(command) {
  const child = spawn("pulumi", [...commands[command], ...common()], {
    env: environment(command),
    stdio: ["ignore", "pipe", "pipe"],
  });
  /** @type {string[]} */
  const lines = [];
  // What Pulumi prints must not be taken for a command to GitHub's runner.
  const pause = env["GITHUB_ACTIONS"] === "true" ? randomUUID() : undefined;
  if (pause) console.log(`::stop-commands::${pause}`);
  const ended = new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve(code ?? 1));
  });
  const reading = [child.stdout, child.stderr].map(async (stream) => {
    for await (const line of createInterface({ input: stream })) {
      const shown = harmless(line);
      lines.push(shown);
      console.log(shown);
    }
  });
  try {
    const [code] = await Promise.all([ended, ...reading]);
    return { code: Number(code), lines };
  } finally {
    if (pause) console.log(`::${pause}::`);
  }
}

function common() {
  return ["--stack", stack(), "--suppress-progress", "--non-interactive", "--color", "never"];
}

function stack() {
  const name = env["PULUMI_STACK"] ?? "";
  if (!/^[A-Za-z0-9_.-]+(\/[A-Za-z0-9_.-]+){0,2}$/.test(name)) throw new Error("PULUMI_STACK must name a stack.");
  return name;
}

/**
 * What Pulumi and the program get: not the token that writes comments; and where nothing is written, the token that cannot write.
 * @param {Command} command
 */
function environment(command) {
  const { AUTHENTIK_READ_TOKEN: reader, ...rest } = env;
  for (const name of ["GH_TOKEN", "GITHUB_TOKEN", "GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN", "GITLAB_TOKEN"]) {
    delete rest[name];
  }
  return { ...rest, ...(reader && command !== "up" ? { AUTHENTIK_TOKEN: reader } : {}), PULUMI_SKIP_UPDATE_CHECK: "1" };
}

/**
 * One line as it may be shown to everybody. The provider keeps tokens and links out of what it prints; but runners hide secrets in logs only,
 * not in comments, and a program may print anything.
 * @param {string} line
 */
function harmless(line) {
  const secrets = Object.entries(env)
    .filter(([name]) => /TOKEN|PASSPHRASE|PASSWORD|SECRET|_KEY/.test(name))
    .map(([, value]) => value ?? "")
    .filter((value) => value.length >= 6)
    .sort((a, b) => b.length - a.length);
  let text = stripVTControlCharacters(line).replace(/(?!\t)[\p{Cc}\p{Bidi_Control}]/gu, "");
  for (const secret of secrets) text = text.replaceAll(secret, "[hidden]");
  text = text.replace(/itoken(=|%3D)[0-9A-Za-z-]+/gi, "itoken$1[hidden]");
  return text.length > LINE_CHARACTERS ? `${text.slice(0, LINE_CHARACTERS)} […]` : text;
}

/** @param {string} text */
function bytes(text) {
  return Buffer.byteLength(text, "utf8");
}

/**
 * The lines as a code block: in a fence that is longer than all that they hold, and without their middle where they are too long.
 * @param {string[]} lines
 * @param {number} room in bytes
 */
function block(lines, room) {
  const longest = Math.max(
    2,
    ...lines.map((line) => Math.max(0, ...(line.match(/`+/g) ?? []).map((run) => run.length))),
  );
  const fence = "`".repeat(longest + 1);
  const left = room - 2 * fence.length - 200;
  return [`${fence}text`, ...shorten(lines, left), fence].join("\n");
}

/**
 * @param {string[]} lines
 * @param {number} room in bytes
 */
function shorten(lines, room) {
  const size = lines.reduce((sum, line) => sum + bytes(line) + 1, 0);
  if (size <= room) return lines;
  /** @type {string[]} */
  const head = [];
  /** @type {string[]} */
  const tail = [];
  let start = 0;
  let end = lines.length;
  // The end says how it went, so that it gets the larger part.
  for (let left = room / 4; start < end; start += 1) {
    const line = lines[start] ?? "";
    left -= bytes(line) + 1;
    if (left < 0) break;
    head.push(line);
  }
  for (let left = (room * 3) / 4; end > start; end -= 1) {
    const line = lines[end - 1] ?? "";
    left -= bytes(line) + 1;
    if (left < 0) break;
    tail.unshift(line);
  }
  return [...head, `[… ${end - start} lines are left out; the log has them …]`, ...tail];
}

/**
 * @param {string[]} lines
 * @returns {string} as `1 to create, 2 unchanged`
 */
function summary(lines) {
  const start = lines.lastIndexOf("Resources:");
  const counted =
    start === -1 ? [] : lines.slice(start + 1).map((line) => /^ {4}(?:\S+ )?(\d+ [a-z][a-z -]*)/.exec(line)?.[1]);
  const end = counted.indexOf(undefined);
  const counts = (end === -1 ? counted : counted.slice(0, end)).filter((count) => !count?.endsWith("changes"));
  const unchanged = lines
    .slice(start + 1)
    .map((line) => /(\d+ unchanged)/.exec(line)?.[1])
    .find(Boolean);
  return [...new Set([...counts, unchanged].filter(Boolean))].join(", ") || "no changes";
}

/**
 * The lines of the provider that say what was changed outside Pulumi, and by whom.
 * @param {string[]} lines
 */
function attributions(lines) {
  const told = lines
    .map((line) => line.trim())
    .filter((line) => /: (.+ changed outside Pulumi\b|deleted (by|outside) )/.test(line));
  return [...new Set(told)];
}

/**
 * @param {string} marker
 * @param {string} title
 * @param {string[]} paragraphs
 * @param {string[]} lines
 */
function bodyOf(marker, title, paragraphs, lines) {
  const head = [marker, `### ${title}`, ...paragraphs].join("\n\n");
  const output = block(lines, BODY_BYTES - bytes(head) - 100);
  return [head, "<details><summary>Output</summary>", output, "</details>"].join("\n\n");
}

/** @returns {Host} */
function gitHub() {
  const repository = needed("GITHUB_REPOSITORY", /^[\w.-]+\/[\w.-]+$/);
  /**
   * @param {string} method
   * @param {string} path
   * @param {object} body
   */
  const write = (method, path, body) =>
    gh(["api", "--method", method, `repos/${repository}/${path}`, "--input", "-", "--silent"], body);
  /**
   * The number of what a bot has written with this marker: nobody else's text is overwritten.
   * @param {string} path
   * @param {string} id
   * @param {string} marker
   */
  const find = (path, id, marker) => {
    const ours = `select(.pull_request == null and .user.type == "Bot" and ((.body // "") | startswith(${JSON.stringify(marker)})))`;
    const found = gh([
      "api",
      "--paginate",
      `repos/${repository}/${path}per_page=100`,
      "--jq",
      `.[] | ${ours} | .${id}`,
    ]);
    return found.split("\n").find((line) => /^\d+$/.test(line));
  };
  return {
    runUrl: () => `${env["GITHUB_SERVER_URL"]}/${repository}/actions/runs/${env["GITHUB_RUN_ID"]}`,
    async comment(marker, body) {
      const issue = needed("PULL_REQUEST", /^\d+$/);
      const last = find(`issues/${issue}/comments?`, "id", marker);
      if (last) write("PATCH", `issues/comments/${last}`, { body });
      else write("POST", `issues/${issue}/comments`, { body });
    },
    async openIssue(marker, title, body) {
      const issue = find("issues?state=open&", "number", marker);
      if (issue) write("PATCH", `issues/${issue}`, { title, body });
      else write("POST", "issues", { title, body });
    },
    async closeIssue(marker, text) {
      const issue = find("issues?state=open&", "number", marker);
      if (!issue) return;
      write("POST", `issues/${issue}/comments`, { body: text });
      write("PATCH", `issues/${issue}`, { state: "closed", state_reason: "completed" });
    },
  };
}

/**
 * @param {string[]} args
 * @param {object} [body]
 */
function gh(args, body) {
  const { status, stdout, stderr, error } = spawnSync("gh", args, {
    input: body === undefined ? "" : JSON.stringify(body),
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  if (status === 0) return stdout;
  throw new Error(
    `gh ${args.slice(0, 4).join(" ")} failed: ${harmless((error?.message ?? stderr).trim().replace(/\s+/g, " "))}`,
  );
}

/** @returns {Host} */
function gitLab() {
  const project = `${needed("CI_API_V4_URL", /^https?:/)}/projects/${needed("CI_PROJECT_ID", /^\d+$/)}`;
  const token = needed("GITLAB_TOKEN", /^\S+$/);
  /**
   * @param {string} method
   * @param {string} url
   * @param {object} [body]
   */
  const call = async (method, url, body) => {
    const answer = await fetch(url, {
      method,
      headers: { "private-token": token, "content-type": "application/json" },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    if (!answer.ok) throw new Error(`${method} ${new URL(url).pathname} answered ${answer.status}.`);
    return { json: await answer.json(), next: answer.headers.get("x-next-page") };
  };
  /**
   * The number of what this token's user has written with this marker.
   * @param {string} path
   * @param {"id" | "iid"} id
   * @param {"body" | "description"} text
   * @param {string} marker
   */
  const find = async (path, id, text, marker) => {
    const { json: me } = await call("GET", `${env["CI_API_V4_URL"]}/user`);
    for (let page = "1"; page; ) {
      const { json, next } = await call("GET", `${project}/${path}per_page=100&page=${page}`);
      for (const row of json)
        if (row.author?.id === me.id && String(row[text] ?? "").startsWith(marker)) return Number(row[id]);
      page = next ?? "";
    }
    return undefined;
  };
  return {
    runUrl: () => env["CI_JOB_URL"] ?? "",
    async comment(marker, body) {
      const notes = `merge_requests/${needed("CI_MERGE_REQUEST_IID", /^\d+$/)}/notes`;
      const last = await find(`${notes}?`, "id", "body", marker);
      if (last) await call("PUT", `${project}/${notes}/${last}`, { body });
      else await call("POST", `${project}/${notes}`, { body });
    },
    async openIssue(marker, title, description) {
      const issue = await find("issues?state=opened&", "iid", "description", marker);
      if (issue) await call("PUT", `${project}/issues/${issue}`, { title, description });
      else await call("POST", `${project}/issues`, { title, description });
    },
    async closeIssue(marker, text) {
      const issue = await find("issues?state=opened&", "iid", "description", marker);
      if (!issue) return;
      await call("POST", `${project}/issues/${issue}/notes`, { body: text });
      await call("PUT", `${project}/issues/${issue}`, { state_event: "close" });
    },
  };
}

/**
 * @param {string} name
 * @param {RegExp} form
 */
function needed(name, form) {
  const value = env[name] ?? "";
  if (!form.test(value)) throw new Error(`${name} is ${value === "" ? "not set" : "not what it should be"}.`);
  return value;
}

/**
 * @param {Command} command
 * @param {Outcome} outcome
 * @param {Host} host
 */
async function tell(command, { code, lines }, host) {
  const marker = `<!-- pulumi-${command}: ${stack()} -->`;
  const origin = `[Run](${host.runUrl()})${env["COMMIT"] && /^[0-9a-f]+$/.test(env["COMMIT"]) ? ` of ${env["COMMIT"]}` : ""}`;
  if (command === "preview") {
    const title =
      code === 0
        ? `Pulumi would do in \`${stack()}\`: ${summary(lines)}`
        : `Pulumi's preview of \`${stack()}\` failed (exit code ${code})`;
    const body = bodyOf(marker, title, [origin], lines);
    summarize(body);
    await host.comment(marker, body);
  } else if (command === "drift" && code === DRIFT) {
    const title = `authentik differs from the code in ${stack()}`;
    const told = attributions(lines);
    const who = told.length > 0 ? [block(told, BODY_BYTES / 4)] : [];
    const advice =
      "To have it as the code says, run `pulumi up --refresh`; to keep it, write it into the code. This issue is closed by the next run that finds nothing.";
    const body = bodyOf(marker, title, [...who, advice, origin], lines);
    summarize(body);
    await host.openIssue(marker, title, body);
  } else if (command === "drift" && code === 0) {
    await host.closeIssue(marker, `authentik is as the code says. ${origin}`);
  }
}

/** @param {string} body */
function summarize(body) {
  if (env["GITHUB_STEP_SUMMARY"]) appendFileSync(env["GITHUB_STEP_SUMMARY"], `${body}\n`);
}

/** @param {string | undefined} text */
function commandOf(text) {
  if (text === "preview" || text === "up" || text === "drift") return text;
  throw new Error("Give one of preview, up and drift.");
}

async function main() {
  const command = commandOf(process.argv[2]);
  stack();
  // Before Pulumi runs: what is not set up must not be told after it.
  const host = command === "up" ? undefined : env["GITLAB_CI"] === "true" ? gitLab() : gitHub();
  const outcome = await pulumi(command);
  process.exitCode = outcome.code;
  if (host) await tell(command, outcome, host);
}

main().catch((error) => {
  console.error(harmless(error instanceof Error ? error.message : String(error)));
  process.exitCode ||= 1;
  // A drift that nobody was told of is a failure, not a drift.
  if (process.exitCode === DRIFT) process.exitCode = 1;
});
