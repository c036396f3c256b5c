// @ts-check
/**
 * Runs Pulumi in a CI pipeline and reports the result on GitHub or GitLab:
 *
 *   node ci/pulumi-gitops.mjs preview          previews a pull or merge request
 *   node ci/pulumi-gitops.mjs report preview   posts the preview as a single comment
 *   node ci/pulumi-gitops.mjs up               checks the state, recovers an interrupted run, if there is one, and applies the changes
 *   node ci/pulumi-gitops.mjs drift            checks the state, and looks for drift and undeclared invitations
 *   node ci/pulumi-gitops.mjs report drift     reports them as a single issue, and closes it when there are none
 *
 * `preview` and `drift` write their results to the file REPORT_FILE, and `report` reads it. So the job that runs the program needs no token that
 * can write comments, and the job that has this token runs no program. Without REPORT_FILE, `preview` and `drift` report their results themselves.
 *
 * Exits with Pulumi's exit code, or with 1 if the result could not be reported. For `drift`, 0 means that nothing was found, 7 means drift or
 * undeclared invitations, and any other code means that a check itself failed. For `up` and `drift`, 3 means that the state contains code that
 * someone has put there. Calls `gh` on GitHub and the REST API on GitLab. Requires Node.js 20 or later. `up` and `drift` run the project's own
 * `pulumi-authentik-invitations` command.
 */
import { spawn, spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { appendFileSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { stripVTControlCharacters } from "node:util";

/** GitHub accepts 65,536 characters. Counting bytes stays below that, because a character is at least one byte. */
const BODY_BYTES = 60_000;
const LINE_CHARACTERS = 2_000;
const CELL_CHARACTERS = 100;
/** Exit code of `pulumi preview --expect-no-changes` and of `audit` if they found something. */
const FOUND_EXIT_CODE = 7;
/** Exit code of `recover` if the state contains code that someone has put there. */
const REJECTED_EXIT_CODE = 3;
const REPORT_BYTES = 64 * 1024 * 1024;
const PACKAGE = "pulumi-authentik-invitations";
const STACK_PATTERN = /^[A-Za-z0-9_.-]+(\/[A-Za-z0-9_.-]+){0,2}$/;

/** @typedef {"preview" | "up" | "drift"} Command */
/** @typedef {{ code: number, lines: string[] }} Result */
/**
 * The undeclared invitations as the lines of a table, empty if there are none. `failure` says why they are unknown.
 * @typedef {{ table: string[], failure?: undefined } | { failure: string }} Audit
 */
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

/** @param {Command} command */
function runPulumi(command) {
  return runLogged("pulumi", [...commandArgs[command], ...commonArgs()], command);
}

/**
 * Runs a program and logs its output, sanitized.
 * @param {string} program
 * @param {string[]} args
 * @param {Command | "recover"} command
 * @returns {Promise<Result>}
 */
async function runLogged(program, args, command) {
  const child = spawn(program, args, { env: pulumiEnv(command), stdio: ["ignore", "pipe", "pipe"] });
  /** @type {string[]} */
  const lines = [];
  const exited = new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve(code ?? 1));
  });
  return await withoutWorkflowCommands(async () => {
    const streams = [child.stdout, child.stderr].map(async (stream) => {
      for await (const rawLine of createInterface({ input: stream })) {
        const line = sanitize(rawLine);
        lines.push(line);
        console.log(line);
      }
    });
    const [code] = await Promise.all([exited, ...streams]);
    return { code: Number(code), lines };
  });
}

/**
 * Keeps GitHub's runner from executing workflow commands in what `log` prints.
 * @template T
 * @param {() => Promise<T>} log
 * @returns {Promise<T>}
 */
async function withoutWorkflowCommands(log) {
  const resumeToken = env["GITHUB_ACTIONS"] === "true" ? randomUUID() : undefined;
  if (resumeToken) console.log(`::stop-commands::${resumeToken}`);
  try {
    return await log();
  } finally {
    if (resumeToken) console.log(`::${resumeToken}::`);
  }
}

/**
 * Runs a program without logging its standard output, which may contain anything.
 * @param {string} program
 * @param {string[]} args
 * @param {Command} command
 * @returns {{ code: number, stdout: string, stderr: string[] }}
 */
