/** `npm run sdks`: writes the SDKs for Python, TypeScript and Go to `build/sdks`. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { generateSdks, languages } from "./index";

async function main(): Promise<void> {
  const folder = join(process.cwd(), "build", "sdks");
  await mkdir(folder, { recursive: true });
  await generateSdks(folder);
  for (const language of languages) console.log(join(folder, language));
}

void main();
