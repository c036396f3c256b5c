/**
 * The real Pulumi engine on every machine: the `pulumi` of the PATH, else the one that we made before, else the one
 * that Pulumi's own installer fetches, else one that Go builds from the modules in `engine/` and `language/`.
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, copyFile, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { delimiter, dirname, join, posix, sep } from "node:path";
import { cacheFolder, discard, hasHome, isWhole, makeEntry, withLock } from "./cache";
import { type Env, findPrograms, pathFolders, run } from "./programs";

export interface PulumiCli {
  /** Absolute path of `pulumi`. */
  command: string;
  /** The PATH to run it with: it has `pulumi`, its Node.js language host, and the host of dynamic providers. */
  path: string;
  /** As `3.248.0`, or `unknown` where somebody built it from source without stating one. */
  version: string;
  origin: "path" | "cache" | "installer" | "go";
}

type Log = (line: string) => void;

/** A way to get a Pulumi CLI that ends in an entry of the cache. */
interface Maker {
  source: "installer" | "go";
  /** Name of the entry. It changes with all that goes into it, so an entry is never out of date. */
  entry: string;
  make(folder: string, log: Log): Promise<void>;
}

/** Why one of the sources gave nothing; the others are tried. */
class Unusable extends Error {}

const OLDEST = { major: 3, minor: 200 };
const LANGUAGE_HOST = "pulumi-language-nodejs";
const DYNAMIC_HOST = "pulumi-resource-pulumi-nodejs";
const VERSION_SECONDS = 60;
const INSTALLER_SECONDS = 120;
const GO_SECONDS = 30 * 60;

/** Where package.json is: this file runs from test/ under jest, and from build/test/ when compiled. */
const root = packageRoot(__dirname);
const sdk = dirname(createRequire(join(root, "package.json")).resolve("@pulumi/pulumi/package.json"));

/**
 * Finds a Pulumi CLI that works, and fetches or builds one where there is none. `log` gets a line for each step that
 * takes time or was in vain. `PULUMI_CLI_FROM` (`path`, `installer`, `go`, or several with commas) leaves out the
 * other sources.
 */
export async function findPulumi(log: Log = toStderr, env: Env = process.env): Promise<PulumiCli> {
  const wanted = wantedSources(env);
  const reasons: string[] = [];
  if (wanted.has("path")) {
    const found = await fromPath(env, log);
    if (found !== undefined) {
      return found;
    }
    reasons.push(`On the PATH is no pulumi ${OLDEST.major}.${OLDEST.minor} or newer that has ${LANGUAGE_HOST}`);
  }

  const makers = await makersFor(wanted, env);
  for (const { entry } of makers) {
    const found = await fromCache(entry, env);
    if (found !== undefined) {
      return found;
    }
  }
  for (const maker of makers) {
    try {
      return await make(maker, env, log);
    } catch (error) {
      if (!(error instanceof Unusable)) {
        throw error;
      }
      log(error.message);
      reasons.push(error.message);
    }
  }
  throw new Error(
    `There is no Pulumi CLI to run with.\n${reasons.map((reason) => `- ${reason}\n`).join("")}` +
      "Install Pulumi (https://www.pulumi.com/docs/install/), or Go (https://go.dev/dl/) to have it built here, " +
      "or let this machine reach the network; then run this again.",
  );
}

function wantedSources(env: Env): Set<string> {
  const all = ["path", "installer", "go"];
  const wanted = env["PULUMI_CLI_FROM"]?.split(",").map((source) => source.trim()) ?? all;
  const strange = wanted.find((source) => !all.includes(source));
  if (strange !== undefined) {
    throw new Error(
      `PULUMI_CLI_FROM names "${strange}"; it takes path, installer or go, or several of them with commas.`,
    );
  }
  return new Set(wanted);
}

async function makersFor(wanted: Set<string>, env: Env): Promise<Maker[]> {
  if (!wanted.has("installer") && !wanted.has("go")) {
    return [];
  }
  const cache = await cacheFolder(env);
  const makers = [await installer(cache, env), await goBuild(cache, env)];
  return makers.filter(({ source }) => wanted.has(source));
}

/** The entry's name says for which machine it is: a home folder can be shared by several. */
function entryIn(cache: string, version: string, ...more: string[]): string {
  return join(cache, ["pulumi", version, process.platform, process.arch, ...more].join("-"));
}

