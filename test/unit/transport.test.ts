import { ConnectionError, ServerError, TimeoutError } from "../../provider/authentik/errors";
import { type HttpResponse, type Limits, Transport, type TransportRequest } from "../../provider/authentik/transport";
import { failureOf } from "./support/failure";
import { closeServers, freePort, type Handler, type RunningServer, sendJson, startServer } from "./support/server";

const { version } = require("../../package.json") as { version: string };
const quick: Partial<Limits> = {
  initialDelay: 1,
  maxAttempts: 4,
  connectTimeout: 400,
  headersTimeout: 300,
  bodyTimeout: 300,
};
const repeatable = ["GET", "PUT", "DELETE"] as const;
const transports: Transport[] = [];

function transportTo(url: string, limits: Partial<Limits> = {}, options: object = {}): Transport {
  const transport = new Transport({ url, token: "t0ken", limits: { ...quick, ...limits }, ...options });
  transports.push(transport);
  return transport;
}

function requestOf(method: TransportRequest["method"], path = "/api/v3/things/"): TransportRequest {
  const body = method === "POST" || method === "PUT" ? { name: "jane" } : undefined;
  return { method, path, redactedPath: "/shown/", body };
}

/** Sends a request to a server that answers in this way. */
async function sendTo(
  handler: Handler,
  method: TransportRequest["method"] = "GET",
  limits: Partial<Limits> = {},
): Promise<{ server: RunningServer; answer: Promise<HttpResponse> }> {
  const server = await startServer(handler);
  return { server, answer: transportTo(server.url, limits).send(requestOf(method)) };
}

/** The milliseconds between the requests that the server received. */
function gaps({ received }: RunningServer): number[] {
  return received.slice(1).map(({ at }, index) => at - (received[index]?.at ?? 0));
}

const fine: Handler = (_received, response) => sendJson(response, 200, { ok: true });
const failFirst =
  (failures: number, fail: Handler): Handler =>
  (received, response, index) =>
    index < failures ? fail(received, response, index) : fine(received, response, index);
const status =
  (code: number, headers: object = {}): Handler =>
  (_received, response) =>
    sendJson(response, code, {}, headers);
const cut: Handler = ({ socket }) => socket.destroy();

// Real time passes here, and more of it where the machine is busy.
jest.setTimeout(30_000);

afterEach(async () => {
  jest.restoreAllMocks();
  await closeServers();
  await Promise.all(transports.splice(0).map((transport) => transport.close()));
});

describe("what is sent", () => {
  test("names the package, its version and Node", async () => {
    const { server, answer } = await sendTo(fine);
    await answer;
    expect(server.received[0]?.headers).toMatchObject({
      accept: "application/json",
      authorization: "Bearer t0ken",
      "user-agent": `pulumi-authentik-invitations/${version} node/${process.versions.node}`,
    });
    expect(version).toMatch(/^\d+\.\d+\.\d+/);
  });

  test("a body is JSON, and says so", async () => {
    const { server, answer } = await sendTo(fine, "POST");
    await answer;
    expect(server.received[0]).toMatchObject({
      body: '{"name":"jane"}',
      headers: { "content-type": "application/json", "content-length": "15" },
    });
  });

  test("without a body there is no type of one", async () => {
    const { server, answer } = await sendTo(fine, "DELETE");
    await answer;
    expect(server.received[0]?.body).toBe("");
    expect(server.received[0]?.headers).not.toHaveProperty("content-type");
  });

  test("the path lies below the address", async () => {
    const server = await startServer(fine);
    await transportTo(`${server.url}/sso/`).send(requestOf("GET", "/api/v3/things/?a=b%20c"));
    expect(server.received[0]?.path).toBe("/sso/api/v3/things/?a=b%20c");
  });

  test("further headers come along, and replace none of its own", async () => {
    const server = await startServer(fine);
    const headers = { "x-proxy-key": "s3cret", authorization: "Basic x" };
    await transportTo(server.url, {}, { headers }).send(requestOf("GET"));
    expect(server.received[0]?.headers).toMatchObject({ "x-proxy-key": "s3cret", authorization: "Bearer t0ken" });
  });

  test("any status is an answer, a redirect is not followed", async () => {
    const { server, answer } = await sendTo(status(302, { location: "https://sso.example.com/" }));
    expect(await answer).toEqual({
      status: 302,
      contentType: "application/json",
      location: "https://sso.example.com/",
      text: "{}",
    });
    expect(server.received).toHaveLength(1);
  });
});

