import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { canary } from "../canary";

test("a plan contains a secret address", async () => {
  const folder = mkdtempSync(join(tmpdir(), "leak-"));
  writeFileSync(join(folder, "plan.json"), JSON.stringify({ email: encodeURIComponent(`${canary()}@example.com`) }));
  const env = { ...process.env, PULUMI_BACKEND_URL: `file://${folder}` };
  await once(spawn("true", [], { cwd: folder, env }), "close");
  rmSync(folder, { recursive: true });
});