function runCaptured(program, args, command) {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    env: pulumiEnv(command),
    stdio: ["ignore", "pipe", "pipe"],
    encoding: "utf8",
    maxBuffer: 1024 * 1024 * 1024,
  });
  const errors = `${stderr ?? ""}\n${error?.message ?? ""}`.split("\n").filter((line) => line.trim() !== "");
  return { code: status ?? 1, stdout: stdout ?? "", stderr: errors.map(sanitize) };
}

/** @param {string[]} args */
function packageCommand(...args) {
  // Runs the version that the project has installed, and never downloads one.
  return ["--no-install", PACKAGE, ...args];
}

/** @param {string[]} lines the output of `npx` */
function isCommandMissing(lines) {
  return lines.some((line) =>
    /npx canceled|could not determine executable|\bE404\b|command not found|: not found|spawnSync npx ENOENT/i.test(
      line,
    ),
  );
}

/**
 * Runs `recover`, which checks that the state contains no foreign code. Before `up`, it also moves what a killed run created into the state, so
 * that `pulumi up` does not create it again.
 * @param {"up" | "drift"} command
 * @returns {Promise<number>} 0 if Pulumi can run
 */
async function recover(command) {
  const option = command === "up" ? "--yes" : "--check";
  // It only reads from authentik, including the event log, which the account of `up` need not.
  const strict = isEnabled("STRICT_STATE", false) ? ["--strict"] : [];
  const args = packageCommand("recover", option, ...strict, "--stack", stackName());
  const { code, lines } = await runLogged("npx", args, "recover");
  if (code === 0) return 0;
  const reason = isCommandMissing(lines)
    ? `The command ${PACKAGE} is not installed. Run \`npm ci\` first, and make sure that package.json depends on ${PACKAGE}.`
    : code === REJECTED_EXIT_CODE
      ? "It would have run code that someone has put into the state, with the credentials of this job."
      : command === "up"
        ? "It could create again what an interrupted run created. The output says why. Resolve that, and run this job again."
        : "The output says why.";
  console.error(`recover failed with exit code ${code}, so Pulumi was not run. ${reason}`);
  return code;
}

/**
 * Lists the invitations on the server that no stack declares.
 * @returns {Promise<Audit>}
 */
async function audit() {
  const stacks = [stackName(), ...auditStacks()].flatMap((stack) => ["--stack", stack]);
  const { code, stdout, stderr } = runCaptured("npx", packageCommand("audit", "--json", ...stacks), "drift");
  return await withoutWorkflowCommands(async () => {
    for (const line of stderr) console.log(line);
    const table = code === 0 || code === FOUND_EXIT_CODE ? toTable(stdout) : undefined;
    if (table !== undefined && table.length > 0 === (code === FOUND_EXIT_CODE)) {
      for (const line of table) console.log(line);
      return { table };
    }
    const reason = isCommandMissing(stderr)
      ? `The command ${PACKAGE} is not installed. Run \`npm ci\` first, and make sure that package.json depends on ${PACKAGE}.`
      : `audit failed with exit code ${code}. See the log.`;
    const failure = `Could not check for undeclared invitations. ${reason}`;
    console.log(`${failure} Set AUDIT=false to skip this check.`);
    return { failure };
  });
}

function auditStacks() {
  const stacks = (env["AUDIT_STACKS"] ?? "").split(/\s+/).filter((stack) => stack !== "");
  if (stacks.some((stack) => !STACK_PATTERN.test(stack))) {
    throw new Error(`AUDIT_STACKS must be stack names separated by spaces, each of which matches ${STACK_PATTERN}.`);
  }
  return stacks;
}

/**
 * @param {string} name
 * @param {boolean} byDefault
 */
function isEnabled(name, byDefault) {
  const value = env[name] || String(byDefault);
  if (value !== "true" && value !== "false") throw new Error(`${name} must be true or false.`);
  return value === "true";
}

/**
 * Formats the output of `audit --json` as the lines of a table. Names come from authentik, where anyone may have chosen them.
 * @param {string} json
 * @returns {string[] | undefined} undefined if it is not the output of `audit --json`
 */
