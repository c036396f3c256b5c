/**
 * Stores programs that were downloaded or built, outside the work tree. An entry is a folder that is filled under a temporary
 * name and then renamed, so a killed run never leaves an incomplete entry. The lock only avoids duplicate work: if two runs
 * ever hold it, both create the entry, and the first rename wins.
 */
import { randomBytes } from "node:crypto";
import { constants, existsSync } from "node:fs";
import { access, lstat, mkdir, readdir, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, isAbsolute, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Env } from "./programs";

const FOLDER_NAME = "pulumi-authentik-invitations";
const HEARTBEAT_MS = 1_000;
/** A lock without a heartbeat for this long belongs to a run that has ended, on this or another machine. */
const STALE_MS = 10_000;
const ABANDONED_MS = 60 * 60_000;

/** Creates and returns the cache folder: in the user's cache, or in the temporary folder if that is not possible. */
export async function ensureCacheFolder(env: Env): Promise<string> {
  for (const base of listUserCaches(env)) {
    const folder = join(base, FOLDER_NAME);
    if (await ensureWritable(folder)) return folder;
  }
  const uid = process.getuid?.();
  const folder = join(tmpdir(), uid === undefined ? FOLDER_NAME : `${FOLDER_NAME}-${uid}`);
  // Other users can write to the temporary folder, so a folder that another user has created there is not used.
  if ((await ensureWritable(folder)) && (await isOwnFolder(folder, uid))) return folder;
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
  await mkdir(folder, { recursive: true, mode: 0o700 }).catch(() => {});
  return await isWritable(folder);
}

async function isWritable(folder: string): Promise<boolean> {
  return await access(folder, constants.W_OK).then(
    () => true,
    () => false,
  );
}

async function isOwnFolder(folder: string, uid: number | undefined): Promise<boolean> {
  const stats = await lstat(folder);
  return stats.isDirectory() && (uid === undefined || stats.uid === uid);
}

export function isComplete(entry: string): boolean {
  return existsSync(join(entry, "bin"));
}

/** Creates an entry, and replaces an existing one. `fill` writes the programs to the subfolder `bin`. */
export async function createEntry(entry: string, fill: (folder: string) => Promise<void>): Promise<void> {
  await removeAbandoned(entry);
  const folder = createSiblingPath(entry);
  const replaced = createSiblingPath(entry);
  try {
    await mkdir(join(folder, "bin"), { recursive: true });
    await fill(folder);
    // First out of the way, so that no other run sees an incomplete one.
    if (existsSync(entry)) await rename(entry, replaced);
    await rename(folder, entry).catch((error: unknown) => {
      // Another run has created an equal entry first.
      if (!isComplete(entry)) throw error;
    });
  } finally {
    await Promise.all([folder, replaced].map((path) => rm(path, { recursive: true, force: true })));
  }
}

function createSiblingPath(entry: string): string {
  return `${entry}.tmp-${process.pid}-${randomBytes(4).toString("hex")}`;
}

/** Deletes old temporary folders of this entry that killed runs left behind. Recent ones may still be in use. */
async function removeAbandoned(entry: string): Promise<void> {
  for (const name of await readdir(dirname(entry))) {
    const path = join(dirname(entry), name);
    if (name.startsWith(`${basename(entry)}.tmp-`) && (await getAge(path)) > ABANDONED_MS)
      await rm(path, { recursive: true, force: true });
  }
}

/** Creates an entry unless it exists. Calls `onWait` once if another process is creating it. */
export async function ensureEntry(
  entry: string,
  fill: (folder: string) => Promise<void>,
  onWait = (): void => {},
): Promise<void> {
  await withLock(entry, onWait, async () => {
    if (!isComplete(entry)) await createEntry(entry, fill);
  });
}

/** Runs `work` while holding the lock of an entry. Calls `onWait` once if another process holds it. */
export async function withLock<T>(entry: string, onWait: () => void, work: () => Promise<T>): Promise<T> {
  const lock = `${entry}.lock`;
  let isWaiting = false;
  while (!(await acquireLock(lock))) {
    if (!isWaiting) onWait();
    isWaiting = true;
    if ((await getAge(lock)) > STALE_MS) await rm(lock, { force: true });
    else await sleep(200);
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
    await writeFile(lock, "", { flag: "wx" });
    return true;
  } catch (error) {
    // Does not use `instanceof`, because errors of Node's built-in modules have a different `Error` class in jest.
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

async function getAge(path: string): Promise<number> {
  return await stat(path).then(
    ({ mtimeMs }) => Math.abs(Date.now() - mtimeMs),
    () => 0,
  );
}
