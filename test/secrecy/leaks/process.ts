import { execFileSync } from "node:child_process";
import { Authentik } from "../../../sandbox";

test("a process prints the pk of an invitation without dashes", async () => {
  const server = await Authentik.start();
  const { pk } = server.instance.invitations.add({ name: "jane" });
  execFileSync("echo", [`id=${pk.replaceAll("-", "").toUpperCase()}`]);
  await server.close();
});
