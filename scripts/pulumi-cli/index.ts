/**
 * Provides a real Pulumi CLI on every machine: the `pulumi` on the PATH, or else one from the cache, or else one that Pulumi's
 * installer downloads, or else one that Go builds from the modules in `engine/` and `language/`.
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, copyFile, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { delimiter, dirname, join, posix, sep } from "node:path";
import { createEntry, ensureCacheFolder, ensureEntry, hasWritableHome, isComplete, withLock } from "./cache";
import { type Env, findPrograms, getPathFolders, runProgram } from "./programs";

export interface PulumiCli {
  /** Absolute path of `pulumi`. */
  command: string;
  /** The PATH to run it with. Contains `pulumi`, its Node.js language host and the dynamic provider host. */
  path: string;
  /** For example `3.248.0`, or `unknown` for a build from source without a version. */
  version: string;
  origin: "path" | "cache" | "installer" | "go";
}

type Log = (line: string) => void;

/** Installs a Pulumi CLI into the cache. */
interface Installer {
  source: "installer" | "go";
  /** Path of the cache entry. Contains everything that the result depends on, so an entry is never out of date. */
  entry: string;
  install(folder: string, log: Log): Promise<void>;
}

/** Why a source cannot provide a Pulumi CLI. The next source is tried. */
class UnusableError extends Error {}

/** The first version with documented exit codes: 7 if `--expect-no-changes` finds changes. */
const MINIMUM_VERSION = "3.226.1";
const LANGUAGE_HOST = "pulumi-language-nodejs";
const YAML_HOST = "pulumi-language-yaml";
const PYTHON_HOST = "pulumi-language-python";
const DYNAMIC_PROVIDER_HOST = "pulumi-resource-pulumi-nodejs";
const VERSION_SECONDS = 60;
const INSTALLER_SECONDS = 120;
const GO_SECONDS = 30 * 60;

/** The folder of package.json. This file runs from scripts/ in jest, and from build/scripts/ when compiled. */
const root = findPackageRoot(__dirname);
const modules = join(root, "scripts", "pulumi-cli");
const sdk = dirname(createRequire(join(root, "package.json")).resolve("@pulumi/pulumi/package.json"));

/**
 * Finds a working Pulumi CLI, and downloads or builds one if there is none. `log` receives a line for each slow step and for
 * each source that failed. `PULUMI_CLI_FROM` (`path`, `installer`, `go`, or several of them, comma-separated) limits the sources.
 */
export async function findPulumi(log: Log = printToStderr, env: Env = process.env): Promise<PulumiCli> {
  const sources = parseSources(env);
  const reasons: string[] = [];
  if (sources.has("path")) {
    const found = await findOnPath(env, log);
    if (found !== undefined) return found;
    reasons.push(`No pulumi ${MINIMUM_VERSION} or later with ${LANGUAGE_HOST} on the PATH`);
  }

  const installers = await createInstallers(sources, env);
  for (const { entry } of installers) {
    const found = await findInCache(entry, env);
    if (found !== undefined) return found;
  }
  for (const installer of installers) {
    try {
      return await install(installer, env, log);
    } catch (error) {
      if (!(error instanceof UnusableError)) throw error;
      log(error.message);
      reasons.push(error.message);
    }
  }
  throw new Error(
    `No usable Pulumi CLI found.\n${reasons.map((reason) => `- ${reason}\n`).join("")}` +
      "Install Pulumi (https://www.pulumi.com/docs/install/), or install Go (https://go.dev/dl/) to build it, " +
      "or connect this machine to the network. Then run this command again.",
  );
}

/**
 * Finds the language host for YAML programs, and builds it with Go if there is none beside `pulumi`. Returns its folder, for the PATH. An engine that is built
 * from the modules in `engine/` has none.
 */
export async function findYamlHost(): Promise<string> {
  const host = await readGoProgram(join(modules, "yaml"), "github.com/pulumi/pulumi-yaml", `cmd/${YAML_HOST}`);
  return (await findBesidePulumi(YAML_HOST)) ?? (await findGoTool("Pulumi's YAML language host", "yaml", host));
}

