/** Finding other programs on a PATH, and running them. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { delimiter, isAbsolute, join } from "node:path";

export type Env = NodeJS.ProcessEnv;

const windows = process.platform === "win32";

/** The folders of the PATH. Relative ones are left out: what they mean changes with the working directory. */
export function pathFolders(env: Env): string[] {
  // Windows writes it `Path`, and a copy of process.env no longer forgives that.
  const name = Object.keys(env).find((key) => key.toUpperCase() === "PATH");
  return (name === undefined ? "" : (env[name] ?? "")).split(delimiter).filter((folder) => isAbsolute(folder));
}

/** Every program of that name in these folders, in their order. */
export async function findPrograms(name: string, folders: string[]): Promise<string[]> {
  const candidates = folders.map((folder) => join(folder, windows ? `${name}.exe` : name));
  const there = await Promise.all(candidates.map(isProgram));
  return candidates.filter((_, index) => there[index]);
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
  /** After this time the program is ended. */
  seconds: number;
  /** Run it as the head of a process group, so that whatever it started ends with it. */
  group?: boolean;
}

export interface Outcome {
  /** Exit status 0. */
  ok: boolean;
  stdout: string;
  /** What to tell somebody about a failure: what it said itself, or else how it ended. */
  complaint: string;
}

/** Runs a program to its end. Its standard input stays open for as long as this process lives. */
export async function run(command: string, args: string[], options: RunOptions): Promise<Outcome> {
  const { env, cwd, seconds, group = false } = options;
  const detached = group && !windows;
  let child: ChildProcessWithoutNullStreams;
  try {
    child = spawn(command, args, { env, cwd, detached, windowsHide: true });
  } catch (error) {
    return { ok: false, stdout: "", complaint: String(error) };
  }

  let stdout = "";
  let stderr = "";
  let expired = false;
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  // A program that never reads its input may close it, which is no concern of ours.
  child.stdin.on("error", () => {});

  const limit = setTimeout(() => {
    expired = true;
    child.kill("SIGKILL");
    if (detached && child.pid !== undefined) {
      killGroup(child.pid);
    }
    // What it started may live on and keep these open, and "close" would wait for that.
    child.stdout.destroy();
    child.stderr.destroy();
  }, seconds * 1000);

  return await new Promise((resolve) => {
    const end = (ok: boolean, ending: string) => {
      clearTimeout(limit);
      const complaint = expired ? `it was not done after ${seconds} s` : stderr.trim() || ending;
      resolve({ ok: ok && !expired, stdout, complaint });
    };
    child.on("error", (error) => end(false, error.message));
    child.on("close", (code, signal) =>
      end(code === 0, signal ? `it was ended by ${signal}` : `it ended with status ${code}`),
    );
  });
}

function killGroup(leader: number): void {
  try {
    process.kill(-leader, "SIGKILL");
  } catch {
    // All of it has ended already.
  }
}
