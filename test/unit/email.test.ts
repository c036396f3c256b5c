import { Invitation as invitationProvider } from "pulumi-authentik-invitations/provider";
import { originInput } from "../../provider/common/origin";
import { Authentik, type InjectedFailure, type Mail } from "../../sandbox";
import { Batch, batchInputs, catchPartialFailure } from "./support/batch";
import { catchError } from "./support/catch-error";
import { probePath, sendPath } from "./support/email-requests";
import { waysToLoseAResponse } from "./support/embedded-authentik";
import { addFlow } from "./support/enrollment";
import { configureWith } from "./support/http-mocks";
import { invitationInputs, type Properties } from "./support/invitation";
import { secret, unwrapSecrets } from "./support/secrets";
import { warnings } from "./support/warnings";

const json = { "content-type": "application/json" };

jest.setTimeout(30_000);

const log = jest.spyOn(console, "log").mockImplementation();

let server: Authentik;

async function start(version: "2024.8" | "2026.2" | "2026.5" = "2026.5"): Promise<void> {
  server = await Authentik.start({ version });
  addFlow(server, "staff");
  await connect();
}

/** Simulates a new provider process. */
async function connect(settings: Record<string, string> = {}): Promise<void> {
  await configureWith(invitationProvider, {
    "authentik:url": server.url,
    "authentik:token": server.token,
    ...settings,
  });
}

beforeEach(() => start());
afterEach(() => server.close());

const declare = (email: unknown, changes: Properties = {}): Properties =>
  invitationInputs({ flow: "staff", email, [originInput]: "dev/0123456789/abcdef012345", ...changes });
const takeMails = (): Mail[] => server.outbox.splice(0);
const takeAddresses = (): string[] => takeMails().map(({ to }) => to);
const takeSends = (): unknown[] =>
  server.requests
    .splice(0)
    .filter(({ path }) => sendPath.test(path))
    .map(({ body }) => body);

async function create(inputs: Properties): Promise<Properties> {
  const { outs } = await invitationProvider.create(inputs);
  return outs as Properties;
}

async function update(state: Properties, inputs: Properties): Promise<Properties> {
  const { outs } = await invitationProvider.update("", state, inputs);
  return outs as Properties;
}

async function hasChanges(state: Properties, inputs: Properties): Promise<boolean> {
  const { changes } = await invitationProvider.diff("", state, inputs);
  return changes !== false;
}

const jane = { to: ["jane@example.com"] };
const janeAndSam = { to: ["jane@example.com", "sam@example.com"] };