/** The same for Python programs. */
export async function findPythonHost(): Promise<string> {
  const module = "github.com/pulumi/pulumi/sdk/v3";
  const host = await readGoProgram(join(modules, "python"), module, `python/cmd/${PYTHON_HOST}`);
  // The host starts programs with this script, which is expected in the same folder.
  const program = { ...host, script: `python/cmd/${PYTHON_HOST}-exec` };
  return (
    (await findBesidePulumi(PYTHON_HOST)) ?? (await findGoTool("Pulumi's Python language host", "python", program))
  );
}

/** Builds the program that generates SDKs from a schema. Returns its path. */
export async function findSdkGenerator(): Promise<string> {
  const folder = join(root, "scripts", "sdks");
  const { version, pins } = await readGoProgram(folder, "github.com/pulumi/pulumi/pkg/v3", "");
  const source = await readFile(join(folder, "main.go"), "utf8");
  const generator = { folder, version, pins: `${pins}${source}`, importPath: "tools/pulumi/sdks" };
  return join(await findGoTool("Pulumi's SDK generator", "sdks", generator), "sdks");
}

async function findBesidePulumi(program: string): Promise<string | undefined> {
  const { path } = await findPulumi();
  const [found] = await findPrograms(program, path.split(delimiter));
  return found === undefined ? undefined : dirname(found);
}

/** Builds a program with Go, once. Returns its folder. */
export async function findGoTool(
  what: string,
  name: string,
  program: GoProgram,
  log: Log = printToStderr,
  env: Env = process.env,
): Promise<string> {
  const cache = await ensureCacheFolder(env);
  const pins = createHash("sha256").update(program.pins).digest("hex");
  const entry = getEntryPath(cache, program.version, name, pins.slice(0, 8));
  const build = async (folder: string): Promise<void> => {
    const [go] = await findPrograms("go", getPathFolders(env));
    if (go === undefined)
      throw new Error(
        `Cannot build ${what}: no go on the PATH. Install Go (https://go.dev/dl/), and run this command again.`,
      );
    log(`Building ${what} with Go`);
    await buildGoProgram(go, program, join(folder, "bin"), await buildGoEnv(cache, env));
  };
  await ensureEntry(entry, build, () => log(`Waiting for another run that is building ${what}`));
  return join(entry, "bin");
}

function parseSources(env: Env): Set<string> {
  const allSources = ["path", "installer", "go"];
  const sources = env["PULUMI_CLI_FROM"]?.split(",").map((source) => source.trim()) ?? allSources;
  const unknownSource = sources.find((source) => !allSources.includes(source));
  if (unknownSource !== undefined) {
    throw new Error(
      `PULUMI_CLI_FROM contains "${unknownSource}". It must be path, installer or go, or several of them, comma-separated.`,
    );
  }
  return new Set(sources);
}

async function createInstallers(sources: Set<string>, env: Env): Promise<Installer[]> {
  if (!sources.has("installer") && !sources.has("go")) return [];
  const cache = await ensureCacheFolder(env);
  const installers = [await createDownloader(cache, env), await createGoBuilder(cache, env)];
  return installers.filter(({ source }) => sources.has(source));
}

/** The name contains platform and architecture, because several machines can share a home folder. */
function getEntryPath(cache: string, version: string, ...suffixes: string[]): string {
  return join(cache, ["pulumi", version, process.platform, process.arch, ...suffixes].join("-"));
}

function getPulumiPath(entry: string): string {
  return join(entry, "bin", process.platform === "win32" ? "pulumi.exe" : "pulumi");
}

async function findOnPath(env: Env, log: Log): Promise<PulumiCli | undefined> {
  for (const command of await findPrograms("pulumi", getPathFolders(env))) {
    try {
      return await inspect(command, "path", env);
    } catch (error) {
      if (!(error instanceof UnusableError)) throw error;
      log(`Ignoring ${command}: ${error.message}`);
    }
  }
  return undefined;
}

