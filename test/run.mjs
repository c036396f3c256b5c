/**
 * `npm test`: whatever a fresh clone lacks is made first, then jest runs with the arguments given. A type error does not
 * keep the tests from running (the compiler writes its output all the same), but it does fail the run.
 */
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const { resolve } = createRequire(import.meta.url);

if (!run(join(root, "test", "setup.mjs"))) {
  process.exit(1);
}
const typed = run(resolve("typescript/bin/tsc"), "--build", "test");
// Its absence is told by the tests that need it; the others can do without.
run(join(root, "build", "test", "pulumi-cli", "main.js"), "--optional");
const passed = run(resolve("jest/bin/jest"), ...process.argv.slice(2));
if (!typed) {
  process.stderr.write("The types do not check: see the compiler's errors above.\n");
}
process.exit(typed && passed ? 0 : 1);

function run(script, ...args) {
  return spawnSync(process.execPath, [script, ...args], { cwd: root, stdio: "inherit" }).status === 0;
}
