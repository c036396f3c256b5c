import { readdir, readFile, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import * as z from "zod";
import { parseJsonAs } from "../command";
import { PulumiError, runPulumi } from "../pulumi";
import { confirm, warn } from "../terminal";

const identity = z.object({ url: z.string() });

/**
 * Runs a command, and again after it failed because of a damaged file and the file was removed. Pulumi writes a file `….attrs` next to each file
 * in a backend in a folder. A killed run may leave it empty, and then no command can read the stack. Without it, all can.
 */
export async function withReadableBackend<T>(
  run: () => Promise<T>,
  { isDryRun, isConfirmed }: { readonly isDryRun: boolean; readonly isConfirmed: boolean },
): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof PulumiError)) throw error;
    const damaged = await findDamagedAttributes().catch(() => []);
    if (damaged.length === 0) throw error;
    for (const file of damaged) warn(`${file} is damaged: an interrupted run left it behind.`);
    if (isDryRun || !(await confirm("Remove it? Pulumi does not need it.", isConfirmed))) throw error;
    for (const file of damaged) await rm(file);
    return await run();
  }
}

/** The attributes of stacks in a backend in a folder that are empty or truncated. */
async function findDamagedAttributes(): Promise<string[]> {
  const backend =
    process.env["PULUMI_BACKEND_URL"] || identity.parse(JSON.parse(await runPulumi(["whoami", "--json"]))).url;
  const [, path] = /^file:\/\/([^?]*)/.exec(backend) ?? [];
  if (path === undefined) return [];
  const stacks = join(resolve(decodeURIComponent(path).replace(/^~/, homedir())), ".pulumi", "stacks");
  const files = (await readdir(stacks, { recursive: true })).filter((file) => file.endsWith(".attrs"));
  const isDamaged = await Promise.all(
    files.map(async (file) => parseJsonAs(await readFile(join(stacks, file), "utf8"), z.unknown()) === undefined),
  );
  return files.filter((_, index) => isDamaged[index]).map((file) => join(stacks, file));
}
