import { InvitationBatch as batchProvider } from "pulumi-authentik-invitations/provider";
import { unknownValue } from "../../provider/common/reserved-strings";
import type { InvitationState } from "../../provider/objects/invitation/state";
import { type BatchInputs, toInvitationInputs } from "../../provider/objects/invitation-batch/inputs";
import { type BatchState, toBatchState, toInvitationStates } from "../../provider/objects/invitation-batch/state";
import { Authentik } from "../../sandbox";
import { Batch, batchInputs, catchPartialFailure, countRequests, type Properties, takeRequests } from "./support/batch";
import { catchError } from "./support/catch-error";
import { advanceClock, useFakeClock } from "./support/clock";
import { addFlow, openLink } from "./support/enrollment";
import { takeWarnings, warnings } from "./support/warnings";

// Hundreds of requests take longer on a busy machine.
jest.setTimeout(60_000);

const listRequest = "GET /stages/invitation/invitations/?search=intake&ordering=pk&page_size=500&page=1";
const log = jest.spyOn(console, "log").mockImplementation();

let server: Authentik;
let batch: Batch;

beforeEach(async () => {
  log.mockClear();
  server = await Authentik.start();
  batch = new Batch(server);
});
afterEach(() => server.close());

const invitationNames = (): string[] => [...server.instance.invitations.all()].map(({ name }) => name).sort();
const deny = (method: string, times = 1): void => server.injectFailure({ method, status: 403, times, body: "{}" });
const expectSecondRunToChangeNothing = async (inputs: Properties): Promise<void> => {
  takeRequests(server);
  expect(await batch.up(inputs)).toBe("same");
  expect(takeRequests(server)).toEqual([]);
};

describe("a batch", () => {
  test("sends one POST per key, and nothing in a second run", async () => {
    const inputs = batchInputs(
      { ada: { fixedData: { email: "ada@example.com" } }, grace: { singleUse: false, name: "grace-h" }, joan: {} },
      { singleUse: true, fixedData: { attributes: { cohort: "2027" } } },
    );
    expect(await batch.up(inputs)).toBe("create");
    expect(invitationNames()).toEqual(["grace-h", "intake-ada", "intake-joan"]);
    expect(countRequests(server)).toMatchObject({ POST: 3 });
    const rows = new Map([...server.instance.invitations.all()].map((row) => [row.name, row]));
    expect(rows.get("intake-ada")).toMatchObject({
      fixedData: { attributes: { cohort: "2027" }, email: "ada@example.com" },
      singleUse: true,
    });
    expect(rows.get("grace-h")).toMatchObject({ singleUse: false });
    expect(batch.statuses).toEqual({ ada: "pending", grace: "pending", joan: "pending" });
    await expectSecondRunToChangeNothing(inputs);
    await batch.refresh();
    // The search for the prefix does not find the entry with a name of its own.
    expect(takeRequests(server)).toEqual([listRequest, "GET /stages/invitation/invitations/{pk}/"]);
    await expectSecondRunToChangeNothing(inputs);
  });

  test("takes keys that every JavaScript object has for keys like any other", async () => {
    const keys = ["ada", "constructor", "toString", "valueOf", "hasOwnProperty", "__proto__"];
    const entries = (properties: Properties) => Object.fromEntries(keys.map((key) => [key, properties]));
    const emailed = { ada: { flow: "enrollment", email: { to: ["ada@example.com"] } } };
    server.instance.flows.add({ name: "x", slug: "enrollment", title: "x", designation: "enrollment" });
    await batch.up(batchInputs({ ...emailed }));
    await batch.up(batchInputs({ ...entries({}), ...emailed }));
    expect(Object.keys(batch.pks).sort()).toEqual([...keys].sort());
    await expectSecondRunToChangeNothing(batchInputs({ ...entries({}), ...emailed }));
    const changed = batchInputs(entries({ fixedData: JSON.parse('{"__proto__": 1, "constructor": 2}') }));
    await batch.up(changed);
    await batch.refresh();
    await expectSecondRunToChangeNothing(changed);
    await batch.up(batchInputs({ ada: {} }));
    expect(Object.keys(batch.pks)).toEqual(["ada"]);
  });

  test("sends one request per added, changed and removed key", async () => {
    await batch.up(batchInputs({ ada: {}, grace: {}, joan: {} }));
    takeRequests(server);
    await batch.up(batchInputs({ ada: {}, grace: {}, joan: {}, mary: {} }));
    expect(countRequests(server)).toMatchObject({ POST: 1 });
    const pks = { ...batch.pks };
    await batch.up(batchInputs({ ada: { validFor: "30d" }, grace: {}, joan: {}, mary: {} }));
    expect(countRequests(server)).toEqual({ PUT: 1 });
    await batch.up(batchInputs({ ada: { validFor: "30d" }, grace: {}, mary: {} }));
    expect(countRequests(server)).toEqual({ DELETE: 1 });
    expect(batch.pks).toEqual({ ada: pks["ada"], grace: pks["grace"], mary: pks["mary"] });
    await batch.destroy();
    expect(countRequests(server)).toEqual({ DELETE: 3 });
    expect(invitationNames()).toEqual([]);
  });

  test("updates every invitation if a default changes that none overrides", async () => {
    await batch.up(batchInputs({ ada: {}, grace: { validFor: "1d" } }));
    takeRequests(server);
    await batch.up(batchInputs({ ada: {}, grace: { validFor: "1d" } }, { validFor: "20d" }));
    expect(countRequests(server)).toEqual({ PUT: 1 });
  });

  test("stores onRetired without a request", async () => {
    await batch.up(batchInputs({ ada: {} }));
    takeRequests(server);
    expect(await batch.up(batchInputs({ ada: {} }, { onRetired: "reissue" }))).toBe("update");
    expect(takeRequests(server)).toEqual([]);
    await expectSecondRunToChangeNothing(batchInputs({ ada: {} }, { onRetired: "reissue" }));
  });

  test("is replaced if its connection changes", async () => {
    await batch.up(batchInputs({ ada: {} }));
    const news = batchInputs({ ada: {} }, { connection: "other" });
    expect(await batchProvider.diff(batch.id, batch.outputs, news)).toMatchObject({ replaces: ["connection"] });
  });

  test("cannot be read by an id", async () => {
    await batch.connect();
    expect((await catchError(batchProvider.read("abc"))).message).toBe(
      "An InvitationBatch cannot be read by an id. Import its invitations with import, by entry.",
    );
  });
});

