/**
 * Makes a fresh clone ready: `npm ci`, where node_modules is not what package-lock.json says. Silent where there is
 * nothing to do. Plain Node, because it runs before anything is installed.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
/** Set for everything that our own `npm ci` runs: a lifecycle script that comes back here must not start another. */
const RUNNING = "PULUMI_AUTHENTIK_SETUP";

if (process.env[RUNNING] === undefined && !isInstalled()) {
  install();
}

/**
 * npm writes node_modules/.package-lock.json as the last step of every install, so it tells what is really there,
 * whoever installed it. Should somebody have deleted a package since, its folder lacks.
 */
function isInstalled() {
  const wanted = packagesOf("package-lock.json");
  const installed = packagesOf("node_modules/.package-lock.json");
  if (wanted === undefined || installed === undefined) {
    return false;
  }
  return Object.entries(wanted).every(([path, { version, integrity, optional }]) => {
    const there = installed[path];
    if (path === "" || (there === undefined && optional)) {
      // The project itself; and what was built for another platform.
      return true;
    }
    // The lock file has no hash for what its registry did not have; npm then notes the one that it met.
    const same = there?.version === version && (integrity === undefined || there.integrity === integrity);
    return same && existsSync(join(root, path, "package.json"));
  });
}

function packagesOf(file) {
  try {
    return JSON.parse(readFileSync(join(root, file), "utf8")).packages;
  } catch {
    return undefined;
  }
}

function install() {
  const start = performance.now();
  process.stderr.write("Installing the dependencies (npm ci)\n");
  const [command, ...first] = npm();
  // This may run under `npm run --silent`, or where NODE_ENV is production; npm hands both down.
  const options = ["--include=dev", "--loglevel=warn", "--no-audit", "--no-progress"];
  const { status, stdout, stderr, error } = spawnSync(command, [...first, "ci", ...options], {
    cwd: root,
    encoding: "utf8",
    env: { ...process.env, [RUNNING]: "1" },
    maxBuffer: 64 * 1024 * 1024,
    shell: command === "npm" && process.platform === "win32",
    stdio: ["ignore", "pipe", "pipe"],
  });
  if (status !== 0) {
    process.stderr.write(`${stdout ?? ""}${stderr ?? ""}`);
    process.stderr.write(
      `The dependencies could not be installed: npm ci ${error?.message ?? `ended with ${status}`}.\n`,
    );
    process.exit(1);
  }
  process.stderr.write(`Installed after ${Math.round((performance.now() - start) / 1000)} s\n`);
}

/** The npm that runs us, so that it is the same one; else that of the PATH. */
function npm() {
  const current = process.env["npm_execpath"];
  return current !== undefined && basename(current) === "npm-cli.js" ? [process.execPath, current] : ["npm"];
}
