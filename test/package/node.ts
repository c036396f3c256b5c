import { execFile } from "node:child_process";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { ensureCacheFolder, ensureEntry } from "../../scripts/pulumi-cli/cache";

const run = promisify(execFile);

/**
 * Returns a folder with the `node` of this version, downloaded once and cached next to the Pulumi CLI. It comes from the npm package that the
 * package `node` installs for this platform. That one does so in an install script, which npm may not run.
 */
export async function findNode(version: string, env: NodeJS.ProcessEnv): Promise<string> {
  const platform = `${process.platform}-${process.arch}`;
  const entry = join(await ensureCacheFolder(env), `node-${version}-${platform}`);
  await ensureEntry(entry, async (folder) => {
    const npmPackage = `node-${platform}@${version}`;
    const { stdout } = await run("npm", ["pack", npmPackage, "--silent", "--pack-destination", folder], { env });
    const tarball = join(folder, stdout.trim());
    await run("tar", ["-xzf", tarball, "-C", folder, "--strip-components=1", "package/bin/node"]);
    await rm(tarball);
  });
  return join(entry, "bin");
}
