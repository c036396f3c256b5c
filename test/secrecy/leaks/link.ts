import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { Authentik } from "../../../sandbox";

test("a process prints a link to standard error", async () => {
  const server = await Authentik.start();
  const { pk } = server.instance.invitations.add({ name: "jane" });
  const { stderr } = await promisify(execFile)("sh", [
    "-c",
    `echo 'https://authentik.test/if/flow/x/?itoken=${pk}' >&2`,
  ]);
  expect(stderr).toContain("itoken");
  await server.close();
});
