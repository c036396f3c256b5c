/** What the plugin warns about, through the engine's log. The program does so for dynamic resources: see resources.test.ts and email-program.test.ts. */
import { Plugin } from "./support/plugin-service";

const settings = { url: "https://authentik.example.com", token: "t0ken" };
const issued = { fixedData: {}, singleUse: false, name: "jane" };

function hoursFromNow(hours: number): string {
  return `${new Date(Date.now() + hours * 3_600_000).toISOString().slice(0, 19)}Z`;
}

describe("an invitation that expires soon", () => {
  const base = { ...issued, pk: "a", status: "pending", issuedAt: hoursFromNow(-240) };
  const state = (expires: string, more: object = {}): Record<string, unknown> => ({ ...base, expires, ...more });

  test("is a warning on the resource, once per run", async () => {
    const plugin = await Plugin.start(settings);
    const expires = hoursFromNow(10);
    await plugin.diff("Invitation", state(expires), { ...issued, expires });
    await plugin.diff("Invitation", state(expires), { ...issued, expires });
    expect(plugin.warnings).toEqual([`jane: the invitation expires within a day, on ${expires}`]);
  });

  test("does not name an expiry that is secret", async () => {
    const plugin = await Plugin.start(settings);
    const expires = hoursFromNow(10);
    const secret = { __secretInputs: ["expires"] };
    await plugin.diff("Invitation", state(expires, secret), { ...issued, ...secret, expires });
    expect(plugin.warnings).toEqual(["jane: the invitation expires within a day"]);
  });

  test("is not one if it has most of its life left, is extended, or is about to be replaced", async () => {
    const plugin = await Plugin.start(settings);
    const [soon, later] = [hoursFromNow(10), hoursFromNow(100)];
    await plugin.diff("Invitation", state(later), { ...issued, expires: later });
    await plugin.diff("Invitation", state(soon, { issuedAt: hoursFromNow(-1) }), { ...issued, expires: soon });
    await plugin.diff("Invitation", state(soon), { ...issued, expires: later });
    await plugin.diff("Invitation", state(soon), { ...issued, expires: soon, keepers: { round: 2 } });
    expect(plugin.warnings).toEqual([]);
  });
});

describe("links that invitees may not be able to open", () => {
  const host =
    "default: authentik-invitations:url is http://localhost:9000/auth, so links to invitations have the host localhost:9000, which invitees may not be able to open. Set authentik-invitations:publicUrl to the URL under which invitees reach authentik.";

  test("are a warning on the provider at preview, once for all resources", async () => {
    const plugin = await Plugin.start({ ...settings, url: "http://localhost:9000/auth" });
    await plugin.previewCreate("Flow", { slug: "staff" });
    await plugin.previewCreate("Invitation", { validFor: "14d" });
    expect(plugin.warnings).toEqual([]);
    await plugin.previewCreate("Invitation", { flow: "staff", validFor: "14d" });
    await plugin.previewCreate("InvitationBatch", { validFor: "14d", invitations: { ada: { flow: "staff" } } });
    expect(plugin.warnings).toEqual([host]);
    await plugin.previewCreate("InvitationBatch", {
      validFor: "14d",
      invitations: { ada: { flow: "staff", email: { to: ["ada@example.com"] } } },
    });
    expect(plugin.warnings).toEqual([
      host,
      "default: authentik-invitations:url has the path /auth, which authentik leaves out of the links in its emails. Send the output link instead of setting email.",
    ]);
  });

  test("are none with a publicUrl", async () => {
    const publicUrl = "https://id.example.com";
    const plugin = await Plugin.start({ ...settings, url: "http://localhost:9000", publicUrl });
    await plugin.previewCreate("Invitation", { flow: "staff", validFor: "14d", email: { to: ["ada@example.com"] } });
    expect(plugin.warnings).toEqual([]);
  });
});