async function findInCache(entry: string, env: Env): Promise<PulumiCli | undefined> {
  if (!isComplete(entry)) return undefined;
  // A complete entry may still not run here: machines that share a home folder can differ in other ways.
  return await inspect(getPulumiPath(entry), "cache", env).catch((error: unknown) => {
    if (error instanceof UnusableError) return undefined;
    throw error;
  });
}

async function install({ source, entry, install }: Installer, env: Env, log: Log): Promise<PulumiCli> {
  const onWait = () => log("Waiting for another run that is installing the Pulumi CLI");
  return await withLock(entry, onWait, async () => {
    const found = await findInCache(entry, env);
    if (found !== undefined) return found;
    const start = performance.now();
    await createEntry(entry, (folder) => install(folder, log));
    const installed = await inspect(getPulumiPath(entry), source, env);
    log(`Installed Pulumi ${installed.version} in ${Math.round((performance.now() - start) / 1000)} s`);
    return installed;
  });
}

/** Runs `pulumi version`, and finds the programs that Pulumi needs. */
async function inspect(command: string, origin: PulumiCli["origin"], env: Env): Promise<PulumiCli> {
  const version = await readVersion(command, env);
  const folders = [dirname(command), ...getPathFolders(env)];
  const [languageHost] = await findPrograms(LANGUAGE_HOST, folders);
  if (languageHost === undefined)
    throw new UnusableError(`${LANGUAGE_HOST} is neither in the same folder nor on the PATH`);
  // Without node on the PATH, pulumi runs with this process's node.
  folders.push(dirname(process.execPath));
  if ((await findPrograms(DYNAMIC_PROVIDER_HOST, folders)).length === 0) {
    // The SDK contains it as well. Last resort, because the engine warns if it is not in the same folder as pulumi.
    folders.push(sdk);
  }
  return { command, path: [...new Set(folders)].join(delimiter), version, origin };
}

async function readVersion(command: string, env: Env): Promise<string> {
  const { ok, stdout, failureReason } = await runProgram(command, ["version"], {
    env: { ...env, PULUMI_SKIP_UPDATE_CHECK: "1" },
    seconds: VERSION_SECONDS,
  });
  if (!ok) throw new UnusableError(`\`pulumi version\` failed: ${toSingleLine(failureReason)}`);
  const output = stdout.trim();
  if (output === "") return "unknown";
  const [, version] = /^v?(\d+\.\d+\.\d\S*)$/.exec(output) ?? [];
  if (version === undefined || !isSupported(version)) {
    throw new UnusableError(
      `its version is ${toSingleLine(output)}, but ${MINIMUM_VERSION} or a later 3.x version is required`,
    );
  }
  return version;
}

/** Whether a version is at least the minimum, and has the same major version. */
function isSupported(version: string): boolean {
  const isSameMajor = version.split(".")[0] === MINIMUM_VERSION.split(".")[0];
  return isSameMajor && version.localeCompare(MINIMUM_VERSION, "en", { numeric: true }) >= 0;
}

async function createDownloader(cache: string, env: Env): Promise<Installer> {
  const { version } = JSON.parse(await readFile(join(sdk, "package.json"), "utf8")) as { version: string };
  return {
    source: "installer",
    entry: getEntryPath(cache, version),
    async install(folder, log) {
      log(`Downloading Pulumi ${version} with Pulumi's installer`);
      // In a process of its own, because the installer has no timeout.
      const script = `
        require("@pulumi/pulumi/automation").PulumiCommand.install({ root: process.argv[1] }).catch((error) => {
          console.error(error.message);
          process.exit(1);
        });`;
      const { ok, failureReason } = await runProgram(process.execPath, ["-e", script, folder], {
        env,
        cwd: root,
        seconds: INSTALLER_SECONDS,
      });
      if (!ok) throw new UnusableError(`Pulumi's installer failed: ${toSingleLine(failureReason)}`);
    },
  };
}

