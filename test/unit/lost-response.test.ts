import { invitationProvider } from "../../provider/lifecycle/invitation/provider";
import { invitationStageProvider } from "../../provider/lifecycle/objects/invitation-stage";
import { catchError } from "./support/catch-error";
import { invitationInputs, type Properties } from "./support/invitation";
import {
  type Body,
  flowPk,
  htmlPage,
  invitationBody,
  otherPk,
  pageBody,
  stageBody,
  stagePk,
} from "./support/response-bodies";
import {
  closeServers,
  findFreePort,
  type Handler,
  type RunningServer,
  sendHtml,
  sendJson,
  startServer,
} from "./support/server";

const invitationsPath = "/api/v3/stages/invitation/invitations/";

const waysToLoseAResponse: Record<string, Handler> = {
  "a closed connection": ({ socket }) => socket.destroy(),
  "500": (_request, response) => sendHtml(response, 500, htmlPage),
  "502": (_request, response) => sendHtml(response, 502, "<title>502 Bad Gateway</title>"),
  "504": (_request, response) => sendHtml(response, 504, "<title>504 Gateway Time-out</title>"),
  "405 with an empty body": (_request, response) => sendHtml(response, 405, "", { allow: "GET, HEAD, OPTIONS" }),
  "201 with an empty body": (_request, response) => sendHtml(response, 201),
  "201 with an unexpected body": (_request, response) => sendJson(response, 201, { id: 7 }),
};

/** Each test uses its own pks, because the process remembers them. */
let pkCount = 0;
function freshPk(): string {
  pkCount += 1;
  return `dddddddd-0000-4000-8000-${String(pkCount).padStart(12, "0")}`;
}

// These tests wait in real time, which takes longer on a busy machine.
jest.setTimeout(30_000);

/** The URL of each connection, by its name. */
const urls = new Map<string, string>();

/** Registers a connection to the server, and returns its name. */
function connectionTo(server: Pick<RunningServer, "url" | "port">): string {
  const name = `c${server.port}`;
  urls.set(name, server.url);
  return name;
}

/** Starts a server that loses the response to each POST. Each GET returns the next list, and after the last one, the last one again. */
async function serverLosingResponses(way: string, ...lists: Body[][]): Promise<RunningServer & { connection: string }> {
  let listCount = 0;
  const server = await startServer((request, response, index) => {
    if (request.method === "POST") return waysToLoseAResponse[way]?.(request, response, index);
    const list = lists[Math.min(listCount, lists.length - 1)] ?? [];
    listCount += 1;
    return sendJson(response, 200, pageBody(list));
  });
  return { ...server, connection: connectionTo(server) };
}