function programOf(entry: string): string {
  return join(entry, "bin", process.platform === "win32" ? "pulumi.exe" : "pulumi");
}

async function fromPath(env: Env, log: Log): Promise<PulumiCli | undefined> {
  for (const command of await findPrograms("pulumi", pathFolders(env))) {
    try {
      return await tryOut(command, "path", env);
    } catch (error) {
      if (!(error instanceof Unusable)) {
        throw error;
      }
      log(`${command} is not used: ${error.message}`);
    }
  }
  return undefined;
}

async function fromCache(entry: string, env: Env): Promise<PulumiCli | undefined> {
  if (!(await isWhole(entry))) {
    return undefined;
  }
  // Whole, but it may not run: machines that share a home folder can differ in more than the entry's name says.
  return await tryOut(programOf(entry), "cache", env).catch((error: unknown) => {
    if (error instanceof Unusable) {
      return undefined;
    }
    throw error;
  });
}

async function make({ source, entry, make }: Maker, env: Env, log: Log): Promise<PulumiCli> {
  const waiting = () => log("Another run is at work on the Pulumi CLI; waiting for it");
  return await withLock(`${entry}.lock`, waiting, async () => {
    const found = await fromCache(entry, env);
    if (found !== undefined) {
      return found;
    }
    const start = performance.now();
    await discard(entry);
    await makeEntry(entry, (folder) => make(folder, log));
    const made = await tryOut(programOf(entry), source, env);
    log(`Pulumi ${made.version} is ready after ${Math.round((performance.now() - start) / 1000)} s`);
    return made;
  });
}

/** Runs it once, and finds the programs that it needs. */
async function tryOut(command: string, origin: PulumiCli["origin"], env: Env): Promise<PulumiCli> {
  const version = await versionOf(command, env);
  const folders = [dirname(command), ...pathFolders(env)];
  const [languageHost] = await findPrograms(LANGUAGE_HOST, folders);
  if (languageHost === undefined) {
    throw new Unusable(`${LANGUAGE_HOST} is neither beside it nor on the PATH`);
  }
  // Where the PATH has no node, pulumi runs with ours.
  folders.push(dirname(process.execPath));
  if ((await findPrograms(DYNAMIC_HOST, folders)).length === 0) {
    // The SDK has it too. Only as a last resort: the engine warns of one that does not lie beside it.
    folders.push(sdk);
  }
  return { command, path: [...new Set(folders)].join(delimiter), version, origin };
}

async function versionOf(command: string, env: Env): Promise<string> {
  const { ok, stdout, complaint } = await run(command, ["version"], {
    env: { ...env, PULUMI_SKIP_UPDATE_CHECK: "1" },
    seconds: VERSION_SECONDS,
  });
  if (!ok) {
    throw new Unusable(`\`pulumi version\` failed: ${shorten(complaint)}`);
  }
  const stated = stdout.trim();
  if (stated === "") {
    return "unknown";
  }
  const [, version, major, minor] = /^v?((\d+)\.(\d+)\.\S+)$/.exec(stated) ?? [];
  if (version === undefined || Number(major) !== OLDEST.major || Number(minor) < OLDEST.minor) {
    throw new Unusable(`its version is ${shorten(stated)}, and ${OLDEST.major}.${OLDEST.minor} or newer is needed`);
  }
  return version;
}

async function installer(cache: string, env: Env): Promise<Maker> {
  const { version } = JSON.parse(await readFile(join(sdk, "package.json"), "utf8")) as { version: string };
  return {
    source: "installer",
    entry: entryIn(cache, version),
    async make(folder, log) {
      log(`Fetching Pulumi ${version} with its own installer`);
      // A process of its own, because the installer cannot be stopped, nor kept from leaving its own behind. It ends
      // with us, too: then its standard input is closed.
      const script = `
        process.stdin.resume().on("end", () => process.kill(process.platform === "win32" ? process.pid : 0, "SIGKILL"));
        require("@pulumi/pulumi/automation").PulumiCommand.install({ root: process.argv[1] }).then(
          () => process.exit(0),
          (error) => { console.error(error.message); process.exit(1); },
        );`;
      const seconds = Number(env["PULUMI_CLI_INSTALLER_SECONDS"] ?? INSTALLER_SECONDS);
      const { ok, complaint } = await run(process.execPath, ["-e", script, folder], {
        env,
        cwd: root,
        seconds,
        group: true,
      });
      if (!ok) {
        throw new Unusable(`Pulumi's installer did not succeed: ${shorten(complaint)}`);
      }
    },
  };
}

