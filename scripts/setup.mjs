/**
 * Prepares a fresh clone: runs `npm ci` if node_modules does not match package-lock.json. Prints nothing if it does.
 * Uses only Node's built-in modules, because it runs before anything is installed.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
/** Set while this script runs `npm ci`, so that a lifecycle script that calls it again does not run another one. */
const RUNNING_VARIABLE = "PULUMI_AUTHENTIK_SETUP";

if (process.env[RUNNING_VARIABLE] === undefined && !isInstalled()) install();

/**
 * npm writes node_modules/.package-lock.json as the last step of every install, so it lists what is installed. A package may
 * have been deleted since then, so its folder must exist as well.
 */
function isInstalled() {
  const locked = readPackages("package-lock.json");
  const installed = readPackages("node_modules/.package-lock.json");
  if (locked === undefined || installed === undefined) return false;
  return Object.entries(locked).every(([path, { version, integrity, optional }]) => {
    const found = installed[path];
    if (path === "" || (found === undefined && optional)) {
      // The project itself, or a package for another platform.
      return true;
    }
    // package-lock.json has no hash if the registry provided none. npm then stores the hash of the package that it installed.
    const isSame = found?.version === version && (integrity === undefined || found.integrity === integrity);
    return isSame && existsSync(join(root, path, "package.json"));
  });
}

function readPackages(file) {
  try {
    return JSON.parse(readFileSync(join(root, file), "utf8")).packages;
  } catch {
    return undefined;
  }
}

function install() {
  const start = performance.now();
  process.stderr.write("Installing the dependencies (npm ci)\n");
  const [command, ...npmArgs] = findNpm();
  // Overrides `npm run --silent` and NODE_ENV=production, which npm passes on.
  const options = ["--include=dev", "--loglevel=warn", "--no-audit", "--no-progress"];
  const { status, stdout, stderr, error } = spawnSync(command, [...npmArgs, "ci", ...options], {
    cwd: root,
    encoding: "utf8",
    env: { ...process.env, [RUNNING_VARIABLE]: "1" },
    maxBuffer: 64 * 1024 * 1024,
    shell: command === "npm" && process.platform === "win32",
    stdio: ["ignore", "pipe", "pipe"],
  });
  if (status !== 0) {
    process.stderr.write(`${stdout ?? ""}${stderr ?? ""}`);
    process.stderr.write(
      `Could not install the dependencies: npm ci ${error ? `failed: ${error.message}` : `exited with code ${status}`}.\n`,
    );
    process.exit(1);
  }
  process.stderr.write(`Installed in ${Math.round((performance.now() - start) / 1000)} s\n`);
}

/** The npm that runs this script, or else the one on the PATH. */
function findNpm() {
  const current = process.env["npm_execpath"];
  return current !== undefined && basename(current) === "npm-cli.js" ? [process.execPath, current] : ["npm"];
}
