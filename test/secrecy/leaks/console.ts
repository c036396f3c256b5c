import { Authentik } from "../../../sandbox";

test("the test prints a pk", async () => {
  const server = await Authentik.start();
  console.log(server.instance.invitations.add({ name: "jane" }).pk);
  await server.close();
});
