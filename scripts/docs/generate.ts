/**
 * The first half of `npm run docs`: writes the classes from the declarations of the objects, and from the doc comments of all classes and functions the
 * pages and the schema of the plugin.
 */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { generateClasses } from "./classes";
import { generatePages } from "./pages";
import { generateSchema, schemaPath } from "./schema";

const root = dirname(require.resolve("pulumi-authentik-invitations/package.json"));
const docs = join(root, "docs");
for (const [path, source] of generateClasses(root)) writeFileSync(join(root, path), source);
const pages = generatePages(root);

for (const folder of ["resources", "functions"]) {
  mkdirSync(join(docs, folder), { recursive: true });
  for (const file of readdirSync(join(docs, folder)))
    if (!pages.has(`${folder}/${file}`)) rmSync(join(docs, folder, file));
}
for (const [path, markdown] of pages) writeFileSync(join(docs, path), markdown);
writeFileSync(join(root, schemaPath), generateSchema(root));
process.stdout.write(`docs: wrote ${pages.size} pages and the schema of the plugin\n`);
