import { invitationProvider } from "../../provider/lifecycle/invitation/provider";
import { invitationStageProvider } from "../../provider/lifecycle/objects/invitation-stage";
import { type Body, flowPk, htmlPage, invitationBody, otherPk, pageBody, stageBody, stagePk } from "./support/bodies";
import { failureOf } from "./support/failure";
import { invitationInputs, type Properties } from "./support/invitation";
import {
  closeServers,
  freePort,
  type Handler,
  type RunningServer,
  sendHtml,
  sendJson,
  startServer,
} from "./support/server";

const invitations = "/api/v3/stages/invitation/invitations/";

const lostBy: Record<string, Handler> = {
  "a connection that is cut": ({ socket }) => socket.destroy(),
  "500": (_received, response) => sendHtml(response, 500, htmlPage),
  "502": (_received, response) => sendHtml(response, 502, "<title>502 Bad Gateway</title>"),
  "504": (_received, response) => sendHtml(response, 504, "<title>504 Gateway Time-out</title>"),
  "405 with an empty page": (_received, response) => sendHtml(response, 405, "", { allow: "GET, HEAD, OPTIONS" }),
  "201 with an empty page": (_received, response) => sendHtml(response, 201),
  "201 with a form that nobody knows": (_received, response) => sendJson(response, 201, { id: 7 }),
};
const ways = Object.keys(lostBy);

/** What the process has met stays known: each test has pks of its own. */
let count = 0;
function freshPk(): string {
  count += 1;
  return `dddddddd-0000-4000-8000-${String(count).padStart(12, "0")}`;
}

// Real time passes here, and more of it where the machine is busy.
jest.setTimeout(30_000);

/** A connection of its own for each server, by its name. */
const urls = new Map<string, string>();
function connectionTo(server: Pick<RunningServer, "url" | "port">): string {
  const name = `c${server.port}`;
  urls.set(name, server.url);
  return name;
}

/** A server on which the answer to each POST is lost, and which shows these objects at each look (the last list stays). */
async function loser(way: string, ...looks: Body[][]): Promise<RunningServer & { connection: string }> {
  let looked = 0;
  const server = await startServer((received, response, index) => {
    if (received.method === "POST") return lostBy[way]?.(received, response, index);
    const shown = looks[Math.min(looked, looks.length - 1)] ?? [];
    looked += 1;
    return sendJson(response, 200, pageBody(shown));
  });
  return { ...server, connection: connectionTo(server) };
}

function posts({ received }: RunningServer): number {
  return received.filter(({ method }) => method === "POST").length;
}

async function issue(connection: string, changes: Properties = {}): Promise<{ id: string; outs: Properties }> {
  const { id, outs } = await invitationProvider.create(invitationInputs({ connection, ...changes }));
  return { id, outs: outs as Properties };
}

const warn = jest.spyOn(console, "warn").mockImplementation();

beforeAll(async () => {
  await invitationProvider.configure({
    config: {
      get: (key) => {
        const [name = "", setting] = key.split(":");
        if (setting === "token") return "t0ken";
        return setting === "url" ? urls.get(name) : undefined;
      },
    },
  });
});
beforeEach(() => warn.mockClear());
afterEach(closeServers);

describe.each(ways)("a POST whose answer was lost by %s", (way) => {
  test("is looked for, and what it made is taken over with a line of warning", async () => {
    const made = freshPk();
    const server = await loser(way, [invitationBody({ pk: made })]);
    const { outs } = await issue(server.connection);
    expect(outs).toMatchObject({ pk: made, name: "jane" });
    expect(server.received.map(({ method, path }) => `${method} ${path}`)).toEqual([
      `POST ${invitations}`,
      `GET ${invitations}?name=jane&ordering=pk&page_size=100&page=1`,
    ]);
    expect(warn.mock.calls).toEqual([
      ['invitation "jane": the answer to its creation was lost; authentik has made it, and it was taken over.'],
    ]);
  });
});

test("what a lost POST made may show only at a later look", async () => {
  const made = freshPk();
  const server = await loser("504", [], [invitationBody({ pk: made })]);
  expect((await issue(server.connection)).outs).toMatchObject({ pk: made });
  expect(posts(server)).toBe(1);
});

test("is found in the form in which authentik keeps it", async () => {
  const made = freshPk();
  const sent = {
    name: " jane ",
    expires: "2031-05-06t09:08:09.1234567+02:00",
    fixedData: { b: -0, a: { d: 1, c: 2 } },
    singleUse: true,
    flow: flowPk.toUpperCase(),
  };
  const kept = {
    pk: made,
    expires: "2031-05-06T07:08:09.123456Z",
    fixed_data: { a: { c: 2, d: 1 }, b: 0 },
    single_use: true,
    flow: flowPk,
    flow_obj: { slug: "enrollment" },
  };
  const server = await loser("502", [invitationBody(kept)]);
  expect((await issue(server.connection, sent)).outs).toMatchObject({ pk: made, name: " jane ", singleUse: true });
});

test("several that are equal are refused, and none is taken", async () => {
  const equal = [invitationBody({ pk: freshPk() }), invitationBody({ pk: freshPk() })];
  const server = await loser("502", equal);
  const { message, stack } = await failureOf(issue(server.connection));
  expect(message).toBe(
    `authentik, or the proxy before it, cannot answer now: POST ${invitations} answered 502. Try again when it is well. authentik now has 2 that are equal to invitation "jane", so that it is not known which of them this request made: delete those that are not wanted, or adopt one with the option import, then run \`pulumi up\` again.`,
  );
  expect(stack).toBe("");
  expect(posts(server)).toBe(1);
  expect(warn).not.toHaveBeenCalled();
});