describe("the link", () => {
  test("is emailed by one request after the invitation is created", async () => {
    const email = { to: ["a@example.com", "b@example.com"], cc: ["c@example.com"], bcc: ["d@example.com"] };
    const state = await create(declare(email));
    expect(state).toMatchObject({ email, emailedTo: email.to });
    expect(takeSends()).toEqual([{ email_addresses: email.to, cc_addresses: email.cc, bcc_addresses: email.bcc }]);
    expect(takeMails()).toMatchObject([
      { to: "a@example.com", invitationPk: state["pk"], cc: email.cc, bcc: email.bcc },
      { to: "b@example.com", invitationPk: state["pk"], cc: email.cc, bcc: email.bcc },
    ]);
  });

  test("is emailed with a template, first to one address, which shows whether the template works", async () => {
    server.instance.outbox.templates.add("email/welcome.html");
    await create(declare({ to: ["a@example.com", "b@example.com", "c@example.com"], template: "email/welcome.html" }));
    expect(takeSends()).toEqual([
      { email_addresses: ["a@example.com"], template: "email/welcome.html" },
      { email_addresses: ["b@example.com", "c@example.com"], template: "email/welcome.html" },
    ]);
    expect(takeMails().map(({ to, template }) => `${to} ${template}`)).toEqual([
      "a@example.com email/welcome.html",
      "b@example.com email/welcome.html",
      "c@example.com email/welcome.html",
    ]);
  });

  test("is emailed only to added addresses in an update, and to an address that comes back only once", async () => {
    let state = await create(declare(jane));
    takeMails();
    state = await update(state, declare(janeAndSam));
    expect(takeAddresses()).toEqual(["sam@example.com"]);
    state = await update(state, declare({ to: ["Sam@Example.com"], cc: ["c@example.com"] }));
    state = await update(state, declare(jane));
    expect(takeAddresses()).toEqual([]);
    expect(state["emailedTo"]).toEqual(["jane@example.com", "sam@example.com"]);
    expect(server.requests.filter(({ method }) => method === "PUT")).toEqual([]);
    state = await update(state, declare(undefined));
    expect(state).not.toHaveProperty("email");
    expect(takeAddresses()).toEqual([]);
  });

  test("is emailed after the change of another input, with the link as it is then", async () => {
    addFlow(server, "other");
    const state = await create(declare(jane));
    takeMails();
    await update(state, declare({ to: ["sam@example.com"] }, { flow: "other" }));
    expect(takeMails()).toMatchObject([{ to: "sam@example.com", link: expect.stringContaining("/if/flow/other/") }]);
  });

  test("is not emailed on import, but to an address that is added later", async () => {
    const { pk } = await create(declare(undefined));
    const imported = await create(declare(jane, { import: pk }));
    expect(imported).not.toHaveProperty("emailedTo");
    expect(takeSends()).toEqual([]);
    await update(imported, declare(janeAndSam));
    expect(takeAddresses()).toEqual(["sam@example.com"]);
  });

  test("of a retired invitation is never emailed", async () => {
    const state = await create(declare(jane));
    takeSends();
    const used = { ...state, status: "used", retiredAt: "2026-11-24T00:00:00Z", gone: true };
    const unsent = { ...used, __unsentTo: ["sam@example.com"] };
    const declared = declare(janeAndSam);
    expect(await hasChanges({ ...unsent, __secretEmail: true }, declared)).toBe(false);
    for (const retired of [used, unsent]) {
      expect(await hasChanges(retired, declared)).toBe(false);
      expect(await update(retired, declared)).toMatchObject({ status: "used", emailedTo: jane.to });
    }
    const expired = { ...state, expires: "2026-01-01T00:00:00Z" };
    expect(await update(expired, { ...declared, expires: "2026-01-01T00:00:00Z" })).toMatchObject({ email: jane });
    expect(takeSends()).toEqual([]);
  });
});

test.each(Object.entries(waysToLoseAResponse))(
  "a send request whose response is lost (%s) counts as sent, with a warning that names the addresses",
  async (_way, failure) => {
    server.injectFailure({ method: "POST", path: sendPath, when: "after", ...failure });
    const state = await create(declare(janeAndSam));
    expect(state).toMatchObject({ emailedTo: janeAndSam.to });
    expect(state).not.toHaveProperty("__unsentTo");
    expect(warnings()).toEqual([
      expect.stringMatching(
        /^Invitation "jane": the link may or may not have been emailed to jane@example\.com, sam@example\.com, and is not emailed there again\. .*Check authentik's event log for email_sent\./,
      ),
    ]);
    expect(warnings()[0]).not.toContain(String(state["pk"]));
    expect(takeSends()).toHaveLength(1);
    expect(await hasChanges(state, declare(janeAndSam))).toBe(false);
  },
);

const html = { "content-type": "text/html" };
const permissions = /permission \S+\.add_invitation or authentik_stages_invitation\.view_invitation/;
const certainFailures: Record<string, [InjectedFailure, RegExp]> = {
  "400": [{ status: 400, body: '{"error":"No"}', headers: json }, /error: No/],
  "403": [{ status: 403, body: '{"detail":"No"}', headers: json }, permissions],
  "404 as JSON": [{ status: 404, body: '{"detail":"Gone"}', headers: json }, /returned 404: Gone/],
  "404 as HTML": [{ status: 404, body: "<title>x</title>", headers: html }, /did not come from/],
  "a redirect": [{ status: 302, headers: { location: "https://login.example.com/" } }, /redirects/],
  "429 with a long wait": [{ status: 429, headers: { "retry-after": "3600" } }, /limits the rate/],
};

