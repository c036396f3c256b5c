import fc from "fast-check";
import { Invitation as invitationProvider } from "pulumi-authentik-invitations/provider";
import { Authentik } from "../../sandbox";
import { type Client, connect, InvitationReader, NotFoundError } from "../bundle-internals";
import { runs, timeout } from "../hostile/runs";
import { takeRequests } from "./support/batch";
import { catchError } from "./support/catch-error";
import { configureWith } from "./support/http-mocks";

jest.setTimeout(timeout);

let server: Authentik;
let client: Client;

beforeEach(async () => {
  server = await Authentik.start();
  await configureWith(invitationProvider, { "authentik:url": server.url, "authentik:token": server.token });
  client = connect().client;
});
afterEach(async () => {
  await client.close();
  await server.close();
});

function addInvitations(count: number): string[] {
  return Array.from({ length: count }, (_, index) => server.instance.invitations.add({ name: `i${index}` }).pk);
}

/** Reads with a number of concurrent readers, as the engine does. */
async function readAll(reader: InvitationReader, pks: readonly string[], parallel = 1): Promise<void> {
  const queue = [...pks];
  const work = async (): Promise<void> => {
    for (let pk = queue.shift(); pk !== undefined; pk = queue.shift()) {
      expect((await reader.read(client, pk)).pk).toBe(pk);
    }
  };
  await Promise.all(Array.from({ length: parallel }, work));
}

test("sends at most twice as many requests as the best choice, plus those in flight", async () => {
  const scenarioArb = fc.record({
    others: fc.integer({ min: 0, max: 900 }),
    own: fc.integer({ min: 1, max: 30 }),
    parallel: fc.constantFrom(1, 1, 4, 16),
  });
  await fc.assert(
    fc.asyncProperty(scenarioArb, async ({ others, own, parallel }) => {
      for (const row of [...server.instance.invitations.all()]) server.instance.invitations.remove(row);
      const pks = addInvitations(own);
      addInvitations(others);
      takeRequests(server);
      await readAll(new InvitationReader(client), pks, parallel);
      const pages = Math.ceil((own + others) / 100);
      expect(takeRequests(server).length).toBeLessThanOrEqual(2 * Math.min(own, pages) + parallel - 1);
    }),
    runs(40),
  );
});

test("shares one listing among concurrent reads", async () => {
  const pks = addInvitations(250);
  await readAll(new InvitationReader(client), pks, 16);
  const lists = takeRequests(server).filter((line) => line.includes("page="));
  expect(lists).toEqual([1, 2, 3].map((page) => expect.stringContaining(`ordering=pk&page_size=500&page=${page}`)));
});

test("reads an invitation singly that is missing in the list", async () => {
  const pks = addInvitations(3);
  const reader = new InvitationReader(client);
  await readAll(reader, pks);
  const later = addInvitations(1);
  await readAll(reader, later);
  const deleted = "00000000-0000-4000-8000-000000000000";
  expect(await catchError(reader.read(client, deleted))).toBeInstanceOf(NotFoundError);
});

test("falls back to single reads if the list cannot be read", async () => {
  const pks = addInvitations(4);
  server.instance.invitations.add({ name: "broken", isUnreadable: true });
  await readAll(new InvitationReader(client), pks);
  const lines = takeRequests(server);
  expect(lines.filter((line) => line.endsWith("/{pk}/"))).toHaveLength(4);
});

test("lists again after a list page failed, and less and less often while it does", async () => {
  const pks = addInvitations(300);
  server.injectFailure({ method: "GET", path: /invitations\/$/, when: "before", status: 403, times: 2 });
  await readAll(new InvitationReader(client), pks);
  const lines = takeRequests(server);
  const failed = lines.filter((line) => line.includes("page=1")).length;
  expect(failed).toBe(3);
  expect(lines.filter((line) => line.includes("page=3"))).toHaveLength(1);
  expect(lines.filter((line) => line.endsWith("/{pk}/")).length).toBeLessThan(40);
});

test("lists again in the next refresh after a row was unreadable", async () => {
  const pks = addInvitations(30);
  const broken = server.instance.invitations.add({ name: "broken", isUnreadable: true });
  const reader = new InvitationReader(client);
  await readAll(reader, pks);
  expect(takeRequests(server).filter((line) => line.includes("page="))).toHaveLength(1);
  server.instance.invitations.remove(broken);
  const now = jest.spyOn(Date, "now").mockReturnValue(Date.now() + 60_000);
  await readAll(reader, pks);
  now.mockRestore();
  expect(takeRequests(server)).toHaveLength(2);
});

test("sees this process's own writes", async () => {
  const create = async (name: string): Promise<Record<string, unknown>> => {
    const { outs } = await invitationProvider.create({ name, validFor: "1d", fixedData: {}, singleUse: false });
    return outs as Record<string, unknown>;
  };
  const states = [await create("a"), await create("b"), await create("c")];
  for (const state of states) await invitationProvider.read("", state);
  const [first = {}] = states;
  const { outs } = await invitationProvider.update("", first, { ...first, fixedData: { round: 2 } });
  for (const state of [...states.slice(1), outs as Record<string, unknown>]) {
    const { props } = await invitationProvider.read("", state);
    expect(props?.["fixedData"]).toEqual(state["fixedData"]);
  }
});
