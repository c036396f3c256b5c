/** The second half of `npm run docs`: draws the pictures from real runs: the demo's drift preview, and the comment of `ci preview`. */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { drawDriftPreview, driftPreviewPath } from "./drift-preview";
import { commentPath, commentPicturePath, drawComment } from "./preview-comment";

const root = dirname(require.resolve("pulumi-authentik-invitations/package.json"));

function run(name: string, args: readonly string[], env: Readonly<Record<string, string>>): string {
  process.stdout.write(`docs: running ${name}\n`);
  const { status, stdout } = spawnSync(process.execPath, args, {
    cwd: root,
    env: { ...process.env, ...env },
    encoding: "utf8",
    maxBuffer: 16 * 1024 * 1024,
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (status !== 0) throw new Error(`${name} failed. It printed:\n${stdout}`);
  return stdout;
}

function write(path: string, picture: string | Buffer): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), picture);
  process.stdout.write(`docs: wrote ${path}\n`);
}

async function main(): Promise<void> {
  const output = run("the demo", [join(root, "build", "scripts", "demo", "main.js")], { FORCE_COLOR: "1" });
  write(driftPreviewPath, await drawDriftPreview(output));
  run("a pipeline", [join(root, "node_modules", "jest", "bin", "jest.js"), "test/gitops/yaml.test.ts"], {
    UPDATE_DOCS: "true",
  });
  write(commentPicturePath, await drawComment(readFileSync(join(root, commentPath), "utf8")));
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