test.each(Object.entries(certainFailures))(
  "a send request that certainly failed (%s) keeps the invitation in the state, and the next run sends what is missing, and only that",
  async (_way, [failure, reason]) => {
    server.injectFailure({ method: "POST", path: sendPath, ...failure });
    const declared = declare(jane, { __provider: "source" });
    const { id, properties, reasons } = await catchPartialFailure(create(declared));
    expect(id).toMatch(/^[0-9a-f]{16}$/);
    expect(properties).toMatchObject({ name: "jane", __unsentTo: jane.to, __provider: "source" });
    expect(properties).not.toHaveProperty("emailedTo");
    expect(reasons).toEqual([
      expect.stringMatching(/^The link was not emailed to jane@example\.com, and the next `pulumi up` tries again\. /),
    ]);
    expect(reasons[0]).toMatch(reason);
    expect(reasons[0]).not.toContain(String(properties["pk"]));
    expect(takeMails()).toEqual([]);

    const { props = {}, inputs = {} } = await invitationProvider.read("", properties);
    expect(inputs).not.toHaveProperty("email");
    for (const state of [properties, props as Properties]) expect(await hasChanges(state, declared)).toBe(true);
    expect(log).toHaveBeenCalledWith(
      'Invitation "jane": the link will be emailed to jane@example.com, because the last run did not email it.',
    );
    server.requests.length = 0;
    const state = await update(props as Properties, declared);
    expect(state).toMatchObject({ emailedTo: jane.to });
    expect(state).not.toHaveProperty("__unsentTo");
    expect(takeAddresses()).toEqual(jane.to);
    expect(server.requests.filter(({ method }) => method !== "GET")).toHaveLength(1);
    expect(await hasChanges(state, declared)).toBe(false);
  },
);

test("an unreachable server fails the update before anything is changed", async () => {
  const state = await create(declare(jane));
  await connect({ "authentik:url": "http://127.0.0.1:1" });
  const error = await catchError(update(state, declare(janeAndSam)));
  expect(error.message).toContain("Could not connect to authentik");
  expect(error).not.toHaveProperty("properties");
});

test("a template that does not exist fails with its name in the reason, and is corrected by the next run", async () => {
  const to = ["a@example.com", "b@example.com"];
  const { properties, reasons } = await catchPartialFailure(create(declare({ to, template: "email/no-such.html" })));
  expect(reasons).toEqual([expect.stringContaining("Correct email.template.")]);
  expect(properties).toMatchObject({ __unsentTo: to });
  expect(takeSends()).toHaveLength(1);
  await update(properties, declare({ to }));
  expect(takeAddresses()).toEqual(to);
});

describe("a server that cannot send invitations", () => {
  test.each(["2024.8", "2026.2"] as const)("fails before anything is created or changed: %s", async (version) => {
    await server.close();
    await start(version);
    const message = `authentik at ${server.url} cannot send invitations by email; this needs 2026.5 or later. Nothing was created or changed.`;
    const state = await create(declare(undefined));
    server.requests.length = 0;
    const batch = new Batch(server);
    const inputs = batchInputs({ ada: {}, bob: { email: jane } }, { flow: "staff" });
    const operations = [
      () => create(declare(jane)),
      () => update(state, declare(jane, { singleUse: true })),
      () => batch.up(inputs),
    ];
    for (const operate of operations) expect((await catchError(operate())).message).toContain(message);
    expect(server.requests.filter(({ path, method }) => method !== "GET" && !probePath.test(path))).toEqual([]);
  });

  test("is recognized by one request in each process, which is retried if its response is lost", async () => {
    server.injectFailure({ method: "POST", path: probePath, when: "after", disconnect: true });
    await Promise.all(["a", "b", "c"].map((name) => create(declare(jane, { name }))));
    const probes = server.requests.filter(({ path }) => probePath.test(path));
    expect(probes.map(({ body }) => body)).toEqual([{ email_addresses: [] }, { email_addresses: [] }]);
    expect(takeAddresses()).toEqual([...jane.to, ...jane.to, ...jane.to]);
    expect(warnings()).toEqual([]);
    await create(declare(undefined, { name: "d" }));
    await connect();
    server.requests.length = 0;
    await create(declare(undefined, { name: "e" }));
    expect(server.requests.filter(({ path }) => path.endsWith("/send_email/"))).toEqual([]);
  });
});

