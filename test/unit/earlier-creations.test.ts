import { setTimeout as sleep } from "node:timers/promises";
import {
  Invitation as invitationProvider,
  InvitationStage as invitationStageProvider,
} from "pulumi-authentik-invitations/provider";
import { createNonce, parseOrigin } from "../../provider/common/origin";
import { invitationId } from "../../provider/common/pk";
import type { Authentik } from "../../sandbox";
import { Client, createInvitation, createInvitationStage, deleteInvitation } from "../bundle-internals";
import {
  closeEmbedded,
  listInvitations,
  newOrigin,
  permissionsWithoutEvents,
  startEmbedded,
  useEmbedded,
} from "./support/embedded-authentik";
import { invitationInputs, type Properties } from "./support/invitation";
import { htmlPage } from "./support/response-bodies";
import { closeServers, forward, startServer } from "./support/server";
import { waitUntil } from "./support/wait-until";
import { warnings } from "./support/warnings";

// One test waits in real time, which takes longer on a busy machine.
jest.setTimeout(30_000);

afterEach(async () => {
  await closeServers();
  await closeEmbedded();
});

async function issue(name: string, changes: Properties = {}): Promise<Properties> {
  const { outs } = await invitationProvider.create(invitationInputs({ name, __origin: newOrigin(name), ...changes }));
  return outs as Properties;
}

async function createStage(): Promise<void> {
  const inputs = { name: "invitation", continueFlowWithoutInvitation: false, __origin: newOrigin("stage") };
  await invitationStageProvider.create(inputs);
}

/** Runs requests as an earlier process of this project did that could not save its state. */
async function inEarlierRun<T>(
  server: Authentik,
  resource: string,
  run: (client: Client) => Promise<T>,
  { project = "team", stack = "dev" } = {},
): Promise<T> {
  const client = Client.connect({ url: server.url, token: server.token });
  const tag = parseOrigin(newOrigin(resource))?.tag;
  const result = await run(client.from(`${project}/${stack}; ${tag}`, createNonce()));
  await client.close();
  return result;
}

const fields = { name: "jane", expires: "2031-05-06T07:08:09Z", fixedData: {}, singleUse: false, flow: null };
const createEarlier = (server: Authentik, resource = "jane", from: { project?: string; stack?: string } = {}) =>
  inEarlierRun(server, resource, async (client) => (await createInvitation(client, fields)).pk, from);

const eventRequests = ({ requests }: Authentik): string[] =>
  requests.filter(({ path }) => path.includes("/events/")).map(({ query }) => query);

test("a first run sends one request to the event log, however many resources it creates, and warns of nothing", async () => {
  const server = await startEmbedded();
  await Promise.all(["a", "b", "c"].map((name) => issue(name)));
  await issue("d");
  await createStage();
  expect(eventRequests(server)).toEqual([
    "search=pulumi-authentik-invitations+team%2Fdev&ordering=-created&page_size=100&action=model_created",
  ]);
  expect(warnings()).toEqual([]);
});

test("an invitation that a killed run created is reported by id and time, and not adopted", async () => {
  const server = await startEmbedded({ now: () => new Date("2026-11-24T08:09:10.111Z") });
  const earlierPk = await createEarlier(server);
  const outs = await issue("jane");
  expect(outs["pk"]).not.toBe(earlierPk);
  expect((await listInvitations(server)).map(({ pk }) => pk).sort()).toEqual([earlierPk, outs["pk"]].sort());
  expect(warnings()).toEqual([
    `Invitation "jane": authentik has another one (id ${invitationId(earlierPk)}), created on 2026-11-24T08:09:10Z by a stack with this name (team/dev), that is not in this stack's state. Whose it is cannot be determined. Either an earlier run of this stack was interrupted: run \`npx pulumi-authentik-invitations recover\` before \`pulumi up\`. Or another stack uses it: one with the same name in another backend, or one that had this name before \`pulumi stack rename\`.`,
  ]);
  for (const spelling of [earlierPk, earlierPk.replaceAll("-", "")]) expect(warnings()[0]).not.toContain(spelling);
  expect(eventRequests(server)).toHaveLength(2);
});