test("keepers still reissue all invitations after a failed attempt", async () => {
  await batch.up(batchInputs({ ada: {}, grace: {} }));
  const first = { ...batch.pks };
  const rotated = batchInputs({ ada: {}, grace: {} }, { keepers: { round: 2 } });
  deny("POST", 2);
  await catchPartialFailure(batch.up(rotated));
  expect(batch.pks).toEqual(first);
  expect(await batch.up(rotated)).toBe("update");
  expect(batch.pk("ada")).not.toBe(first["ada"]);
  expect(batch.pk("grace")).not.toBe(first["grace"]);
  expect(server.instance.invitations.count).toBe(2);
});

describe("a partial failure", () => {
  const keys = Array.from({ length: 30 }, (_, index) => `p${index}`);
  const inputs = batchInputs(Object.fromEntries(keys.map((key) => [key, {}])));

  test("of a creation keeps what was created, names the rest, and the next run continues", async () => {
    deny("POST", 2);
    const failure = await catchPartialFailure(batch.up(inputs));
    expect(failure.stack).toBe("");
    expect(failure.reasons).toHaveLength(2);
    for (const reason of failure.reasons) expect(reason).toMatch(/^invitations\.p\d+: Could not create the invitation/);
    expect(Object.keys(batch.pks)).toHaveLength(28);
    const created = { ...batch.pks };
    takeRequests(server);
    expect(await batch.up(inputs)).toBe("update");
    expect(countRequests(server)).toMatchObject({ POST: 2 });
    expect(batch.pks).toMatchObject(created);
    expect(server.instance.invitations.count).toBe(30);
    await expectSecondRunToChangeNothing(inputs);
  });

  test("of every creation leaves an empty batch, and lists 20 reasons and a count", async () => {
    deny("POST", 30);
    const { reasons } = await catchPartialFailure(batch.up(inputs));
    expect(reasons).toHaveLength(21);
    expect(reasons.at(-1)).toBe("10 more invitations failed");
    expect(batch.pks).toEqual({});
    await batch.up(inputs);
    expect(server.instance.invitations.count).toBe(30);
  });

  test("of updates is not lost: the next run updates the rest", async () => {
    await batch.up(inputs);
    const changed = { ...inputs, fixedData: { round: 2 }, singleUse: true };
    deny("PUT", 3);
    expect((await catchPartialFailure(batch.up(changed))).reasons).toHaveLength(3);
    takeRequests(server);
    await batch.up(changed);
    expect(countRequests(server)).toEqual({ PUT: 3 });
    for (const row of server.instance.invitations.all()) {
      expect(row).toMatchObject({ fixedData: { round: 2 }, singleUse: true });
    }
    await expectSecondRunToChangeNothing(changed);
  });

  test("of a deletion keeps the invitation in the state until it is deleted", async () => {
    await batch.up(batchInputs({ ada: {}, grace: {} }));
    deny("DELETE");
    await catchPartialFailure(batch.up(batchInputs({ ada: {} })));
    expect(Object.keys(batch.pks)).toEqual(["ada", "grace"]);
    expect(await batch.up(batchInputs({ ada: {} }))).toBe("update");
    expect(invitationNames()).toEqual(["intake-ada"]);
  });

  test("of the deletion of a replaced invitation is retried", async () => {
    await batch.up(batchInputs({ ada: {} }));
    const rotated = batchInputs({ ada: { keepers: { round: 2 } } });
    deny("DELETE");
    const { reasons } = await catchPartialFailure(batch.up(rotated));
    expect(reasons).toEqual([
      expect.stringMatching(/^the replaced invitation with the id [0-9a-f]+: Could not delete/),
    ]);
    expect(server.instance.invitations.count).toBe(2);
    expect(await batch.up(rotated)).toBe("update");
    expect(server.instance.invitations.count).toBe(1);
    await expectSecondRunToChangeNothing(rotated);
  });
});

