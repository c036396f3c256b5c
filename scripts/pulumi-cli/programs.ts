/** Finds and runs other programs. */
import { type ExecFileException, execFile } from "node:child_process";
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
}

export interface ProgramResult {
  /** Whether the program exited with code 0 in time. */
  ok: boolean;
  stdout: string;
  /** The reason for a failure: what the program wrote to standard error, or else how it ended. */
  failureReason: string;
}

/** Runs a program until it ends. */
export async function runProgram(command: string, args: string[], options: RunOptions): Promise<ProgramResult> {
  const { env, cwd, seconds } = options;
  const limits = { timeout: seconds * 1000, killSignal: "SIGKILL", maxBuffer: Number.POSITIVE_INFINITY } as const;
  return await new Promise((resolve) => {
    const fail = (failureReason: string, stdout = "") => resolve({ ok: false, stdout, failureReason });
    try {
      execFile(command, args, { env, cwd, windowsHide: true, ...limits }, (error, stdout, stderr) => {
        if (error === null) resolve({ ok: true, stdout, failureReason: "" });
        else if (error.killed) fail(`timed out after ${seconds} s`, stdout);
        else fail(stderr.trim() || describeEnd(error), stdout);
      });
    } catch (error) {
      // A file that this machine cannot execute.
      fail(String(error));
    }
  });
}

function describeEnd({ signal, code, message }: ExecFileException): string {
  if (signal) return `terminated by ${signal}`;
  return typeof code === "number" ? `exited with code ${code}` : message;
}