// What is printed is proven by test/engine/email.test.ts.
describe("secret addresses", () => {
  const secretly = (to: string[]): Properties =>
    declare({ to, cc: ["c0py@example.com"] }, { __secretInputs: ["email"] });

  test("are counted in the reason of a failure, which quotes nothing of the response", async () => {
    const body = '{"email_addresses":["sam@example.com is no friend of c0py@example.com"]}';
    server.injectFailure({ method: "POST", path: sendPath, status: 400, body, headers: json });
    const { reasons, properties } = await catchPartialFailure(create(secretly(janeAndSam.to)));
    expect(properties["__unsentTo"]).toEqual(secret(janeAndSam.to));
    expect(reasons).toEqual([
      expect.stringMatching(/to 2 addresses.*email\.to: \(not shown, because it may repeat a secret of the request\)/),
    ]);
  });

  test("are stored in emailedTo as a secret", async () => {
    const emailedTo = secret(jane.to);
    const state = await create(secretly(jane.to));
    expect(state).toMatchObject({ emailedTo });
    const plain = unwrapSecrets(state) as Properties;
    const { props } = await invitationProvider.read("", plain);
    expect(props).toMatchObject({ emailedTo });
    expect(await update(plain, { ...secretly(jane.to), singleUse: true })).toMatchObject({ emailedTo });
    const { __secretInputs: _, ...published } = secretly(jane.to);
    const { __secretInputs: __, ...older } = { ...plain, __secretEmail: true } as Properties;
    expect(await hasChanges(older, secretly(jane.to))).toBe(false);
    expect(await hasChanges(older, published)).toBe(true);
    expect(await hasChanges(plain, published)).toBe(true);
    expect(await update(plain, published)).toMatchObject({ emailedTo: ["jane@example.com"] });
  });
});

describe("a batch", () => {
  let batch: Batch;
  beforeEach(() => {
    batch = new Batch(server);
  });
  const inputs = (addresses: Record<string, string[]>, changes: Properties = {}): Properties =>
    batchInputs(Object.fromEntries(Object.entries(addresses).map(([key, to]) => [key, { email: { to } }])), {
      flow: "staff",
      ...changes,
    });

  test("keeps which addresses are missing after a failed request, over a refresh, and after a failed update", async () => {
    const first = inputs({ ada: ["ada@example.com"], bob: ["bob@example.com"] });
    server.injectFailure({ method: "POST", path: sendPath, status: 403, body: "{}", headers: json });
    const { reasons } = await catchPartialFailure(batch.up(first));
    expect(reasons).toEqual([expect.stringMatching(/^invitations\.\w+: The link was not emailed to \w+@example\.com/)]);
    const [sent = ""] = takeAddresses();
    await batch.refresh();
    const missing = sent === "ada@example.com" ? "bob" : "ada";
    expect(batch.inputs["invitations"]).toMatchObject({ [missing]: {} });
    // The PUT of the missing one fails, so its link is not emailed either.
    const second = inputs(
      { ada: ["ada@example.com", "a@example.com"], bob: ["bob@example.com", "b@example.com"] },
      { singleUse: true },
    );
    server.injectFailure({ method: "PUT", status: 403, body: "{}", headers: json, times: 2 });
    await catchPartialFailure(batch.up(second));
    expect(takeAddresses()).toEqual([]);
    expect(await batch.up(second)).toBe("update");
    expect(takeAddresses().sort()).toEqual(["a@example.com", "b@example.com", `${missing}@example.com`].sort());
    expect(await batch.up(second)).toBe("same");
  });

  test("imports an entry without emailing it", async () => {
    const { pk } = await create(declare(undefined, { name: "intake-ada" }));
    const entry = { ada: { expires: "2031-05-06T07:08:09Z", import: pk, email: jane } };
    await batch.up(batchInputs(entry, { validFor: undefined, flow: "staff" }));
    expect(takeSends()).toEqual([]);
  });
});
