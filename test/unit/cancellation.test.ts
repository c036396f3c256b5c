/**
 * Ctrl+C: what the plugin has sent is finished, and nothing else is sent. test/engine/plugin.test.ts proves that for a batch. Each test has a process
 * of its own, which stays cancelled.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Authentik } from "../../sandbox";
import { catchError } from "./support/catch-error";
import { PluginProcess } from "./support/plugin";
import { waitUntil } from "./support/wait-until";

const invitationsPath = "/api/v3/stages/invitation/invitations/";
const cancelled = "The run was cancelled before the request was sent";

jest.setTimeout(30_000);

let server: Authentik;
let plugin: PluginProcess;

beforeEach(async () => {
  server = await Authentik.start();
  plugin = await PluginProcess.start(server);
});
afterEach(async () => {
  plugin.stop();
  await server.close();
});

/** The invitations that were asked for so far. */
function posts(): number {
  return server.requests.filter(({ method, path }) => method === "POST" && path === invitationsPath).length;
}

const waitForPost = (): Promise<void> => waitUntil(() => posts() > 0);

test("a request that was rejected is not sent again, however long the server asks to wait", async () => {
  server.injectFailure({ method: "POST", status: 429, headers: { "retry-after": "30" }, times: 9 });
  const invitations = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`k${index}`, {}]));
  const creation = catchError(plugin.create("InvitationBatch", { validFor: "14d", invitations }));
  await waitForPost();
  await sleep(200);
  await plugin.cancel();
  const sent = posts();
  expect((await creation).message).toContain(cancelled);
  expect(posts()).toBe(sent);
});

test("an invitation whose response is lost is looked up, and kept", async () => {
  server.latency = 300;
  server.injectFailure({ method: "POST", when: "after", disconnect: true });
  const creation = plugin.create("Invitation", { validFor: "14d" });
  await waitForPost();
  await plugin.cancel();
  const [invitation] = [...server.instance.invitations.all()];
  expect(await creation).toMatchObject({ pk: invitation?.pk });
});
