/** Builds actionlint with Go at the version that `go.mod` pins, and caches it next to the Pulumi CLI. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join, sep } from "node:path";
import {
  createEntry,
  deleteEntry,
  ensureCacheFolder,
  hasWritableHome,
  isComplete,
  withLock,
} from "../../../scripts/pulumi-cli/cache";
import { type Env, findPrograms, getPathFolders, runProgram } from "../../../scripts/pulumi-cli/programs";

const program = "github.com/rhysd/actionlint/cmd/actionlint";
const BUILD_SECONDS = 10 * 60;
const goModule = __dirname;

/** Returns actionlint's errors in a workflow file. Reads the local workflows that it calls as well. */
export async function lintWorkflow(path: string): Promise<string[]> {
  return lint(await findActionlint(), path, "");
}

/** Returns actionlint's errors in the source of a workflow. */
export async function lintWorkflowSource(source: string): Promise<string[]> {
  return lint(await findActionlint(), "-", source);
}

function lint(actionlint: string, path: string, input: string): string[] {
  // The optional linters for scripts would make the result depend on what is installed.
  const options = ["-no-color", "-oneline", "-shellcheck=", "-pyflakes="];
  const { status, stdout, stderr } = spawnSync(actionlint, [...options, path], { input, encoding: "utf8" });
  if (status !== 0 && status !== 1) throw new Error(`actionlint failed with exit code ${status}: ${stderr}`);
  const errors = stdout.split("\n").filter((line) => line !== "");
  return status === 1 && errors.length === 0 ? [stderr] : errors;
}

/** Returns the path of actionlint. Without Go the tests fail rather than being skipped, unless actionlint is cached. */
export async function findActionlint(env: Env = process.env): Promise<string> {
  const pins = await Promise.all(["go.mod", "go.sum"].map((file) => readFile(join(goModule, file), "utf8")));
  const hash = createHash("sha256").update(pins.join("\0")).digest("hex").slice(0, 8);
  const cache = await ensureCacheFolder(env);
  const entry = join(cache, `actionlint-${process.platform}-${process.arch}-${hash}`);
  const [go] = await findPrograms("go", getPathFolders(env));
  await withLock(
    `${entry}.lock`,
    () => {},
    async () => {
      if (await isComplete(entry)) return;
      if (go === undefined) {
        throw new Error(
          "The tests check GitHub workflows with actionlint, which is built with Go 1.25 or later. Install Go (https://go.dev/dl/) and run the tests again.",
        );
      }
      await deleteEntry(entry);
      await createEntry(entry, async (folder) => await build(go, join(folder, "bin"), cache, env));
    },
  );
  return join(entry, "bin", process.platform === "win32" ? "actionlint.exe" : "actionlint");
}

async function build(go: string, bin: string, cache: string, env: Env): Promise<void> {
  const goFolders = (await hasWritableHome(env)) ? {} : { GOPATH: join(cache, "go"), GOCACHE: join(cache, "go-build") };
  const { ok, failureReason } = await runProgram(
    go,
    ["build", "-mod=readonly", "-buildvcs=false", "-ldflags", "-s -w", "-o", `${bin}${sep}`, program],
    { env: { ...goFolders, ...env, GOWORK: "off" }, cwd: goModule, seconds: BUILD_SECONDS },
  );
  if (!ok) throw new Error(`Go could not build actionlint:\n${failureReason}`);
}