test("what such a warning means is explained once", async () => {
  const server = await startEmbedded();
  for (const name of ["jane", "joe", "kim"]) await createEarlier(server, name);
  for (const name of ["jane", "joe", "kim"]) await issue(name);
  const explanation = "Whose it is cannot be determined.";
  expect(warnings().map((warning) => warning.includes(explanation))).toEqual([true, false, false]);
  expect(warnings()[2]).toMatch(/^Invitation "kim": .* See the first of these warnings for what to do\.$/);
});

test("a stage that a killed run created is reported by its pk", async () => {
  const server = await startEmbedded();
  const earlier = await inEarlierRun(server, "stage", (client) =>
    createInvitationStage(client, { name: "earlier", continueFlowWithoutInvitation: false }),
  );
  await createStage();
  expect(warnings()).toEqual([expect.stringContaining(`has another one (id ${earlier.pk})`)]);
  expect(warnings()[0]).toMatch(/^Invitation stage "invitation": authentik has another one /);
});

test.each<[string, (server: Authentik) => Promise<unknown>]>([
  [
    "it was deleted by this stack",
    async (server) => {
      const pk = await createEarlier(server);
      await inEarlierRun(server, "jane", (client) => deleteInvitation(client, pk));
    },
  ],
  [
    "it was deleted by another user",
    async (server) => {
      await server.request("DELETE", `/api/v3/stages/invitation/invitations/${await createEarlier(server)}/`);
    },
  ],
  [
    "it is in the state, such as the old one of a replacement",
    async (server) => {
      const state = { ...invitationInputs(), pk: await createEarlier(server) };
      await invitationProvider.diff("x", state, invitationInputs());
    },
  ],
  ["it is another resource's", (server) => createEarlier(server, "another")],
  ...[{ stack: "dev2" }, { stack: "prod" }, { project: "myteam" }, { project: "team2" }].map(
    (from): [string, (server: Authentik) => Promise<unknown>] => [
      `it is of another project or stack: ${JSON.stringify(from)}`,
      (server) => createEarlier(server, "jane", from),
    ],
  ),
  [
    "another program created it",
    (server) => server.request("POST", "/api/v3/stages/invitation/invitations/", { name: "jane" }),
  ],
])("an earlier invitation is not reported if %s", async (_case, prepare) => {
  const server = await startEmbedded();
  await prepare(server);
  await issue("jane");
  expect(warnings()).toEqual([]);
});

test("nothing is requested or reported for a resource without an origin", async () => {
  const server = await startEmbedded();
  await createEarlier(server);
  await issue("jane", { __origin: undefined });
  expect(eventRequests(server)).toEqual([]);
  expect(warnings()).toEqual([]);
});

describe("a run does not fail", () => {
  test.each([
    ["returns 500", { status: 500, body: htmlPage }],
    ["returns another shape", { status: 200, headers: { "content-type": "application/json" }, body: '{"a":1}' }],
    ["redirects", { status: 302, headers: { location: "https://sso.example.com/" } }],
  ])("if the event log %s", async (_case, failure) => {
    const server = await startEmbedded();
    await createEarlier(server);
    server.injectFailure({ method: "GET", path: /events/, times: 10, ...failure });
    expect(await issue("jane")).toMatchObject({ name: "jane", status: "pending" });
    expect(warnings()).toEqual([]);
  });

  test("if the token's user is not allowed to read the event log, which is requested once", async () => {
    const server = await startEmbedded();
    await createEarlier(server);
    await useEmbedded(server, server.addUser("writer", permissionsWithoutEvents));
    server.requests.length = 0;
    await issue("jane");
    await issue("jane");
    expect(eventRequests(server)).toHaveLength(1);
    expect(warnings()).toEqual([]);
  });

  test("if the event log is slow: the create waits at most 5 s for it", async () => {
    const server = await startEmbedded();
    const earlierPk = await createEarlier(server);
    let answer = (): void => undefined;
    const isAnswered = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const { url, received } = await startServer(async (request, response) => {
      if (request.path.includes("/events/")) await isAnswered;
      await forward(request, response, server.url);
    });
    await useEmbedded({ url, token: server.token });
    const startedAt = performance.now();
    expect(await issue("jane")).toMatchObject({ name: "jane" });
    // With a margin for other load on the machine: the event log does not respond before.
    expect(performance.now() - startedAt).toBeLessThan(20_000);

    answer();
    await waitUntil(() => received.some(({ path }) => path.includes(earlierPk)));
    await sleep(200);
    expect(warnings()).toEqual([]);
  });
});