function toTable(json) {
  /** @type {unknown} */
  let rows;
  try {
    rows = JSON.parse(json);
  } catch {
    return undefined;
  }
  if (!Array.isArray(rows)) return undefined;
  if (rows.length === 0) return [];
  const header = ["ID", "NAME", "FLOW", "EXPIRES", "CREATED BY", "CREATED", "STACK"];
  const cells = rows.map((row) =>
    [
      row?.id,
      row?.name,
      row?.flow ?? "any",
      row?.expires ?? "never",
      row?.createdBy ?? "",
      row?.created ?? "",
      row?.isPending ? `${row.stack ?? ""} (interrupted, run recover)` : (row?.stack ?? ""),
    ].map((value) => truncate(sanitize(String(value)), CELL_CHARACTERS)),
  );
  const table = [header, ...cells];
  const widths = header.map((_, column) => Math.max(...table.map((row) => (row[column] ?? "").length)));
  return table.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

function commonArgs() {
  return ["--stack", stackName(), "--suppress-progress", "--non-interactive", "--color", "never"];
}

function stackName() {
  return requireEnv("PULUMI_STACK", STACK_PATTERN);
}

/**
 * The environment for Pulumi, the program and the package's commands, which never includes the token that writes comments. Only `pulumi up` gets
 * authentik's write token, if there is another one.
 * @param {Command | "recover"} command
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
  let sanitized = stripVTControlCharacters(line).replace(/(?!\t)[\p{Cc}\p{Bidi_Control}]/gu, "");
  for (const pattern of secretPatterns) sanitized = sanitized.replace(pattern, "[redacted]");
  sanitized = sanitized
    .replace(/itoken(=|%3D)[0-9A-Za-z-]+/gi, "itoken$1[redacted]")
    .replace(/([a-z][a-z\d+.-]*:\/\/[^\s:/@]*:)[^\s/@]+@/gi, "$1[redacted]@");
  return sanitized.length > LINE_CHARACTERS ? `${truncate(sanitized, LINE_CHARACTERS)} […]` : sanitized;
}

/** Names of variables, and of parameters in URLs and connection strings, whose values are secret. */
const SECRET_NAME = /TOKEN|PASSPHRASE|PASSWORD|PASSWD|SECRET|CREDENTIAL|SIGNATURE|HEADERS|KEY|^PWD$|^SIG$/i;

const secretPatterns = findSecrets()
  .sort((a, b) => b.length - a.length)
  .flatMap(toPatterns);

/** The secrets in the environment: variables with such a name, and in any variable, the passwords in URLs and connection strings. */
function findSecrets() {
  const variables = Object.entries(env).flatMap(([name, value]) => (value ? [{ name, value }] : []));
  const whole = variables
    .filter(({ name }) => SECRET_NAME.test(name) && name !== "PWD")
    .flatMap(({ value }) => [value, ...findStrings(value)].flatMap((text) => [text, ...text.split(/[\r\n]+/)]))
    .filter((value) => value.length >= 6);
  const parts = variables.flatMap(({ value }) => [...findPasswords(value), ...findParameters(value)]);
  const secrets = [...whole, ...parts.filter((value) => value.length >= 4)].map((value) => value.trim());
  return [...new Set([...secrets, ...secrets.map(decode)])].filter((value) => value !== "");
}

/**
 * The password in each URL, or the user of a URL without one. Unencoded, a password can contain `@`, so each possible end counts.
 * @param {string} value
 */
function findPasswords(value) {
  return [...value.matchAll(/:\/\/(\S+)/g)].flatMap(([, rest = ""]) =>
    [...rest.matchAll(/@/g)].map(({ index }) => {
      const userInfo = rest.slice(0, index);
      return userInfo.slice(userInfo.indexOf(":") + 1);
    }),
  );
}

/**
 * The parameters with a secret name, as in `?sslpassword=…` or `;AccountKey=…`.
 * @param {string} value
 */
function findParameters(value) {
  return [...value.matchAll(/(?:^|[?&;,\s])([\w.-]+)=([^&;,\s]+)/g)].flatMap(([, name = "", parameter = ""]) =>
    SECRET_NAME.test(name) ? [parameter] : [],
  );
}

/**
 * The strings in a JSON value, such as the key of a service account.
 * @param {string} json
 */
function findStrings(json) {
  /** @type {string[]} */
  const strings = [];
  try {
    JSON.parse(json, (_key, value) => {
      if (typeof value === "string") strings.push(value);
    });
  } catch {
    // Not JSON.
  }
  return strings;
}

/** @param {string} value */
function decode(value) {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

/**
 * Matches a secret as it is, encoded for URLs or JSON as far as any encoder does, and in base64 at any position.
 * @param {string} secret
 */
function toPatterns(secret) {
  const characters = [...secret].map((character) => {
    const literal = character.replace(/[\\^$.*+?()[\]{}|/-]/, "\\$&");
    if (/[A-Za-z\d]/.test(character)) return literal;
    const bytes = [...Buffer.from(character)].map((byte) => byte.toString(16).padStart(2, "0"));
    const percent = bytes.map((byte) => `%${byte.replace(/[a-f]/g, (digit) => `[${digit}${digit.toUpperCase()}]`)}`);
    const unicode = character.charCodeAt(0).toString(16).padStart(4, "0");
    return `(?:\\\\?${literal}|${percent.join("")}|\\\\u${unicode}${character === " " ? "|\\+" : ""})`;
  });
  const whole = Buffer.from(secret).toString("base64").replace(/=+$/, "");
  const fragments = [whole, ...[0, 1, 2].map((offset) => toBase64Fragment(secret, offset))].filter(
    (part) => part.length >= 6,
  );
  const base64 = fragments.map((part) => part.replace(/\+/g, "[+-]").replace(/\//g, "[/_]"));
  return [new RegExp(characters.join(""), "g"), ...base64.map((part) => new RegExp(`${part}=*`, "g"))];
}

/**
 * The characters of base64 that do not depend on what surrounds the secret.
 * @param {string} secret
 * @param {number} offset bytes before the secret, modulo 3
 */
function toBase64Fragment(secret, offset) {
  const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(secret)]);
  const text = bytes.toString("base64").replace(/=+$/, "");
  return text.slice(offset === 0 ? 0 : offset + 1, bytes.length % 3 === 0 ? undefined : -1);
}

/**
 * Replaces half of a surrogate pair, which is not valid Unicode, with U+FFFD.
 * @param {string} string
 * @param {number} maxLength
 */
function truncate(string, maxLength) {
  return Buffer.from(string.slice(0, maxLength), "utf8").toString("utf8");
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
 * @param {Command} command
 * @returns {Host}
 */
function connectHost(command) {
  return env["GITLAB_CI"] === "true" ? gitLab(command) : gitHub(command);
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

function runLink(/** @type {Host} */ host) {
  const commit = /^[0-9a-f]+$/.test(env["COMMIT"] ?? "") ? ` for commit ${env["COMMIT"]}` : "";
  return `[Pipeline run](${host.runUrl()})${commit}`;
}

/**
 * @param {Result} result
 * @param {Host} host
 */
async function reportPreview({ code, lines }, host) {
  const stack = stackName();
  const marker = `<!-- pulumi-preview: ${stack} -->`;
  const title =
    code === 0
      ? `Pulumi preview for \`${stack}\`: ${summarize(lines)}`
      : `Pulumi preview for \`${stack}\` failed with exit code ${code}`;
  const body = formatBody(marker, title, [runLink(host)], lines);
  writeStepSummary(body);
  await host.upsertComment(marker, body);
}

/**
 * Reports the result of a preview that did not fail.
 * @param {Result} result
 * @param {Audit | undefined} audited undefined if it was skipped
 * @param {Host} host
 */
async function reportDrift({ code, lines }, audited, host) {
  const stack = stackName();
  const marker = `<!-- pulumi-drift: ${stack} -->`;
  const undeclared = audited?.failure === undefined ? (audited?.table ?? []) : [];
  const hasDrift = code === FOUND_EXIT_CODE;
  const hasUndeclared = undeclared.length > 0;
  if (!hasDrift && !hasUndeclared) {
    // An open issue may list undeclared invitations that a failed audit could not check.
    if (audited?.failure !== undefined) return;
    const result = audited ? "No drift and no undeclared invitations found." : "No drift found.";
    await host.closeIssue(marker, `${result} ${runLink(host)}`);
    return;
  }
  const title = !hasUndeclared
    ? `Drift detected in stack ${stack}`
    : hasDrift
      ? `Drift detected in stack ${stack}, and undeclared invitations`
      : `Undeclared invitations for stack ${stack}`;
  /** @type {string[]} */
  const paragraphs = [];
  if (hasDrift) {
    const warnings = findDriftWarnings(lines);
    if (warnings.length > 0) paragraphs.push(codeBlock(warnings, BODY_BYTES / 4));
    paragraphs.push("To revert these changes, run `pulumi up --refresh`. To keep them, update the program.");
  }
  if (hasUndeclared) {
    paragraphs.push("These invitations are valid in authentik, but no stack declares them:");
    paragraphs.push(codeBlock(undeclared, BODY_BYTES / 4));
    paragraphs.push(
      `To keep one, declare it with the resource option \`import\`. To delete them, run \`npx --no-install ${PACKAGE} audit --delete\` with the same \`--stack\` options.`,
    );
  }
  if (audited?.failure !== undefined) paragraphs.push(codeBlock([audited.failure], BODY_BYTES / 4));
  paragraphs.push("The next run that finds nothing closes this issue.", runLink(host));
  const body = formatBody(marker, title, paragraphs, lines);
  writeStepSummary(body);
  await host.upsertIssue(marker, title, body);
}

/**
 * Reads the results that another job wrote. That job ran a program, so the file may contain anything.
 * @param {string} file
 * @returns {{ result: Result, audited?: Audit }}
 */
function readReport(file) {
  if (statSync(file).size > REPORT_BYTES) throw new Error(`REPORT_FILE is larger than ${REPORT_BYTES} bytes.`);
  /** @type {unknown} */
  let report;
  try {
    report = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    // The message of a SyntaxError quotes the file.
    if (!(error instanceof SyntaxError)) throw error;
  }
  const { result, audited } = Object(report);
  const isFailure = typeof audited?.failure === "string";
  if (
    !Number.isSafeInteger(result?.code) ||
    !isLines(result.lines) ||
    !(!audited || isFailure || isLines(audited.table))
  ) {
    throw new Error("REPORT_FILE was not written by this script.");
  }
  const cleanResult = { code: Number(result.code), lines: result.lines.map(sanitize) };
  if (!audited) return { result: cleanResult };
  const cleanAudit = isFailure ? { failure: sanitize(audited.failure) } : { table: audited.table.map(sanitize) };
  return { result: cleanResult, audited: cleanAudit };
}

/** @param {unknown} value */
function isLines(value) {
  return Array.isArray(value) && value.every((line) => typeof line === "string");
}

/** @param {string} body */
function writeStepSummary(body) {
  if (env["GITHUB_STEP_SUMMARY"]) appendFileSync(env["GITHUB_STEP_SUMMARY"], `${body}\n`);
}

/**
 * @param {string[]} args
 * @returns {{ command: Command, isReport: boolean }}
 */
function parseArguments([first, second, ...others]) {
  const isReport = first === "report";
  const command = isReport ? second : first;
  const isComplete = others.length === 0 && (isReport || second === undefined);
  if (isComplete && (command === "preview" || command === "drift")) return { command, isReport };
  if (isComplete && command === "up" && !isReport) return { command, isReport };
  throw new Error("Usage: node ci/pulumi-gitops.mjs preview|up|drift|report preview|report drift");
}

/**
 * @param {Command} command
 * @param {{ result: Result, audited?: Audit }} report
 * @param {Host} host
 */
async function publish(command, { result, audited }, host) {
  if (command === "preview") await reportPreview(result, host);
  else await reportDrift(result, audited, host);
}

async function main() {
  const { command, isReport } = parseArguments(process.argv.slice(2));
  // Missing and invalid settings fail here, before Pulumi runs.
  stackName();
  if (command === "up") {
    process.exitCode = (await recover(command)) || (await runPulumi(command)).code;
    return;
  }
  const reportFile = env["REPORT_FILE"];
  const host = isReport || !reportFile ? connectHost(command) : undefined;
  if (isReport && host) {
    await publish(command, readReport(requireEnv("REPORT_FILE", /./)), host);
    return;
  }
  const isAudited = command === "drift" && isEnabled("AUDIT", true) && Boolean(auditStacks());
  if (command === "drift") {
    process.exitCode = await recover(command);
    if (process.exitCode !== 0) return;
  }
  const result = await runPulumi(command);
  process.exitCode = result.code;
  if (command === "drift" && result.code !== 0 && result.code !== FOUND_EXIT_CODE) return;
  const audited = isAudited ? await audit() : undefined;
  if (audited?.failure !== undefined) process.exitCode = 1;
  else if (audited && audited.table.length > 0) process.exitCode = FOUND_EXIT_CODE;
  const report = audited ? { result, audited } : { result };
  if (host) await publish(command, report, host);
  else writeFileSync(requireEnv("REPORT_FILE", /./), JSON.stringify(report));
}

main().catch((error) => {
  console.error(sanitize(error instanceof Error ? error.message : String(error)));
  process.exitCode ||= 1;
  // What could not be reported must fail the pipeline.
  if (process.exitCode === FOUND_EXIT_CODE) process.exitCode = 1;
});