async function createGoBuilder(cache: string, env: Env): Promise<Installer> {
  const engine = await readGoProgram(join(modules, "engine"), "github.com/pulumi/pulumi/pkg/v3", "cmd/pulumi");
  const languageHost = await readGoProgram(
    join(modules, "language"),
    "github.com/pulumi/pulumi/sdk/v3",
    `nodejs/cmd/${LANGUAGE_HOST}`,
  );
  const pins = createHash("sha256").update(engine.pins).update(languageHost.pins).digest("hex");
  return {
    source: "go",
    entry: getEntryPath(cache, engine.version, "go", pins.slice(0, 8)),
    async install(folder, log) {
      const [go] = await findPrograms("go", getPathFolders(env));
      if (go === undefined) throw new UnusableError("Cannot build Pulumi with Go: no go on the PATH");
      const bin = join(folder, "bin");
      const goEnv = await buildGoEnv(cache, env);
      log(`Building Pulumi ${engine.version} with Go. This takes a few minutes, once`);
      await buildGoProgram(go, engine, bin, goEnv);
      log("Building Pulumi's Node.js language host");
      await buildGoProgram(go, languageHost, bin, goEnv);
      for (const file of [DYNAMIC_PROVIDER_HOST, `${DYNAMIC_PROVIDER_HOST}.cmd`]) {
        await copyFile(join(sdk, file), join(bin, file));
        await chmod(join(bin, file), 0o755);
      }
    },
  };
}

interface GoProgram {
  /** The folder of go.mod and go.sum. */
  folder: string;
  importPath: string;
  version: string;
  /** Contents of go.mod and go.sum. */
  pins: string;
  /** A script of the same module, which belongs in the folder of the program. */
  script?: string;
}

export async function readGoProgram(folder: string, module: string, program: string): Promise<GoProgram> {
  const [mod, sum] = await Promise.all(["go.mod", "go.sum"].map((file) => readFile(join(folder, file), "utf8")));
  const version = mod?.split(`${module} v`)[1]?.split(/\s/)[0];
  if (version === undefined) throw new Error(`${join(folder, "go.mod")} does not pin ${module}.`);
  return { folder, importPath: `${module}/${program}`, version, pins: `${mod}\0${sum}\0` };
}

async function buildGoProgram(go: string, program: GoProgram, bin: string, env: Env): Promise<void> {
  const { folder, importPath, version, script } = program;
  // Without this, `pulumi version` prints nothing, and the Automation API rejects the CLI.
  const versionFlag = `-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v${version}`;
  // Flags on the command line take precedence over GOFLAGS, so the build uses what go.mod and go.sum pin.
  const flags = ["-mod=readonly", "-buildvcs=false", "-ldflags", `-s -w ${versionFlag}`];
  const { ok, failureReason } = await runProgram(go, ["build", ...flags, "-o", `${bin}${sep}`, importPath], {
    env,
    cwd: folder,
    seconds: GO_SECONDS,
  });
  if (!ok)
    throw new UnusableError(`Go could not build ${posix.basename(importPath)}:\n${indentLastLines(failureReason, 12)}`);
  if (script !== undefined) {
    const list = ["list", "-mod=readonly", "-f", "{{.Module.Dir}}", importPath];
    const { stdout } = await runProgram(go, list, { env, cwd: folder, seconds: GO_SECONDS });
    const copy = join(bin, posix.basename(script));
    await copyFile(join(stdout.trim(), script), copy);
    await chmod(copy, 0o755);
  }
}

/** Without a home folder, Go has no default for its caches. */
async function buildGoEnv(cache: string, env: Env): Promise<Env> {
  const caches = (await hasWritableHome(env)) ? {} : { GOPATH: join(cache, "go"), GOCACHE: join(cache, "go-build") };
  return { ...caches, ...env, GOWORK: "off" };
}

function findPackageRoot(start: string): string {
  let folder = start;
  while (!existsSync(join(folder, "package.json"))) folder = dirname(folder);
  return folder;
}

/** Joins the lines and truncates the result, for use in a sentence. */
function toSingleLine(output: string): string {
  const line = output.trim().replace(/\s+/g, " ");
  return line.length > 300 ? `${line.slice(0, 300)}…` : line;
}

function indentLastLines(output: string, count: number): string {
  return output
    .split("\n")
    .slice(-count)
    .map((line) => `    ${line}`)
    .join("\n");
}

function printToStderr(line: string): void {
  process.stderr.write(`${line}\n`);
}
