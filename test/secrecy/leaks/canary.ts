import { execFileSync } from "node:child_process";
import { canary } from "../canary";

test("a process prints a secret in base64, in the middle of other bytes", () => {
  execFileSync("echo", [Buffer.from(`user:${canary().toUpperCase()}@example.com`).toString("base64")]);
});
