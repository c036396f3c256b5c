/** Generates the SDKs with which programs in other languages use the plugin, as `pulumi package add` does. */
import { execFile } from "node:child_process";
import { chmod, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { findPulumi, findSdkGenerator } from "../pulumi-cli";

const run = promisify(execFile);
const root = dirname(require.resolve("pulumi-authentik-invitations/package.json"));

/** The languages, which are also the names of the folders. */
export const languages = ["python", "nodejs", "go"] as const;

/** Writes the SDKs of the plugin in `dist` to a folder. */
export async function generateSdks(folder: string): Promise<void> {
  const plugin = join(root, "dist", "plugin", "main.js");
  await chmod(plugin, 0o755);
  const { command, path } = await findPulumi();
  const env = { ...process.env, PATH: path, PULUMI_SKIP_UPDATE_CHECK: "true" };
  const { stdout } = await run(command, ["package", "get-schema", plugin], { env, maxBuffer: 64 * 1024 * 1024 });
  const schema = join(folder, "schema.json");
  await writeFile(schema, stdout);
  await Promise.all(languages.map((language) => rm(join(folder, language), { recursive: true, force: true })));
  await run(await findSdkGenerator(), [schema, folder, ...languages]);
  await writeGoModule(folder, stdout);
}

/** Makes the SDK for Go a module, so that a program can replace its path by the folder. `go mod tidy` adds what is missing. */
async function writeGoModule(folder: string, schema: string): Promise<void> {
  const { language } = JSON.parse(schema) as { language: { go: { importBasePath: string } } };
  const pins = await readFile(join(root, "scripts", "sdks", "go.mod"), "utf8");
  const [sdk = ""] = /github\.com\/pulumi\/pulumi\/sdk\/v3 v\S+/.exec(pins) ?? [];
  const [goVersion = ""] = /^go .*$/m.exec(pins) ?? [];
  const module = dirname(language.go.importBasePath);
  await writeFile(join(folder, "go", "go.mod"), `module ${module}\n\n${goVersion}\n\nrequire ${sdk}\n`);
}