test("namesakes with other data, and those that have resources already, are not taken", async () => {
  const known = freshPk();
  const near = [
    invitationBody({ pk: known }),
    invitationBody({ pk: freshPk(), expires: "2031-05-06T07:08:10Z" }),
    invitationBody({ pk: freshPk(), expires: null }),
    invitationBody({ pk: freshPk(), single_use: true }),
    invitationBody({ pk: freshPk(), flow: flowPk, flow_obj: { slug: "enrollment" } }),
    invitationBody({ pk: freshPk(), fixed_data: { a: 1 } }),
  ];
  const made = freshPk();
  const server = await loser("500", [...near, invitationBody({ pk: made })]);
  await invitationProvider.diff("x", { ...invitationInputs(), pk: known }, invitationInputs());
  expect((await issue(server.connection)).outs).toMatchObject({ pk: made });
});

test("where nothing was made, it says so and what to do, after some looks", async () => {
  const server = await loser("a connection that is cut", []);
  const { message, stack } = await failureOf(issue(server.connection));
  expect(message).toMatch(/^The connection to authentik at http:.* was cut: POST /);
  expect(message).toMatch(/authentik shows nothing that this request made: run `pulumi up` again\.$/);
  expect(stack).toBe("");
  expect(server.received.map(({ method }) => method)).toEqual(["POST", "GET", "GET", "GET"]);
});

test("where authentik cannot be asked afterwards, it says that the outcome is not known", async () => {
  const server = await startServer((received, response) => {
    if (received.method === "POST") received.socket.destroy();
    else sendHtml(response, 500, htmlPage);
  });
  const { message, stack } = await failureOf(issue(connectionTo(server)));
  expect(message).toContain('Whether invitation "jane" was created is not known');
  expect(message).toContain("The invitations could not be listed: GET");
  expect(message).toContain("before you run `pulumi up` again.");
  expect(stack).toBe("");
  expect(posts(server)).toBe(1);
});

test.each([400, 403, 404, 409, 413, 429])("%d is an answer: nothing is looked for", async (status) => {
  const server = await startServer((_received, response) => sendJson(response, status, { detail: "No." }));
  await failureOf(issue(connectionTo(server)));
  const listed = server.received.filter(({ method, path }) => method === "GET" && path.startsWith(invitations));
  expect(listed).toEqual([]);
  expect(posts(server)).toBe(1);
});

test("a refused connection sent nothing: the POST is sent when the server is up, and nothing is looked for", async () => {
  const port = await freePort();
  const created = issue(connectionTo({ url: `http://127.0.0.1:${port}`, port }));
  await new Promise((resolve) => setTimeout(resolve, 50));
  const server = await startServer((_received, response) => sendJson(response, 201, invitationBody({ pk: otherPk })), {
    port,
  });
  expect((await created).outs).toMatchObject({ pk: otherPk });
  expect(server.received.map(({ method }) => method)).toEqual(["POST"]);
  expect(warn).not.toHaveBeenCalled();
});

describe("of two equal invitations that are created at once", () => {
  const both = (connection: string): Promise<PromiseSettledResult<{ outs: Properties }>[]> =>
    Promise.allSettled([issue(connection), issue(connection)]);
  const pksOf = (results: PromiseSettledResult<{ outs: Properties }>[]): unknown[] =>
    results.flatMap((result) => (result.status === "fulfilled" ? [result.value.outs["pk"]] : []));

  test("and whose answers were both lost, only one takes what is there", async () => {
    const made = freshPk();
    const server = await loser("a connection that is cut", [invitationBody({ pk: made })]);
    expect(pksOf(await both(server.connection))).toEqual([made]);
    expect(posts(server)).toBe(2);
  });

  test("the one whose answer was lost does not take what the other, still under way, has made", async () => {
    const made = freshPk();
    const server = await startServer((received, response, index) => {
      if (received.method === "GET") return sendJson(response, 200, pageBody([invitationBody({ pk: made })]));
      if (index === 0) return received.socket.destroy();
      return setTimeout(() => sendJson(response, 201, invitationBody({ pk: made })), 300);
    });
    expect(pksOf(await both(connectionTo(server)))).toEqual([made]);
    expect(posts(server)).toBe(2);
  });
});

describe("a stage", () => {
  async function create(connection: string): Promise<string> {
    const inputs = { name: "invitation", continueFlowWithoutInvitation: false, connection };
    return (await invitationStageProvider.create(inputs)).id;
  }

  test("that another resource has is not taken", async () => {
    const known = freshPk();
    const server = await loser("502", [stageBody({ pk: known })]);
    const state = { name: "invitation", continueFlowWithoutInvitation: false, pk: known };
    await invitationStageProvider.diff(known, state, state);
    expect((await failureOf(create(server.connection))).message).toMatch(/shows nothing that this request made/);
  });

  test("that a lost POST made is taken over by its name, which is unique", async () => {
    const server = await loser("a connection that is cut", [stageBody()]);
    expect(await create(server.connection)).toBe(stagePk);
    expect(warn.mock.calls).toEqual([
      [
        'invitation stage "invitation": the answer to its creation was lost; authentik has made it, and it was taken over.',
      ],
    ]);
    expect(posts(server)).toBe(1);
  });

  test("with the same name and another setting is not what it made", async () => {
    const server = await loser("502", [stageBody({ continue_flow_without_invitation: true })]);
    const { message } = await failureOf(create(server.connection));
    expect(message).toMatch(/authentik shows nothing that this request made: run `pulumi up` again\.$/);
    expect(posts(server)).toBe(1);
  });
});
