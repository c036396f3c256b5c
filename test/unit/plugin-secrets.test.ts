/** What follows from a secret input is a secret. */
import { Plugin } from "./support/plugin-service";
import { secret } from "./support/secrets";

test("a title that defaults to a secret name is a secret, and one that is set is not", async () => {
  const plugin = new Plugin();
  const flow = { name: secret("Staff"), slug: "staff", designation: "enrollment" };
  expect((await plugin.check("Flow", flow)).inputs).toMatchObject({ name: secret("Staff"), title: secret("Staff") });
  expect((await plugin.check("Flow", { ...flow, title: "Welcome" })).inputs).toMatchObject({ title: "Welcome" });
});

test("the pk that an entry of a batch imports is a secret, however the program passes it", async () => {
  const pk = "0f9c1c67-4a0b-4c69-9d4a-d1a6f0fb9f0e";
  const { inputs } = await new Plugin().check("InvitationBatch", {
    validFor: "14d",
    invitations: { ada: { import: pk }, bob: {} },
  });
  expect(inputs).toMatchObject({ invitations: { ada: { import: secret(pk) }, bob: {} } });
});

test("a diff of fixedData that is a secret does not list its keys", async () => {
  const plugin = await Plugin.start({ url: "https://authentik.example.com", token: "t0ken" });
  const inputs = { name: "jane", expires: "2037-01-01T00:00:00Z", singleUse: false };
  const state = { ...inputs, pk: "a", status: "pending", issuedAt: "2026-01-01T00:00:00Z", fixedData: { account: 1 } };
  const diff = await plugin.diff("Invitation", state, { ...inputs, fixedData: secret({ account: 2 }) });
  expect([...diff.getDetaileddiffMap().keys()]).toEqual(["fixedData"]);
});
