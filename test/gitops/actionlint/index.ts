/** actionlint, as go.mod beside this file pins it: built once with Go, and kept where the Pulumi CLI is kept. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join, sep } from "node:path";
import { cacheFolder, discard, hasHome, isWhole, makeEntry, withLock } from "../../pulumi-cli/cache";
import { type Env, findPrograms, pathFolders, run } from "../../pulumi-cli/programs";

const program = "github.com/rhysd/actionlint/cmd/actionlint";
const BUILD_SECONDS = 10 * 60;
const goModule = __dirname;

/** Where the program is. It is an error, and no reason to skip a test, that there is neither one kept nor a Go to build it with. */
export async function findActionlint(env: Env = process.env): Promise<string> {
  const pins = await Promise.all(["go.mod", "go.sum"].map((file) => readFile(join(goModule, file), "utf8")));
  const hash = createHash("sha256").update(pins.join("\0")).digest("hex").slice(0, 8);
  const cache = await cacheFolder(env);
  const entry = join(cache, `actionlint-${process.platform}-${process.arch}-${hash}`);
  const [go] = await findPrograms("go", pathFolders(env));
  await withLock(
    `${entry}.lock`,
    () => {},
    async () => {
      if (await isWhole(entry)) return;
      if (go === undefined) {
        throw new Error(
          "actionlint checks the workflows of examples/gitops, and is built with Go 1.25 or newer, of which there is none on the PATH: install Go (https://go.dev/dl/), then run this again.",
        );
      }
      await discard(entry);
      await makeEntry(entry, async (folder) => await build(go, join(folder, "bin"), cache, env));
    },
  );
  return join(entry, "bin", process.platform === "win32" ? "actionlint.exe" : "actionlint");
}

async function build(go: string, bin: string, cache: string, env: Env): Promise<void> {
  const places = (await hasHome(env)) ? {} : { GOPATH: join(cache, "go"), GOCACHE: join(cache, "go-build") };
  const { ok, complaint } = await run(
    go,
    ["build", "-mod=readonly", "-buildvcs=false", "-ldflags", "-s -w", "-o", `${bin}${sep}`, program],
    { env: { ...places, ...env, GOWORK: "off" }, cwd: goModule, seconds: BUILD_SECONDS },
  );
  if (!ok) throw new Error(`Go could not build actionlint:\n${complaint}`);
}