describe("a refresh", () => {
  test("shows the drift of several keys, and the next run reverts it with one PUT each", async () => {
    const inputs = batchInputs(
      { ada: { fixedData: { email: "ada@example.com" } }, grace: {}, joan: {}, mary: {} },
      { fixedData: { cohort: "2027" } },
    );
    await batch.up(inputs);
    await batch.patch("ada", { fixed_data: { cohort: "2027", email: "eve@example.com" } });
    await batch.patch("grace", { single_use: true });
    await batch.patch("joan", { name: "by-hand" });
    await batch.refresh();
    expect(batch.inputs["invitations"]).toEqual({
      ada: { fixedData: { email: "eve@example.com" } },
      grace: { singleUse: true },
      joan: { name: "by-hand" },
      mary: {},
    });
    expect(warnings().sort()).toEqual([
      expect.stringMatching(/^Invitation "intake-ada": fixedData changed outside Pulumi, last by akadmin on /),
      expect.stringMatching(/^Invitation "intake-grace": singleUse changed outside Pulumi, last by akadmin on /),
      expect.stringMatching(/^Invitation "intake-joan": name changed outside Pulumi, last by akadmin on /),
    ]);
    takeRequests(server);
    expect(await batch.up(inputs)).toBe("update");
    expect(countRequests(server)).toEqual({ PUT: 3 });
    await expectSecondRunToChangeNothing(inputs);
  });

  test("twice in a row reports drift of every kind, and the next run reverts it", async () => {
    const flow = server.instance.flows.add({ name: "f", slug: "f", title: "f", designation: "enrollment" });
    const inputs = batchInputs({ ada: {}, grace: { flow: "f" }, joan: { flow: flow.pk }, mary: {} }, { flow: "f" });
    await batch.up(inputs);
    await batch.patch("ada", { flow: null });
    await batch.patch("grace", { flow: null });
    await batch.patch("joan", { flow: null, expires: "2031-01-01T00:00:00Z" });
    await batch.patch("mary", { expires: "2001-01-01T00:00:00Z" });
    await batch.refresh();
    await batch.refresh();
    expect(batch.statuses).toEqual({ ada: "pending", grace: "pending", joan: "pending", mary: "expired" });
    expect(await batch.up(inputs)).toBe("update");
    for (const row of server.instance.invitations.all()) expect(row.flow?.slug).toBe("f");
    expect(batch.statuses["mary"]).toBe("pending");
    await expectSecondRunToChangeNothing(inputs);
  });

  test("reads every invitation singly if the list contains a row that the server cannot read", async () => {
    await batch.up(batchInputs({ ada: {}, grace: {} }));
    server.instance.invitations.add({ name: "intake-broken", isUnreadable: true });
    await batch.refresh();
    expect(batch.statuses).toEqual({ ada: "pending", grace: "pending" });
    expect(warnings()).toEqual([]);
  });
});

