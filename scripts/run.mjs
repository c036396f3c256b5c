/**
 * `npm test`: prepares a fresh clone, then runs jest with the given arguments. A type error does not prevent the tests from
 * running, because the compiler writes its output anyway, but it fails the run.
 */
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const { resolve } = createRequire(import.meta.url);

if (!run(join(root, "scripts", "setup.mjs"))) process.exit(1);
const typesPass = run(resolve("typescript/bin/tsc"), "--build");
// Optional, because only some tests need it, and they fail with their own error.
run(join(root, "build", "scripts", "pulumi-cli", "main.js"), "--optional");
const testsPass = run(resolve("jest/bin/jest"), ...process.argv.slice(2));
if (!typesPass) process.stderr.write("Type checking failed. See the compiler errors above.\n");
process.exit(typesPass && testsPass ? 0 : 1);

function run(script, ...args) {
  return spawnSync(process.execPath, [script, ...args], { cwd: root, stdio: "inherit" }).status === 0;
}
