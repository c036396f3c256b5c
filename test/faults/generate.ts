/** A part of `npm run docs`: tries all faults and writes the page with the results. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { generateFaultsPage, pagePath } from "./page";
import { packageRoot, runMatrixProcess } from "./run";

async function main(): Promise<void> {
  process.stdout.write("docs: trying all faults, which takes a minute\n");
  const { rows } = await runMatrixProcess();
  const broken = rows.filter(({ violations }) => violations.length > 0);
  if (broken.length > 0) throw new Error(`Rules were broken:\n${JSON.stringify(broken, null, 2)}`);
  writeFileSync(join(packageRoot, pagePath), generateFaultsPage(rows));
  process.stdout.write(`docs: wrote ${pagePath}\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
