import { execFileSync } from "node:child_process";
import { Authentik } from "../../../sandbox";

test("a command whose purpose is to print secrets prints a pk", async () => {
  const server = await Authentik.start();
  const { pk } = server.instance.invitations.add({ name: "jane" });
  execFileSync("echo", ["stack", "output", "--show-secrets", pk]);
  await server.close();
});
