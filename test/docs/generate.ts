/** `npm run docs`: writes the pages that are made from the doc comments. */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { makePages } from "./pages";

const root = dirname(require.resolve("pulumi-authentik-invitations/package.json"));
const docs = join(root, "docs");
const pages = makePages(root);

for (const folder of ["resources", "functions"]) {
  mkdirSync(join(docs, folder), { recursive: true });
  for (const file of readdirSync(join(docs, folder)))
    if (!pages.has(`${folder}/${file}`)) rmSync(join(docs, folder, file));
}
for (const [path, text] of pages) writeFileSync(join(docs, path), text);
process.stdout.write(`docs: ${pages.size} pages.\n`);