describe("connections", () => {
  test("are kept", async () => {
    const server = await startServer(fine);
    const transport = transportTo(server.url);
    for (let count = 0; count < 10; count += 1) await transport.send(requestOf("GET"));
    expect(server.received).toHaveLength(10);
    // The one before may still be about to become free when the next request is sent.
    expect(server.connections()).toBeLessThanOrEqual(2);
  });

  test("are no more at once than the limit says, however much is asked", async () => {
    const open = { now: 0, most: 0 };
    const server = await startServer(async (_received, response) => {
      open.now += 1;
      open.most = Math.max(open.most, open.now);
      await new Promise((resolve) => setTimeout(resolve, 10));
      open.now -= 1;
      sendJson(response, 200, {});
    });
    const transport = transportTo(server.url, { connections: 3 });
    await Promise.all(Array.from({ length: 30 }, () => transport.send(requestOf("GET"))));
    expect(open.most).toBe(3);
    expect(server.connections()).toBe(3);
  });

  test("that the server cut while they were idle are made anew", async () => {
    const server = await startServer(fine);
    const transport = transportTo(server.url);
    await transport.send(requestOf("GET"));
    server.received[0]?.socket.destroy();
    expect((await transport.send(requestOf("GET"))).status).toBe(200);
  });
});

describe.each(repeatable)("%s is repeated", (method) => {
  test.each([429, 502, 503, 504])("after %d", async (code) => {
    const { server, answer } = await sendTo(failFirst(2, status(code)), method);
    expect((await answer).status).toBe(200);
    expect(server.received.map((received) => received.method)).toEqual([method, method, method]);
    expect(new Set(server.received.map(({ body }) => body)).size).toBe(1);
  });

  test("after a connection that was cut before the answer", async () => {
    const { server, answer } = await sendTo(failFirst(2, cut), method);
    expect((await answer).status).toBe(200);
    expect(server.received).toHaveLength(3);
  });

  test("after a connection that was cut in the middle of the answer", async () => {
    const half: Handler = ({ socket }, response) => {
      response.writeHead(200, { "content-type": "application/json", "content-length": "100" });
      response.write('{"ok":', () => socket.destroy());
    };
    const { server, answer } = await sendTo(failFirst(1, half), method);
    expect((await answer).text).toBe('{"ok":true}');
    expect(server.received).toHaveLength(2);
  });

  test("after an answer that did not begin in time", async () => {
    const { server, answer } = await sendTo(
      failFirst(1, () => undefined),
      method,
    );
    expect((await answer).status).toBe(200);
    expect(server.received).toHaveLength(2);
  });

  test("after an answer that stopped in the middle", async () => {
    const stopping: Handler = (_received, response) => {
      response.writeHead(200, { "content-type": "application/json", "content-length": "100" });
      response.write('{"ok":');
    };
    const { server, answer } = await sendTo(failFirst(1, stopping), method);
    expect((await answer).text).toBe('{"ok":true}');
    expect(server.received).toHaveLength(2);
  });

  test("no more often than the limit says", async () => {
    const { server, answer } = await sendTo(status(503), method, { maxAttempts: 3 });
    expect(await failureOf(answer)).toBeInstanceOf(ServerError);
    expect(server.received).toHaveLength(3);
  });

  test.each([200, 204, 301, 400, 403, 404, 405, 409, 500, 501])("but not after %d", async (code) => {
    const { server, answer } = await sendTo(status(code), method);
    expect((await answer).status).toBe(code);
    expect(server.received).toHaveLength(1);
  });
});

describe("POST is sent once", () => {
  test.each([429, 502, 503, 504])("where the answer is %d", async (code) => {
    const { server, answer } = await sendTo(status(code, { "retry-after": "0" }), "POST");
    expect(await failureOf(answer)).toMatchObject({ outcomeUnknown: code !== 429 });
    expect(server.received).toHaveLength(1);
  });

  test.each([500, 405])("where the answer is %d", async (code) => {
    const { server, answer } = await sendTo(status(code), "POST");
    expect((await answer).status).toBe(code);
    expect(server.received).toHaveLength(1);
  });

  test("where the connection is cut after it was sent: its outcome is unknown", async () => {
    const { server, answer } = await sendTo(cut, "POST");
    expect(await failureOf(answer)).toMatchObject({ name: "ConnectionError", outcomeUnknown: true });
    expect(server.received).toHaveLength(1);
  });

  test("where no answer comes in time: its outcome is unknown", async () => {
    const { server, answer } = await sendTo(() => undefined, "POST");
    expect(await failureOf(answer)).toMatchObject({ name: "TimeoutError", outcomeUnknown: true });
    expect(server.received).toHaveLength(1);
  });
});

