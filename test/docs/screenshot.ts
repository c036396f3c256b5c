/** The second half of `npm run docs`: runs the demo and draws its drift preview, which README shows. */
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { drawDriftPreview, driftPreviewPath } from "./drift-preview";

const root = dirname(require.resolve("pulumi-authentik-invitations/package.json"));

async function main(): Promise<void> {
  process.stdout.write("docs: running the demo to capture its drift preview\n");
  const { status, stdout } = spawnSync(process.execPath, [join(root, "build", "test", "demo", "main.js")], {
    cwd: root,
    env: { ...process.env, FORCE_COLOR: "1" },
    encoding: "utf8",
    maxBuffer: 16 * 1024 * 1024,
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (status !== 0) throw new Error(`The demo failed. It printed:\n${stdout}`);
  const path = join(root, driftPreviewPath);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, await drawDriftPreview(stdout));
  process.stdout.write(`docs: wrote ${driftPreviewPath}\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
