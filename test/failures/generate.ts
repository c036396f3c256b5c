/** A part of `npm run docs`: runs the matrix of failures, and writes its page. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { generateFailuresPage, pagePath } from "./page";
import { packageRoot, runMatrixProcess } from "./run";

async function main(): Promise<void> {
  process.stdout.write("docs: running the matrix of failures, which takes half a minute\n");
  const { rows } = await runMatrixProcess("dynamic");
  const broken = rows.filter(({ violations }) => violations.length > 0);
  if (broken.length > 0) throw new Error(`Rules were broken:\n${JSON.stringify(broken, null, 2)}`);
  writeFileSync(join(packageRoot, pagePath), generateFailuresPage(rows));
  process.stdout.write(`docs: wrote ${pagePath}\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
