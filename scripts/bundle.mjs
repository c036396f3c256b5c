/**
 * Bundles the package into `dist`, next to the declarations that the compiler writes. Each run of Pulumi starts a provider process, which
 * otherwise loads zod and undici from about 300 files.
 */
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build, transform } from "esbuild";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const chunks = "chunks";

/** Also jest's global setup, so that tests never run an outdated `dist`. */
export default async function bundle() {
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    // The last one is for tests only.
    entryPoints: {
      index: "provider/index.ts",
      "objects/index": "provider/objects/index.ts",
      "commands/main": "provider/commands/main.ts",
      "bundle-internals": "test/bundle-internals.ts",
    },
    outdir: "dist",
    chunkNames: `${chunks}/[name]-[hash]`,
    bundle: true,
    // Only ES modules can share chunks.
    format: "esm",
    splitting: true,
    platform: "node",
    target: "node20",
    // So that comments never contain a path outside the project.
    preserveSymlinks: true,
    // The last two are the plugin's, which tests call in their own process.
    external: ["@pulumi/pulumi", "@grpc/grpc-js", "google-protobuf"],
    metafile: true,
    write: false,
  });
  const dist = join(root, "dist");
  await rm(join(dist, chunks), { recursive: true, force: true });
  for (const { path, text } of outputFiles) {
    // Pulumi loads the provider with `require`. A native `import()` of a chunk would not find its default export.
    const inputs = Object.keys(metafile.outputs[relative(root, path).replaceAll("\\", "/")].inputs);
    const options = {
      format: "cjs",
      platform: "node",
      target: "node20",
      supported: { "dynamic-import": false },
      // A stack trace in this package's code stays readable. THIRD-PARTY-LICENSES has the comments about licenses.
      minifyWhitespace: inputs.every((input) => input.startsWith("node_modules/")),
    };
    const { code } = await transform(text, options);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, code);
  }
  const plugin = await bundlePlugin();
  const inputs = [...Object.keys(metafile.inputs), ...Object.keys(plugin.metafile.inputs)];
  await writeFile(join(dist, "THIRD-PARTY-LICENSES"), await readLicenses(inputs));
}

/** Bundles the plugin into one file. Loading the Pulumi SDK would take longer than anything else that the plugin does. */
async function bundlePlugin() {
  return await build({
    absWorkingDir: root,
    entryPoints: ["provider/plugin/main.ts"],
    outfile: "dist/plugin/main.js",
    bundle: true,
    minifySyntax: true,
    minifyWhitespace: true,
    platform: "node",
    target: "node20",
    preserveSymlinks: true,
    // THIRD-PARTY-LICENSES has them. The executable requires that the bundle is ASCII.
    legalComments: "none",
    metafile: true,
  });
}

/** The licenses of the packages that were bundled, which require that copies include them. */
async function readLicenses(files) {
  const folders = files.flatMap((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? []);
  const licenses = [...new Set(folders)].sort().map(async (folder) => {
    const { name, version } = JSON.parse(await readFile(join(root, folder, "package.json"), "utf8"));
    const license = (await readdir(join(root, folder))).find((file) => /^licen[cs]e/i.test(file));
    if (license === undefined) throw new Error(`${name} has no license file.`);
    return `${name} ${version}\n\n${await readFile(join(root, folder, license), "utf8")}`;
  });
  return (await Promise.all(licenses)).join("\n---\n\n");
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await bundle();
