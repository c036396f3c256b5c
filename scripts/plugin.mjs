/**
 * Builds the plugin for this platform: an executable that contains Node.js, so that a machine without Node.js can run it, and the archive from
 * which `pulumi plugin install` installs it. Writes both to `build/plugin`, or to the folder in the first argument.
 */
import { execFileSync, spawn } from "node:child_process";
import { copyFile, mkdir, readFile, realpath, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { inject } from "postject";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const folder = resolve(process.argv[2] ?? join(root, "build", "plugin"));
const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));

const os = { win32: "windows" }[process.platform] ?? process.platform;
const arch = { x64: "amd64" }[process.arch] ?? process.arch;
const name = "pulumi-resource-authentik-invitations";
const file = os === "windows" ? `${name}.exe` : name;
const executable = join(folder, file);
const archive = join(folder, `${name}-v${version}-${os}-${arch}.tar.gz`);

await rm(folder, { recursive: true, force: true });
await mkdir(folder, { recursive: true });
await createExecutable();
const ready = await measureStart();
await copyFile(join(root, "LICENSE"), join(folder, "LICENSE"));
await copyFile(join(root, "dist", "THIRD-PARTY-LICENSES"), join(folder, "THIRD-PARTY-LICENSES"));
await writeFile(join(folder, "NODE-LICENSE"), await readNodeLicense());
const contents = [file, "LICENSE", "NODE-LICENSE", "THIRD-PARTY-LICENSES"];
// Relative paths, because tar on Windows takes the colon in an absolute one for a host.
execFileSync("tar", ["-czf", archive.slice(folder.length + 1), ...contents], { cwd: folder });
console.log(`${executable}, ${await formatSize(executable)}, ready in ${Math.round(ready)} ms`);
console.log(`${archive}, ${await formatSize(archive)}`);

/** The license of Node.js and of what it contains, which requires that copies include it. Archives of Node.js have it in their top folder. */
async function readNodeLicense() {
  const bin = dirname(await realpath(process.execPath));
  const places = [".", "..", "../share/doc/nodejs", "../share/doc/node"].map((path) => join(bin, path, "LICENSE"));
  for (const place of places) {
    const license = await readFile(place, "utf8").catch(() => "");
    if (license.startsWith("Node.js is licensed for use as follows")) return license;
  }
  throw new Error(`Node.js's license is in none of these files: ${places.join(", ")}. Use a Node.js from nodejs.org.`);
}

/** See https://nodejs.org/api/single-executable-applications.html. */
async function createExecutable() {
  const files = ["sea-config.json", "sea.blob", "main.js", "bundle.js", "cache"].map((path) => join(folder, path));
  const [config, blob, main, bundle, cache] = files;
  const source = await readFile(join(root, "dist", "plugin", "main.js"), "utf8");
  await writeFile(bundle, `(function (require, __filename, __dirname) {${source.replace(/^#!.*/, "")}\n})`);
  execFileSync(process.execPath, [join(root, "scripts", "plugin-cache.mjs"), bundle, cache], { stdio: "inherit" });
  await writeFile(main, `(${runBundle})(require, __filename, __dirname);`);
  const options = { disableExperimentalSEAWarning: true, assets: { bundle, cache } };
  await writeFile(config, JSON.stringify({ main, output: blob, ...options }));
  execFileSync(process.execPath, ["--experimental-sea-config", config], { stdio: "pipe" });
  await copyFile(process.execPath, executable);
  // macOS runs only executables whose signature fits their content.
  if (os === "darwin") execFileSync("codesign", ["--remove-signature", executable]);
  await inject(executable, "NODE_SEA_BLOB", await readFile(blob), {
    sentinelFuse: "NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2",
    machoSegmentName: "NODE_SEA",
  });
  if (os === "darwin") execFileSync("codesign", ["--sign", "-", executable]);
  await Promise.all(files.map((path) => rm(path)));
}

/** What the executable runs. The bundle is ASCII. */
function runBundle(require, filename, dirname) {
  const { getRawAsset } = require("node:sea");
  const { Script } = require("node:vm");
  const [bundle, cachedData] = ["bundle", "cache"].map((name) => Buffer.from(getRawAsset(name)));
  const script = new Script(bundle.latin1Slice(), { filename: "plugin.js", cachedData });
  script.runInThisContext()(require, filename, dirname);
}

/** Starts the executable as Pulumi's engine does, and returns the milliseconds until it prints its port. */
async function measureStart() {
  const start = performance.now();
  const plugin = spawn(executable, [], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    const line = await new Promise((resolve, reject) => {
      plugin.on("error", reject);
      plugin.on("exit", (code, signal) => reject(new Error(`The plugin ended with ${code ?? signal}.`)));
      plugin.stdout.setEncoding("utf8").once("data", resolve);
    });
    if (!/^\d+\n$/.test(line)) throw new Error(`The plugin printed ${JSON.stringify(line)} instead of its port.`);
    return performance.now() - start;
  } finally {
    plugin.kill();
  }
}

async function formatSize(path) {
  return `${((await stat(path)).size / 1e6).toFixed(0)} MB`;
}