function countPosts({ received }: RunningServer): number {
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

describe.each(Object.keys(waysToLoseAResponse))("a lost create response (%s)", (way) => {
  test("is followed by a lookup that adopts the invitation with a warning", async () => {
    const createdPk = freshPk();
    const server = await serverLosingResponses(way, [invitationBody({ pk: createdPk })]);
    const { outs } = await issue(server.connection);
    expect(outs).toMatchObject({ pk: createdPk, name: "jane" });
    expect(server.received.map(({ method, path }) => `${method} ${path}`)).toEqual([
      `POST ${invitationsPath}`,
      `GET ${invitationsPath}?name=jane&ordering=pk&page_size=500&page=1`,
    ]);
    expect(warn.mock.calls).toEqual([
      [
        'Invitation "jane": the response to the create request was lost. authentik had created it; adopted the existing one.',
      ],
    ]);
  });
});

test("finds a created invitation that only a later lookup returns", async () => {
  const createdPk = freshPk();
  const server = await serverLosingResponses("504", [], [invitationBody({ pk: createdPk })]);
  expect((await issue(server.connection)).outs).toMatchObject({ pk: createdPk });
  expect(countPosts(server)).toBe(1);
});

test("finds a created invitation in the form in which authentik stores it", async () => {
  const createdPk = freshPk();
  const configured = {
    name: " jane ",
    expires: "2031-05-06t09:08:09.1234567+02:00",
    fixedData: { b: -0, a: { d: 1, c: 2 } },
    singleUse: true,
    flow: flowPk.toUpperCase(),
  };
  const stored = {
    pk: createdPk,
    expires: "2031-05-06T07:08:09.123456Z",
    fixed_data: { a: { c: 2, d: 1 }, b: 0 },
    single_use: true,
    flow: flowPk,
    flow_obj: { slug: "enrollment" },
  };
  const server = await serverLosingResponses("502", [invitationBody(stored)]);
  expect((await issue(server.connection, configured)).outs).toMatchObject({
    pk: createdPk,
    name: " jane ",
    singleUse: true,
  });
});

test("fails if several invitations are equal, and adopts none", async () => {
  const equalInvitations = [invitationBody({ pk: freshPk() }), invitationBody({ pk: freshPk() })];
  const server = await serverLosingResponses("502", equalInvitations);
  const { message, stack } = await catchError(issue(server.connection));
  expect(message).toBe(
    `authentik or a proxy in front of it is unavailable: POST ${invitationsPath} returned 502. authentik has 2 objects that are equal to invitation "jane", and which of them this request created is unknown. Delete those that you do not need, or import one with the resource option import, then run \`pulumi up\` again.`,
  );
  expect(stack).toBe("");
  expect(countPosts(server)).toBe(1);
  expect(warn).not.toHaveBeenCalled();
});

test("adopts neither invitations with the same name and other data, nor those in the state", async () => {
  const knownPk = freshPk();
  const notCreated = [
    invitationBody({ pk: knownPk }),
    invitationBody({ pk: freshPk(), expires: "2031-05-06T07:08:10Z" }),
    invitationBody({ pk: freshPk(), expires: null }),
    invitationBody({ pk: freshPk(), single_use: true }),
    invitationBody({ pk: freshPk(), flow: flowPk, flow_obj: { slug: "enrollment" } }),
    invitationBody({ pk: freshPk(), fixed_data: { a: 1 } }),
  ];
  const createdPk = freshPk();
  const server = await serverLosingResponses("500", [...notCreated, invitationBody({ pk: createdPk })]);
  await invitationProvider.diff("x", { ...invitationInputs(), pk: knownPk }, invitationInputs());
  expect((await issue(server.connection)).outs).toMatchObject({ pk: createdPk });
});

test("suggests another `pulumi up` if three lookups find nothing", async () => {
  const server = await serverLosingResponses("a closed connection", []);
  const { message, stack } = await catchError(issue(server.connection));
  expect(message).toMatch(/^The connection to authentik at http:.* was closed unexpectedly: POST /);
  expect(message).toMatch(/authentik has no object that this request created\. Run `pulumi up` again\.$/);
  expect(stack).toBe("");
  expect(server.received.map(({ method }) => method)).toEqual(["POST", "GET", "GET", "GET"]);
});

test("reports an unknown outcome if the lookup fails", async () => {
  const server = await startServer((request, response) => {
    if (request.method === "POST") request.socket.destroy();
    else sendHtml(response, 500, htmlPage);
  });
  const { message, stack } = await catchError(issue(connectionTo(server)));
  expect(message).toContain('Whether authentik created invitation "jane" is unknown');
  expect(message).toContain("Could not list the invitations: GET");
  expect(message).toContain(
    "Check authentik before you run `pulumi up` again, and import the object with the resource option import if it exists.",
  );
  expect(stack).toBe("");
  expect(countPosts(server)).toBe(1);
});

test.each([400, 403, 404, 409, 413, 429])("does not look up anything after %d", async (status) => {
  const server = await startServer((_request, response) => sendJson(response, status, { detail: "No." }));
  await catchError(issue(connectionTo(server)));
  const lookups = server.received.filter(({ method, path }) => method === "GET" && path.startsWith(invitationsPath));
  expect(lookups).toEqual([]);
  expect(countPosts(server)).toBe(1);
});

test("retries the POST after a refused connection, which sent nothing, without a lookup", async () => {
  const port = await findFreePort();
  const creation = issue(connectionTo({ url: `http://127.0.0.1:${port}`, port }));
  await new Promise((resolve) => setTimeout(resolve, 50));
  const server = await startServer((_request, response) => sendJson(response, 201, invitationBody({ pk: otherPk })), {
    port,
  });
  expect((await creation).outs).toMatchObject({ pk: otherPk });
  expect(server.received.map(({ method }) => method)).toEqual(["POST"]);
  expect(warn).not.toHaveBeenCalled();
});

describe("two equal invitations that are created concurrently", () => {
  const issueTwo = (connection: string): Promise<PromiseSettledResult<{ outs: Properties }>[]> =>
    Promise.allSettled([issue(connection), issue(connection)]);
  const createdPks = (results: PromiseSettledResult<{ outs: Properties }>[]): unknown[] =>
    results.flatMap((result) => (result.status === "fulfilled" ? [result.value.outs["pk"]] : []));

  test("do not both adopt the same invitation if both responses are lost", async () => {
    const createdPk = freshPk();
    const server = await serverLosingResponses("a closed connection", [invitationBody({ pk: createdPk })]);
    expect(createdPks(await issueTwo(server.connection))).toEqual([createdPk]);
    expect(countPosts(server)).toBe(2);
  });

  test("do not adopt an invitation that the other request creates", async () => {
    const createdPk = freshPk();
    const server = await startServer((request, response, index) => {
      if (request.method === "GET") return sendJson(response, 200, pageBody([invitationBody({ pk: createdPk })]));
      if (index === 0) return request.socket.destroy();
      return setTimeout(() => sendJson(response, 201, invitationBody({ pk: createdPk })), 300);
    });
    expect(createdPks(await issueTwo(connectionTo(server)))).toEqual([createdPk]);
    expect(countPosts(server)).toBe(2);
  });
});

describe("a stage", () => {
  async function create(connection: string): Promise<string> {
    const inputs = { name: "invitation", continueFlowWithoutInvitation: false, connection };
    return (await invitationStageProvider.create(inputs)).id;
  }

  test("in the state of another resource is not adopted", async () => {
    const knownPk = freshPk();
    const server = await serverLosingResponses("502", [stageBody({ pk: knownPk })]);
    const state = { name: "invitation", continueFlowWithoutInvitation: false, pk: knownPk };
    await invitationStageProvider.diff(knownPk, state, state);
    expect((await catchError(create(server.connection))).message).toMatch(
      /authentik has no object that this request created/,
    );
  });

  test("is found by its unique name and adopted", async () => {
    const server = await serverLosingResponses("a closed connection", [stageBody()]);
    expect(await create(server.connection)).toBe(stagePk);
    expect(warn.mock.calls).toEqual([
      [
        'Invitation stage "invitation": the response to the create request was lost. authentik had created it; adopted the existing one.',
      ],
    ]);
    expect(countPosts(server)).toBe(1);
  });

  test("with the same name and another setting is not adopted", async () => {
    const server = await serverLosingResponses("502", [stageBody({ continue_flow_without_invitation: true })]);
    const { message } = await catchError(create(server.connection));
    expect(message).toMatch(/authentik has no object that this request created\. Run `pulumi up` again\.$/);
    expect(countPosts(server)).toBe(1);
  });
});
