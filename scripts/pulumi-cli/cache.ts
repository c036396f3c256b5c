/**
 * Stores programs that were downloaded or built, outside the work tree. An entry is a folder that is filled under a temporary
 * name and then renamed, so a killed run never leaves an incomplete entry. The lock only avoids duplicate work: if two runs
 * ever hold it, both create the entry, and the first rename wins.
 */
import { randomBytes } from "node:crypto";
import { constants, existsSync } from "node:fs";
import { access, lstat, mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { basename, dirname, isAbsolute, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Env } from "./programs";

const FOLDER_NAME = "pulumi-authentik-invitations";
/** Lists the programs of an entry and their sizes. Written last. */
const MANIFEST = "complete.json";
const HEARTBEAT_MS = 1_000;
/** A lock without a heartbeat for this long belongs to a run that has ended, on this or another machine. */
const STALE_MS = 15_000;
const ABANDONED_MS = 60 * 60_000;

/** Creates and returns the cache folder: in the user's cache, or in the temporary folder if that is not possible. */
export async function ensureCacheFolder(env: Env): Promise<string> {
  for (const base of listUserCaches(env)) {
    const folder = join(base, FOLDER_NAME);
    if (await ensureWritable(folder)) {
      return folder;
    }
  }
  const uid = process.getuid?.();
  const folder = join(tmpdir(), uid === undefined ? FOLDER_NAME : `${FOLDER_NAME}-${uid}`);
  // Other users can write to the temporary folder, so a folder that another user has created there is not used.
  if ((await ensureWritable(folder)) && (await isOwnFolder(folder, uid))) {
    return folder;
  }
  throw new Error(
    `No usable cache folder: ${folder} is not writable or belongs to another user. Set XDG_CACHE_HOME to a writable folder.`,
  );
}

/** Whether a writable home folder exists. */
export async function hasWritableHome(env: Env): Promise<boolean> {
  const home = findHome(env);
  return home !== undefined && (await isWritable(home));
}

/** The home folder, if it exists. A missing one is never created. */
function findHome(env: Env): string | undefined {
  const home = env[process.platform === "win32" ? "USERPROFILE" : "HOME"];
  return home && existsSync(home) ? home : undefined;
}

function listUserCaches(env: Env): string[] {
  const home = findHome(env);
  const configured = process.platform === "win32" ? env["LOCALAPPDATA"] : env["XDG_CACHE_HOME"];
  const standard = home && join(home, process.platform === "darwin" ? "Library/Caches" : ".cache");
  return [configured, standard].filter((folder): folder is string => folder !== undefined && isAbsolute(folder));
}

/** Creates the folder if it does not exist, and returns whether it is writable. */
async function ensureWritable(folder: string): Promise<boolean> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return await isWritable(folder);
  } catch {
    return false;
  }
}

async function isWritable(folder: string): Promise<boolean> {
  try {
    await access(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

async function isOwnFolder(folder: string, uid: number | undefined): Promise<boolean> {
  const stats = await lstat(folder);
  return stats.isDirectory() && (uid === undefined || stats.uid === uid);
}

/** Whether the entry contains every program of its manifest, in full size. */
export async function isComplete(entry: string): Promise<boolean> {
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

/** Creates an entry. `fill` writes the programs to the subfolder `bin`. */
export async function createEntry(entry: string, fill: (folder: string) => Promise<void>): Promise<void> {
  await removeAbandoned(entry);
  const folder = createSiblingPath(entry, "tmp");
  try {
    await mkdir(join(folder, "bin"), { recursive: true });
    await fill(folder);
    const sizes: Record<string, number> = {};
    for (const name of await readdir(join(folder, "bin"))) {
      sizes[name] = (await stat(join(folder, "bin", name))).size;
    }
    await writeFile(join(folder, MANIFEST), JSON.stringify(sizes));
    await rename(folder, entry).catch(async (error: unknown) => {
      // Another run has created an equal entry first.
      if (!(await isComplete(entry))) {
        throw error;
      }
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Deletes an entry. Renames it first, so that no other run sees an incomplete one. */
export async function deleteEntry(entry: string): Promise<void> {
  const renamed = createSiblingPath(entry, "old");
  try {
    await rename(entry, renamed);
  } catch (error) {
    if (getErrorCode(error) === "ENOENT") {
      return;
    }
    throw error;
  }
  await rm(renamed, { recursive: true, force: true });
}

function createSiblingPath(entry: string, purpose: string): string {
  return `${entry}.${purpose}-${process.pid}-${randomBytes(4).toString("hex")}`;
}

/** Deletes old temporary folders of this entry that killed runs left behind. Recent ones may still be in use. */
async function removeAbandoned(entry: string): Promise<void> {
  for (const name of await readdir(dirname(entry))) {
    const path = join(dirname(entry), name);
    if (name.startsWith(`${basename(entry)}.`) && (await getAge(path)) > ABANDONED_MS) {
      await rm(path, { recursive: true, force: true });
    }
  }
}

/** Runs `work` while holding the lock. Calls `onWait` once if another process holds it. */
export async function withLock<T>(lock: string, onWait: () => void, work: () => Promise<T>): Promise<T> {
  for (let isWaiting = false; !(await acquireLock(lock)); ) {
    if (await isHeld(lock)) {
      if (!isWaiting) {
        onWait();
        isWaiting = true;
      }
      await sleep(200);
    } else {
      await rm(lock, { force: true });
    }
  }
  const heartbeat = setInterval(() => {
    const now = new Date();
    // Another run may have taken over the lock, for example after this machine was suspended. Nothing depends on it.
    utimes(lock, now, now).catch(() => {});
  }, HEARTBEAT_MS);
  try {
    return await work();
  } finally {
    clearInterval(heartbeat);
    await rm(lock, { force: true });
  }
}

async function acquireLock(lock: string): Promise<boolean> {
  try {
    await writeFile(lock, `${hostname()} ${process.pid}`, { flag: "wx" });
    return true;
  } catch (error) {
    if (getErrorCode(error) === "EEXIST") {
      return false;
    }
    throw error;
  }
}

async function isHeld(lock: string): Promise<boolean> {
  if ((await getAge(lock)) > STALE_MS) {
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
    // EPERM means that the process runs as another user.
    return getErrorCode(error) !== "ESRCH";
  }
}

async function getAge(path: string): Promise<number> {
  try {
    return Math.abs(Date.now() - (await stat(path)).mtimeMs);
  } catch {
    return 0;
  }
}

/** Does not use `instanceof`, because errors of Node's built-in modules have a different `Error` class in jest. */
function getErrorCode(error: unknown): unknown {
  return typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
}