describe("a retired invitation", () => {
  beforeEach(() => addFlow(server, "f"));

  test("is kept, and changes to it are ignored with a warning", async () => {
    const inputs = batchInputs({ ada: {}, grace: {} }, { flow: "f", singleUse: true });
    await batch.up(inputs);
    await openLink(server, "f", batch.pk("ada"));
    await batch.refresh();
    expect(batch.statuses).toEqual({ ada: "used", grace: "pending" });
    expect(log.mock.calls.flat()).toEqual(["intake (2 invitations): 2 to create", "intake: used: ada"]);
    await expectSecondRunToChangeNothing(inputs);
    await batch.refresh();
    expect(takeRequests(server)).toEqual([listRequest]);
    takeWarnings();
    expect(await batch.up({ ...inputs, invitations: { ada: { singleUse: false }, grace: {} } })).toBe("same");
    expect(warnings()).toEqual([
      'intake: invitations.ada has been used, so changes to singleUse are ignored. To reissue it, change keepers or set onRetired: "reissue".',
    ]);
  });

  test("with an ignored change does not keep the engine from updating the others", async () => {
    const inputs = batchInputs({ ada: { singleUse: true }, grace: {} }, { flow: "f" });
    await batch.up(inputs);
    await openLink(server, "f", batch.pk("ada"));
    await batch.refresh();
    const ignored = { ...inputs, fixedData: { team: "backend" } };
    expect(await batch.up(ignored)).toBe("update");
    const settings = { "authentik:publicUrl": "https://login.example.com" };
    expect(await batch.up(ignored, settings)).toBe("update");
    expect(batch.outputs["links"]).toMatchObject({ grace: expect.stringMatching(/^https:\/\/login\.example\.com\//) });
    expect(await batch.up(ignored, settings)).toBe("same");
  });

  describe("that has been deleted by the cleanup task", () => {
    useFakeClock();

    test("counts as expired", async () => {
      const inputs = batchInputs({ ada: { expires: new Date(Date.now() + 60_000).toISOString() }, grace: {} });
      await batch.up(inputs);
      advanceClock(60_000);
      server.cleanUpExpired();
      await batch.refresh();
      expect(batch.statuses).toEqual({ ada: "expired", grace: "pending" });
      await expectSecondRunToChangeNothing(inputs);
    });
  });

  test("costs few event requests if hundreds are missing", async () => {
    const keys = Array.from({ length: 150 }, (_, index) => `p${index}`);
    const inputs = batchInputs(Object.fromEntries(keys.map((key) => [key, {}])), { flow: "f", singleUse: true });
    await batch.up(inputs);
    for (const [index, pk] of Object.values(batch.pks).entries()) {
      if (index % 3 === 0) await openLink(server, "f", pk);
      else if (index % 3 === 1) await server.request("DELETE", `/api/v3/stages/invitation/invitations/${pk}/`);
    }
    takeRequests(server);
    await batch.refresh();
    const eventRequests = takeRequests(server).filter((line) => line.includes("/events/"));
    expect(eventRequests.length).toBeLessThanOrEqual(8);
    const statuses = Object.values(batch.statuses);
    expect(statuses.filter((status) => status === "used")).toHaveLength(50);
    expect(statuses.filter((status) => status === "pending")).toHaveLength(50);
    takeRequests(server);
    await batch.up(inputs);
    expect(countRequests(server)).toMatchObject({ POST: 50 });
  });
});

// What an import that differs reports is proven by test/engine/preview.test.ts.
test("import of an entry adopts an existing invitation that matches, without writing", async () => {
  await batch.up(batchInputs({ ada: {} }));
  const pk = batch.pk("ada");
  const adopting = new Batch(server);
  takeRequests(server);
  const inputs = batchInputs({ ada: { import: pk.toUpperCase() } }, { __origin: "dev/aaaaaaaaaa/bbbbbbbbbbbb" });
  await adopting.up(inputs);
  expect(countRequests(server)["POST"]).toBeUndefined();
  expect(adopting.pks).toEqual({ ada: pk });
  expect(JSON.stringify(adopting.outputs["__invitations"])).not.toContain(pk);
  expect(await adopting.up(inputs)).toBe("same");
});

test("an entry that is unknown at preview counts as an update", async () => {
  await batch.up(batchInputs({ ada: {}, bob: {} }));
  const declared = batchInputs({ ada: unknownValue, bob: {} });
  log.mockClear();
  const { changes } = await batchProvider.diff(batch.id, batch.outputs, declared);
  expect(changes).not.toBe(false);
  expect(log.mock.calls).toEqual([["intake (2 invitations): 1 to update"]]);
});

describe("the state", () => {
  const size = 2000;

  test("has at most 500 bytes per invitation, and a refresh sends one request per page", async () => {
    await batch.up(batchInputs({ ada: {} }));
    const keys = Array.from({ length: size }, (_, index) => `person-${index}@example.com`);
    const inputs = batchInputs(Object.fromEntries(keys.map((key) => [key, {}])));
    const [{ expires } = { expires: "" }] = server.instance.invitations.all();
    const [template] = [...(await toInvitationStates(batch.outputs as unknown as BatchState)).values()];
    const declared = await toInvitationInputs(inputs as unknown as BatchInputs);
    const states = new Map(
      [...declared].map(([key, { name }]) => {
        const { pk } = server.instance.invitations.add({ name, expires });
        return [key, { ...template, name, pk } as InvitationState] as const;
      }),
    );
    const state = await toBatchState(inputs as unknown as BatchInputs, states, []);
    const bytes = Buffer.byteLength(JSON.stringify(inputs)) + Buffer.byteLength(JSON.stringify(state));
    expect(bytes / size).toBeLessThanOrEqual(500);
    await batch.connect();
    takeRequests(server);
    await batchProvider.read("id", state as unknown as Properties);
    expect(takeRequests(server)).toHaveLength(Math.ceil((size + 1) / 100));
    expect(warnings()).toEqual([]);
  });
});