async function goBuild(cache: string, env: Env): Promise<Maker> {
  const modules = join(root, "test", "pulumi-cli");
  const engine = await goProgram(join(modules, "engine"), "github.com/pulumi/pulumi/pkg/v3", "cmd/pulumi");
  const language = await goProgram(
    join(modules, "language"),
    "github.com/pulumi/pulumi/sdk/v3",
    `nodejs/cmd/${LANGUAGE_HOST}`,
  );
  const pins = createHash("sha256").update(engine.pins).update(language.pins).digest("hex");
  return {
    source: "go",
    entry: entryIn(cache, engine.version, "go", pins.slice(0, 8)),
    async make(folder, log) {
      const [go] = await findPrograms("go", pathFolders(env));
      if (go === undefined) {
        throw new Unusable("Go cannot build it, for there is no go on the PATH");
      }
      const bin = join(folder, "bin");
      const goEnv = await environmentForGo(cache, env);
      log(`Building Pulumi ${engine.version} with Go: some minutes the first time, and kept for later runs`);
      await build(go, engine, bin, goEnv);
      log("Building its Node.js language host");
      await build(go, language, bin, goEnv);
      for (const file of [DYNAMIC_HOST, `${DYNAMIC_HOST}.cmd`]) {
        await copyFile(join(sdk, file), join(bin, file));
        await chmod(join(bin, file), 0o755);
      }
    },
  };
}

interface GoProgram {
  /** Where go.mod and go.sum are. */
  folder: string;
  /** Import path of the program. */
  path: string;
  version: string;
  /** The text of go.mod and go.sum. */
  pins: string;
}

async function goProgram(folder: string, module: string, program: string): Promise<GoProgram> {
  const [mod, sum] = await Promise.all(["go.mod", "go.sum"].map((file) => readFile(join(folder, file), "utf8")));
  const version = mod?.split(`${module} v`)[1]?.split(/\s/)[0];
  if (version === undefined) {
    throw new Error(`${join(folder, "go.mod")} does not pin ${module}.`);
  }
  return { folder, path: `${module}/${program}`, version, pins: `${mod}\0${sum}\0` };
}

async function build(go: string, { folder, path, version }: GoProgram, bin: string, env: Env): Promise<void> {
  // Unstamped it states no version, and the automation API refuses to work with that.
  const stamp = `-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v${version}`;
  // Flags of the command line win over GOFLAGS: what is built is what go.mod and go.sum pin.
  const flags = ["-mod=readonly", "-buildvcs=false", "-ldflags", `-s -w ${stamp}`];
  const { ok, complaint } = await run(go, ["build", ...flags, "-o", `${bin}${sep}`, path], {
    env,
    cwd: folder,
    seconds: GO_SECONDS,
  });
  if (!ok) {
    throw new Unusable(`Go could not build ${posix.basename(path)}:\n${lastLines(complaint, 12)}`);
  }
}

/** Go needs places for its own caches; without a home folder it has none. */
async function environmentForGo(cache: string, env: Env): Promise<Env> {
  const places = (await hasHome(env)) ? {} : { GOPATH: join(cache, "go"), GOCACHE: join(cache, "go-build") };
  return { ...places, ...env, GOWORK: "off" };
}

function packageRoot(start: string): string {
  let folder = start;
  while (!existsSync(join(folder, "package.json"))) {
    folder = dirname(folder);
  }
  return folder;
}

/** For a sentence: the text on one line, cut where it is long. */
function shorten(text: string): string {
  const line = text.trim().replace(/\s+/g, " ");
  return line.length > 300 ? `${line.slice(0, 300)}…` : line;
}

function lastLines(text: string, count: number): string {
  return text
    .split("\n")
    .slice(-count)
    .map((line) => `    ${line}`)
    .join("\n");
}

function toStderr(line: string): void {
  process.stderr.write(`${line}\n`);
}
