/**
 * `node build/scripts/pulumi-cli/main.js`: finds or installs a Pulumi CLI, and prints its path. `--json` prints all properties as
 * JSON. `--optional` exits with code 0 even if there is none, because the tests that need it fail with the same error.
 */
import { findPulumi } from "./index";

async function main(): Promise<void> {
  const pulumi = await findPulumi();
  process.stdout.write(
    process.argv.includes("--json")
      ? `${JSON.stringify(pulumi)}\n`
      : `Pulumi ${pulumi.version} (${pulumi.origin}): ${pulumi.command}\n`,
  );
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = process.argv.includes("--optional") ? 0 : 1;
});
