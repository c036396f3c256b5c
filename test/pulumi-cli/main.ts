/**
 * Makes sure of a Pulumi CLI, and says where it is: `node build/test/pulumi-cli/main.js`. With `--json` what it found
 * is printed as JSON. With `--optional` its absence is told, but is no failure: the tests that need it say so themselves.
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
