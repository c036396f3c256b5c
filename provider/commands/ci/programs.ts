import { spawn, spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { UserError } from "../../lifecycle/user-error";
import { messageOf } from "../command";
import { redactLine } from "./redact";

/** The token of whoever can change authentik, for `pulumi up`, or that of whoever can only read it, if there is another one. */
type Access = "read" | "write";

/** The variables of the tokens that write comments. */
const forgeToken = /^((GH|GITHUB)(_ENTERPRISE)?|GITLAB|GITEA|FORGEJO)_TOKEN$/;

/** Runs a program, and logs its output, redacted. Returns its exit code. */
export async function runLogged([program = "", ...args]: readonly string[], access: Access): Promise<number> {
  const child = spawn(program, args, { env: environment(access), stdio: ["ignore", "pipe", "pipe"] });
  const closed = once(child, "close").catch((error: unknown) => {
    throw new UserError(`Cannot run \`${program}\`: ${messageOf(error)}`);
  });
  return await withoutWorkflowCommands(async () => {
    const streams = [child.stdout, child.stderr].map(async (stream) => {
      for await (const line of createInterface({ input: stream })) print(redactLine(line));
    });
    await Promise.all([closed, ...streams]);
    return child.exitCode ?? 1;
  });
}

/** Runs a program without logging its standard output, which may contain anything. */
export function runCaptured([program = "", ...args]: readonly string[], access: Access) {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    env: environment(access),
    stdio: ["ignore", "pipe", "pipe"],
    encoding: "utf8",
    maxBuffer: 1024 * 1024 * 1024,
  });
  const errors = `${stderr ?? ""}\n${error?.message ?? ""}`.split("\n").filter((line) => line.trim() !== "");
  return { code: status ?? 1, stdout: stdout ?? "", stderr: errors.map(redactLine) };
}

/** Another command of this package, in the same version. */
export function packageCommand(...args: readonly string[]): string[] {
  return [process.execPath, process.argv[1] ?? "", ...args];
}

export async function printLines(lines: readonly string[]): Promise<void> {
  await withoutWorkflowCommands(async () => lines.forEach(print));
}

/** Keeps the runners of GitHub, Gitea and Forgejo from executing workflow commands in what `run` prints. */
async function withoutWorkflowCommands<T>(run: () => Promise<T>): Promise<T> {
  const resumeToken = process.env["GITHUB_ACTIONS"] === "true" ? randomUUID() : undefined;
  if (resumeToken) print(`::stop-commands::${resumeToken}`);
  try {
    return await run();
  } finally {
    if (resumeToken) print(`::${resumeToken}::`);
  }
}

let logStream: NodeJS.WritableStream = process.stdout;

/** Logs to standard error, because the report goes to standard output. */
export function logToStandardError(): void {
  logStream = process.stderr;
}

function print(line: string): void {
  logStream.write(`${line}\n`);
}

/**
 * The environment for Pulumi, the program and the package's commands, which never includes the token that writes comments. Only `pulumi up` gets
 * authentik's write token, if there is another one.
 */
function environment(access: Access): NodeJS.ProcessEnv {
  const {
    AUTHENTIK_READ_TOKEN: readToken,
    // With this variable, the output of `pulumi preview --json` would contain secrets.
    PULUMI_ENABLE_STREAMING_JSON_PREVIEW: _,
    ...others
  } = process.env;
  const visible = Object.entries(others).filter(([name]) => !forgeToken.test(name));
  const token = readToken && access === "read" ? { AUTHENTIK_TOKEN: readToken } : {};
  return { ...Object.fromEntries(visible), ...token, PULUMI_SKIP_UPDATE_CHECK: "1" };
}
