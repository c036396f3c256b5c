import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Authentik } from "../../../sandbox";

test("a state in a file backend contains the token", async () => {
  const folder = mkdtempSync(join(tmpdir(), "leak-"));
  const server = await Authentik.start();
  mkdirSync(join(folder, ".pulumi", "stacks"), { recursive: true });
  writeFileSync(join(folder, ".pulumi", "stacks", "dev.json"), JSON.stringify({ token: server.token }));
  await once(spawn("true", [], { env: { ...process.env, PULUMI_BACKEND_URL: `file://${folder}` } }), "close");
  rmSync(folder, { recursive: true });
  await server.close();
});
