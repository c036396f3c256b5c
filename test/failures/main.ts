/** Runs the matrix of failures behind the door that the argument names, and prints the results as JSON. A separate process, because it changes settings of Node.js and undici. */
import "./bundle";
import type { Door } from "../unit/support/doors";
import { runMatrix } from "./matrix";
import { containsSecret } from "./secrets";

async function main(): Promise<void> {
  const output = `${JSON.stringify(await runMatrix(process.argv[2] as Door))}\n`;
  if (containsSecret(output)) throw new Error("The results contain a secret.");
  process.stdout.write(output);
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
