/**
 * `node build/scripts/pulumi-cli/main.js`: finds or installs a Pulumi CLI, and prints its path. `--optional` exits with code 0 even if
 * there is none, because the tests that need it fail with the same error.
 */
import { findPulumi } from "./index";

findPulumi().then(
  ({ version, origin, command }) => process.stdout.write(`Pulumi ${version} (${origin}): ${command}\n`),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = process.argv.includes("--optional") ? 0 : 1;
  },
);
