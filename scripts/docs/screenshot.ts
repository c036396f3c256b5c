/** The second half of `npm run docs`: draws the drift preview of the demo. */
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { drawDriftPreview, driftPreviewPath } from "./drift-preview";

const root = dirname(require.resolve("pulumi-authentik-invitations/package.json"));

async function main(): Promise<void> {
  process.stdout.write("docs: running the demo\n");
  const { status, stdout } = spawnSync(process.execPath, [join(root, "build", "scripts", "demo", "main.js")], {
    cwd: root,
    env: { ...process.env, FORCE_COLOR: "1" },
    encoding: "utf8",
    maxBuffer: 16 * 1024 * 1024,
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (status !== 0) throw new Error(`The demo failed. It printed:\n${stdout}`);
  mkdirSync(dirname(join(root, driftPreviewPath)), { recursive: true });
  writeFileSync(join(root, driftPreviewPath), await drawDriftPreview(stdout));
  process.stdout.write(`docs: wrote ${driftPreviewPath}\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