describe("where nobody listens", () => {
  test.each([...repeatable, "POST"] as const)("%s is repeated until the server is up", async (method) => {
    const port = await freePort();
    const answer = transportTo(`http://127.0.0.1:${port}`, { maxAttempts: 12, initialDelay: 20 }).send(requestOf(method));
    await new Promise((resolve) => setTimeout(resolve, 60));
    const server = await startServer(fine, { port });
    expect((await answer).status).toBe(200);
    expect(server.received).toHaveLength(1);
  });

  test.each([...repeatable, "POST"] as const)("%s fails at last, surely without an effect", async (method) => {
    const url = `http://127.0.0.1:${await freePort()}`;
    const failure = await failureOf(transportTo(url, { maxAttempts: 2 }).send(requestOf(method)));
    expect(failure).toBeInstanceOf(ConnectionError);
    expect(failure).toMatchObject({ outcomeUnknown: false });
    expect(failure.message).toBe(
      `authentik at ${url} cannot be reached: ${method} /shown/: ECONNREFUSED. Check authentik:url (or AUTHENTIK_URL), that the server runs, and proxies and firewalls on the way; then run again.`,
    );
  });
});

describe("waits", () => {
  test("grow, up to twice as long each", async () => {
    jest.spyOn(Math, "random").mockReturnValue(0.999);
    const { server, answer } = await sendTo(failFirst(3, status(503)), "GET", { initialDelay: 60 });
    await answer;
    const [first = 0, second = 0, third = 0] = gaps(server);
    expect(first).toBeGreaterThanOrEqual(55);
    expect(second).toBeGreaterThanOrEqual(115);
    expect(third).toBeGreaterThanOrEqual(235);
  });

  test("are jittered: chance may make them short", async () => {
    jest.spyOn(Math, "random").mockReturnValue(0.01);
    const { server, answer } = await sendTo(failFirst(3, status(503)), "GET", { initialDelay: 2000 });
    await answer;
    expect(gaps(server).reduce((sum, gap) => sum + gap, 0)).toBeLessThan(1500);
  });

  test("are as long as Retry-After says in seconds", async () => {
    const { server, answer } = await sendTo(failFirst(1, status(429, { "retry-after": "1" })));
    expect((await answer).status).toBe(200);
    expect(gaps(server)[0]).toBeGreaterThanOrEqual(990);
  });

  test("are as long as Retry-After says by a date", async () => {
    const date = new Date(Math.ceil(Date.now() / 1000) * 1000 + 1000);
    const { answer } = await sendTo(failFirst(1, status(503, { "retry-after": date.toUTCString() })));
    expect((await answer).status).toBe(200);
    expect(Date.now()).toBeGreaterThanOrEqual(date.getTime() - 10);
  });

  test.each(["Mon, 01 Jan 2001 00:00:00 GMT", "soon", "", "-5", "0"])(
    "are not made longer by Retry-After %j",
    async (retryAfter) => {
      const { server, answer } = await sendTo(failFirst(1, status(503, { "retry-after": retryAfter })));
      expect((await answer).status).toBe(200);
      expect(gaps(server)[0]).toBeLessThan(900);
    },
  );

  test("are not made where Retry-After is too long: the message says how long", async () => {
    const { server, answer } = await sendTo(status(503, { "retry-after": "120" }), "GET", {
      maxRetryAfter: 60_000,
    });
    const failure = await failureOf(answer);
    expect(server.received).toHaveLength(1);
    expect(failure).toMatchObject({ retryAfter: 120_000 });
    expect(failure.message).toBe(
      "authentik, or the proxy before it, cannot answer now: GET /shown/ answered 503. Try again when it is well. It asks to wait 120 s.",
    );
  });
});

describe("what went wrong is told", () => {
  test("429", async () => {
    const { answer } = await sendTo(status(429), "GET", { maxAttempts: 1 });
    expect((await failureOf(answer)).message).toBe(
      "authentik is asked too often: GET /shown/ answered 429. Try again when it is well.",
    );
  });

  test("a connection that was cut", async () => {
    const { server, answer } = await sendTo(cut, "GET", { maxAttempts: 1 });
    expect((await failureOf(answer)).message).toMatch(
      new RegExp(`^The connection to authentik at ${server.url} was cut: GET /shown/: .+\\. Check authentik:url`),
    );
  });

  test("an answer that did not come in time", async () => {
    const { server, answer } = await sendTo(() => undefined, "GET", { maxAttempts: 1 });
    const failure = await failureOf(answer);
    expect(failure).toBeInstanceOf(TimeoutError);
    expect(failure.message).toBe(
      `authentik at ${server.url} did not answer in time: GET /shown/: Headers Timeout Error. Look whether the server is well and reachable from here, then run again.`,
    );
  });

  test("a name that is not known", async () => {
    const transport = transportTo("http://no-such-host.invalid", { maxAttempts: 1 });
    const failure = await failureOf(transport.send(requestOf("POST")));
    expect(failure).toMatchObject({ outcomeUnknown: false });
    expect(failure.message).toMatch(/: (ENOTFOUND|EAI_AGAIN)\. The host's name is not known here: check authentik:url/);
  });

  test("the cause is kept", async () => {
    const { answer } = await sendTo(cut, "GET", { maxAttempts: 1 });
    expect((await failureOf(answer)).cause).toBeInstanceOf(Error);
  });
});
