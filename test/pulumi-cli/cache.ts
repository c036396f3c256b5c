/**
 * Where a Pulumi that we had to fetch or build is kept, outside the work tree. An entry is a folder that appears
 * whole, by a rename: what a killed run leaves behind has another name. The lock only saves work; were it ever
 * taken over wrongly, the same thing would be made twice, and the first to be renamed would stay.
 */
import { randomBytes } from "node:crypto";
import { constants, existsSync } from "node:fs";
import { access, lstat, mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { basename, dirname, isAbsolute, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Env } from "./programs";

const PROJECT = "pulumi-authentik-invitations";
/** Written last into an entry: its programs and their sizes. */
const MANIFEST = "complete.json";
const BEAT_MS = 1_000;
/** A lock that nobody touched for so long belongs to a run that has ended, wherever that ran. */
const STALE_MS = 15_000;
const ABANDONED_MS = 60 * 60_000;

/** The folder for our entries: in the user's cache, or in the folder for temporary files where there is no such place. */
export async function cacheFolder(env: Env): Promise<string> {
  for (const base of userCaches(env)) {
    const folder = join(base, PROJECT);
    if (await canMake(folder)) {
      return folder;
    }
  }
  const uid = process.getuid?.();
  const folder = join(tmpdir(), uid === undefined ? PROJECT : `${PROJECT}-${uid}`);
  // Others can write to that place too, so a folder that somebody else has made there is not used.
  if ((await canMake(folder)) && (await isOwn(folder, uid))) {
    return folder;
  }
  throw new Error(
    `There is no place to keep a Pulumi CLI: ${folder} is not ours to write. Set XDG_CACHE_HOME to a folder that is.`,
  );
}

/** Whether there is a home folder that can be written. */
export async function hasHome(env: Env): Promise<boolean> {
  const home = homeOf(env);
  return home !== undefined && (await mayWrite(home));
}

/** The home folder, if it exists: it may be named and not be there, and is not ours to make then. */
function homeOf(env: Env): string | undefined {
  const home = env[process.platform === "win32" ? "USERPROFILE" : "HOME"];
  return home && existsSync(home) ? home : undefined;
}

function userCaches(env: Env): string[] {
  const home = homeOf(env);
  const own = process.platform === "win32" ? env["LOCALAPPDATA"] : env["XDG_CACHE_HOME"];
  const usual = home && join(home, process.platform === "darwin" ? "Library/Caches" : ".cache");
  return [own, usual].filter((folder): folder is string => folder !== undefined && isAbsolute(folder));
}

/** Makes the folder where it is not there. */
async function canMake(folder: string): Promise<boolean> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return await mayWrite(folder);
  } catch {
    return false;
  }
}

async function mayWrite(folder: string): Promise<boolean> {
  try {
    await access(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

async function isOwn(folder: string, uid: number | undefined): Promise<boolean> {
  const found = await lstat(folder);
  return found.isDirectory() && (uid === undefined || found.uid === uid);
}

/** Whether this entry is whole: every program that was put into it is there, at its full size. */
export async function isWhole(entry: string): Promise<boolean> {
  try {
    const sizes: unknown = JSON.parse(await readFile(join(entry, MANIFEST), "utf8"));
    if (typeof sizes !== "object" || sizes === null) {
      return false;
    }
    for (const [name, size] of Object.entries(sizes)) {
      if ((await stat(join(entry, "bin", name))).size !== size) {
        return false;
      }
    }
    return true;
  } catch {
    return false;
  }
}

/** Fills a new folder with `fill` (programs go into its `bin`), and puts it where `entry` says. */
export async function makeEntry(entry: string, fill: (folder: string) => Promise<void>): Promise<void> {
  await removeAbandoned(entry);
  const folder = besides(entry, "tmp");
  try {
    await mkdir(join(folder, "bin"), { recursive: true });
    await fill(folder);
    const sizes: Record<string, number> = {};
    for (const name of await readdir(join(folder, "bin"))) {
      sizes[name] = (await stat(join(folder, "bin", name))).size;
    }
    await writeFile(join(folder, MANIFEST), JSON.stringify(sizes));
    await rename(folder, entry).catch(async (error: unknown) => {
      // Another run was first: its entry is as good as ours.
      if (!(await isWhole(entry))) {
        throw error;
      }
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Takes an entry away in one step, so that nobody meets a half of it. */
export async function discard(entry: string): Promise<void> {
  const aside = besides(entry, "old");
  try {
    await rename(entry, aside);
  } catch (error) {
    if (codeOf(error) === "ENOENT") {
      return;
    }
    throw error;
  }
  await rm(aside, { recursive: true, force: true });
}

function besides(entry: string, what: string): string {
  return `${entry}.${what}-${process.pid}-${randomBytes(4).toString("hex")}`;
}

/** What killed runs left beside this entry long ago. Never what is young: that may be at work. */
async function removeAbandoned(entry: string): Promise<void> {
  for (const name of await readdir(dirname(entry))) {
    const path = join(dirname(entry), name);
    if (name.startsWith(`${basename(entry)}.`) && (await ageOf(path)) > ABANDONED_MS) {
      await rm(path, { recursive: true, force: true });
    }
  }
}

/** Does `work` while no other process that asks for this lock is at it. `waiting` is called once, where one is. */
export async function withLock<T>(lock: string, waiting: () => void, work: () => Promise<T>): Promise<T> {
  for (let told = false; !(await takeLock(lock)); ) {
    if (await isHeld(lock)) {
      if (!told) {
        waiting();
        told = true;
      }
      await sleep(200);
    } else {
      await rm(lock, { force: true });
    }
  }
  const beat = setInterval(() => {
    const now = new Date();
    // The lock may have been taken over from us, after this machine slept, say; nothing depends on it.
    utimes(lock, now, now).catch(() => {});
  }, BEAT_MS);
  try {
    return await work();
  } finally {
    clearInterval(beat);
    await rm(lock, { force: true });
  }
}

async function takeLock(lock: string): Promise<boolean> {
  try {
    await writeFile(lock, `${hostname()} ${process.pid}`, { flag: "wx" });
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") {
      return false;
    }
    throw error;
  }
}

async function isHeld(lock: string): Promise<boolean> {
  if ((await ageOf(lock)) > STALE_MS) {
    return false;
  }
  const [host, pid] = (await readFile(lock, "utf8").catch(() => "")).split(" ");
  if (host !== hostname() || pid === undefined) {
    return true;
  }
  try {
    process.kill(Number(pid), 0);
    return true;
  } catch (error) {
    // EPERM: it lives, and belongs to somebody else.
    return codeOf(error) !== "ESRCH";
  }
}

async function ageOf(path: string): Promise<number> {
  try {
    return Math.abs(Date.now() - (await stat(path)).mtimeMs);
  } catch {
    return 0;
  }
}

/** Not by `instanceof`: under jest, errors of Node's own modules are of another `Error`. */
function codeOf(error: unknown): unknown {
  return typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
}
