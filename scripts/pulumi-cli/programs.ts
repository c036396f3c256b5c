/** Finds and runs other programs. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { delimiter, isAbsolute, join } from "node:path";

export type Env = NodeJS.ProcessEnv;

const isWindows = process.platform === "win32";

/** The folders of the PATH. Relative ones are omitted, because they depend on the working directory. */
export function getPathFolders(env: Env): string[] {
  // Windows spells it `Path`, and a copy of process.env is case-sensitive.
  const name = Object.keys(env).find((key) => key.toUpperCase() === "PATH");
  return (name === undefined ? "" : (env[name] ?? "")).split(delimiter).filter((folder) => isAbsolute(folder));
}

/** Paths of all programs with this name, in the order of the folders. */
export async function findPrograms(name: string, folders: string[]): Promise<string[]> {
  const candidates = folders.map((folder) => join(folder, isWindows ? `${name}.exe` : name));
  const results = await Promise.all(candidates.map(isProgram));
  return candidates.filter((_, index) => results[index]);
}

async function isProgram(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return (await stat(file)).isFile();
  } catch {
    return false;
  }
}

export interface RunOptions {
  env: Env;
  cwd?: string;
  /** Timeout, after which the program is killed. */
  seconds: number;
  /** Run the program in its own process group, so that its child processes are killed with it. */
  group?: boolean;
}

export interface ProgramResult {
  /** Whether the program exited with code 0 in time. */
  ok: boolean;
  stdout: string;
  /** The reason for a failure: what the program wrote to standard error, or else how it ended. */
  failureReason: string;
}

/** Runs a program until it ends. Its standard input stays open as long as this process runs. */
export async function runProgram(command: string, args: string[], options: RunOptions): Promise<ProgramResult> {
  const { env, cwd, seconds, group = false } = options;
  const detached = group && !isWindows;
  let child: ChildProcessWithoutNullStreams;
  try {
    child = spawn(command, args, { env, cwd, detached, windowsHide: true });
  } catch (error) {
    return { ok: false, stdout: "", failureReason: String(error) };
  }

  let stdout = "";
  let stderr = "";
  let hasTimedOut = false;
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    stdout += chunk;
  });
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    stderr += chunk;
  });
  // A program that does not read its input may close it.
  child.stdin.on("error", () => {});

  const timer = setTimeout(() => {
    hasTimedOut = true;
    child.kill("SIGKILL");
    if (detached && child.pid !== undefined) killGroup(child.pid);
    // Child processes may keep these open, which would delay "close".
    child.stdout.destroy();
    child.stderr.destroy();
  }, seconds * 1000);

  return await new Promise((resolve) => {
    const finish = (ok: boolean, reason: string) => {
      clearTimeout(timer);
      const failureReason = hasTimedOut ? `timed out after ${seconds} s` : stderr.trim() || reason;
      resolve({ ok: ok && !hasTimedOut, stdout, failureReason });
    };
    child.on("error", (error) => finish(false, error.message));
    child.on("close", (code, signal) =>
      finish(code === 0, signal ? `terminated by ${signal}` : `exited with code ${code}`),
    );
  });
}

function killGroup(leader: number): void {
  try {
    process.kill(-leader, "SIGKILL");
  } catch {
    // The group has already ended.
  }
}
