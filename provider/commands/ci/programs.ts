import { spawn, spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { createInterface } from "node:readline";
import { UserError } from "../../lifecycle/user-error";
import { redactLine } from "./redact";

/** The token of whoever can change authentik, for `pulumi up`, or that of whoever can only read it, if there is another one. */
export type Access = "read" | "write";

export interface Result {
  readonly code: number;
  readonly lines: readonly string[];
}

/** The variables of the tokens that write comments. */
const forgeTokens = [
  "GH_TOKEN",
  "GITHUB_TOKEN",
  "GH_ENTERPRISE_TOKEN",
  "GITHUB_ENTERPRISE_TOKEN",
  "GITLAB_TOKEN",
  "GITEA_TOKEN",
  "FORGEJO_TOKEN",
];

/** Runs a program, and logs and returns its output, redacted. */
export async function runLogged(program: string, args: readonly string[], access: Access): Promise<Result> {
  const child = spawn(program, args, { env: environment(access), stdio: ["ignore", "pipe", "pipe"] });
  const lines: string[] = [];
  const exited = new Promise<number>((resolve, reject) => {
    child.on("error", ({ message }) => reject(new UserError(`Cannot run \`${program}\`: ${message}`)));
    child.on("close", (code) => resolve(code ?? 1));
  });
  return await withoutWorkflowCommands(async () => {
    const streams = [child.stdout, child.stderr].map(async (stream) => {
      for await (const rawLine of createInterface({ input: stream })) {
        const line = redactLine(rawLine);
        lines.push(line);
        print(line);
      }
    });
    const [code] = await Promise.all([exited, ...streams]);
    return { code, lines };
  });
}

/** Runs a program without logging its standard output, which may contain anything. */
export function runCaptured(
  program: string,
  args: readonly string[],
  access: Access,
): { code: number; stdout: string; stderr: string[] } {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    env: environment(access),
    stdio: ["ignore", "pipe", "pipe"],
    encoding: "utf8",
    maxBuffer: 1024 * 1024 * 1024,
  });
  const errors = `${stderr ?? ""}\n${error?.message ?? ""}`.split("\n").filter((line) => line.trim() !== "");
  return { code: status ?? 1, stdout: stdout ?? "", stderr: errors.map(redactLine) };
}

/** The arguments for Node.js that run another command of this package, in the same version. */
export function packageCommand(...args: readonly string[]): string[] {
  return [process.argv[1] ?? "", ...args];
}

/** Keeps the runners of GitHub, Gitea and Forgejo from executing workflow commands in what `log` prints. */
export async function withoutWorkflowCommands<T>(log: () => Promise<T> | T): Promise<T> {
  const resumeToken = process.env["GITHUB_ACTIONS"] === "true" ? randomUUID() : undefined;
  if (resumeToken) print(`::stop-commands::${resumeToken}`);
  try {
    return await log();
  } finally {
    if (resumeToken) print(`::${resumeToken}::`);
  }
}

let logStream: NodeJS.WritableStream = process.stdout;

/** Logs to standard error, because the report goes to standard output. */
export function logToStandardError(): void {
  logStream = process.stderr;
}

export function print(line: string): void {
  logStream.write(`${line}\n`);
}

/**
 * The environment for Pulumi, the program and the package's commands, which never includes the token that writes comments. Only `pulumi up` gets
 * authentik's write token, if there is another one.
 */
function environment(access: Access): NodeJS.ProcessEnv {
  const { AUTHENTIK_READ_TOKEN: readToken, ...rest } = process.env;
  for (const name of forgeTokens) delete rest[name];
  const token = readToken && access === "read" ? { AUTHENTIK_TOKEN: readToken } : {};
  // With this variable, the output of `pulumi preview --json` would contain secrets.
  delete rest["PULUMI_ENABLE_STREAMING_JSON_PREVIEW"];
  return { ...rest, ...token, PULUMI_SKIP_UPDATE_CHECK: "1" };
}
