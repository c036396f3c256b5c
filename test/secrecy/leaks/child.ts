import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

/** Starts an embedded authentik, as the demo does, and prints its token. */
const program = `require(process.argv[1]).Authentik.start().then((server) => {
  console.log(server.token);
  return server.close();
});`;

test("a process prints the token of its own embedded authentik", async () => {
  const sandbox = join(__dirname, "..", "..", "..", "build", "sandbox", "index.js");
  const { stdout } = await promisify(execFile)(process.execPath, ["-e", program, sandbox]);
  expect(stdout).toMatch(/^[0-9a-f]{60}\n$/);
});
