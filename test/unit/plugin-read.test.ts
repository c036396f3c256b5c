/** What the plugin reads for `pulumi import` and for `get`. */
import { invitationId } from "../../provider/common/pk";
import { signatureKey, unknownValue } from "../../provider/common/reserved-strings";
import { Authentik } from "../../sandbox";
import { catchError } from "./support/catch-error";
import { PluginProcess } from "./support/plugin";
import { secret, withoutSecrets } from "./support/secrets";

let server: Authentik;
let plugin: PluginProcess;

beforeAll(async () => {
  server = await Authentik.start();
  plugin = await PluginProcess.start(server);
});
afterAll(async () => {
  plugin.stop();
  await server.close();
});

async function createInvitation(fixed_data: object = { pin: "4711" }): Promise<{ pk: string; id: string }> {
  const { body } = await server.request("POST", "/api/v3/stages/invitation/invitations/", {
    name: "partners",
    expires: "2037-01-31T23:59:59Z",
    fixed_data,
  });
  const { pk } = body as { pk: string };
  return { pk, id: invitationId(pk) };
}

test("an import by pk is a warning that names the id, and not the pk", async () => {
  const { pk, id } = await createInvitation();
  await plugin.read("Invitation", id);
  await plugin.read("Invitation", pk.toUpperCase());
  const reported = await plugin.reported(`Import it by its id instead: ${id}`);
  expect(reported.match(/imported by its pk/g)).toHaveLength(1);
  expect(reported.toLowerCase()).not.toContain(pk);
});

// The engine prints the inputs of an import, also of one whose program declares them as secrets.
test("an import by id or pk has the id as its id, and fixedData as a secret", async () => {
  const { pk, id } = await createInvitation();
  for (const given of [id, pk]) {
    const read = await plugin.read("Invitation", given);
    expect(read.id).toBe(id);
    expect(read.inputs).toMatchObject({ name: "partners", fixedData: secret({ pin: "4711" }) });
    expect(withoutSecrets(read)).not.toContain(pk);
  }
});

describe("`get`", () => {
  // The program that declares the invitation may declare it as a secret.
  test("reads fixedData as a secret, which it stays after a refresh", async () => {
    const { id } = await createInvitation();
    const read = await plugin.read("Invitation", id, {}, {});
    expect(read.state).toMatchObject({ name: "partners", status: "pending", fixedData: secret({ pin: "4711" }) });
    const refreshed = await plugin.read("Invitation", id, read.state, {});
    expect(refreshed.state).toEqual(read.state);
    expect(withoutSecrets(refreshed)).not.toContain("4711");
  });

  test("ignores what the program says about the state", async () => {
    const { id } = await createInvitation();
    const state = { name: "another" };
    expect((await plugin.read("Invitation", id, state, state)).state).toMatchObject({ name: "partners" });
  });
});

test("an import by id that authentik denies is an error without a stack trace", async () => {
  server.injectFailure({ method: "GET", status: 403, body: "{}" });
  const { message } = await catchError(plugin.read("Invitation", "0123456789abcdef"));
  expect(message).toMatch(/^2 UNKNOWN: Could not list the invitations: GET \S+ returned 403/);
  expect(message).not.toMatch(/\n\s+at /);
});

// The engine would fail on the placeholder and the signatures, and read the file of an asset.
test("what Pulumi reserves is broken up in fixedData that other people wrote", async () => {
  const asset = "c44067f5952c0a294b673a41bacd8c17";
  const { id } = await createInvitation({ a: unknownValue, b: { [signatureKey]: asset, path: "/etc/hostname" } });
  const { state } = await plugin.read("Invitation", id, {}, {});
  const broken = { a: `${unknownValue} `, b: { [`${signatureKey} `]: asset, path: "/etc/hostname" } };
  expect(state).toMatchObject({ fixedData: secret(broken) });
  expect(state).not.toHaveProperty("issuedAt");
});

const notFound =
  "authentik has no invitation with the id 0123456789abcdef that the token's user is allowed to view (permission authentik_stages_invitation.view_invitation).";
const notAnId =
  "The id of an invitation has 16 hexadecimal digits. Pass the id, which getInvitations and the command audit return, or the pk, a UUID.";

test.each([
  ["Invitation", "0123456789abcdef", notFound],
  ["Invitation", "partners", notAnId],
  ["Flow", "staff", "The pk of the flow must be a UUID, not a name or slug. Look it up with getFlow."],
])("%s cannot be imported by %s", async (type, id, message) => {
  expect((await catchError(plugin.read(type, id))).message).toBe(`2 UNKNOWN: ${message}`);
});
