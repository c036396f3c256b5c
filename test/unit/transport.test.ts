import { type HttpResponse, type Limits, ServerError, Transport, type TransportRequest } from "../bundle-internals";
import { catchError } from "./support/catch-error";
import { closeServers, type Handler, type RunningServer, sendJson, startServer } from "./support/server";

// What happens to each method after each failure is proven by test/failures, and written down in docs/failures.md.
const shortLimits: Partial<Limits> = { initialDelay: 1, maxAttempts: 4 };
const transports: Transport[] = [];

function openTransport(url: string, limits: Partial<Limits> = {}, options: object = {}): Transport {
  const transport = new Transport({ url, token: "t0ken", limits: { ...shortLimits, ...limits }, ...options });
  transports.push(transport);
  return transport;
}

function buildRequest(method: TransportRequest["method"], path = "/api/v3/things/"): TransportRequest {
  const body = method === "POST" || method === "PUT" ? { name: "jane" } : undefined;
  return { method, path, redactedPath: "/redacted/", userAgent: "test", body };
}

/** Starts a server with this handler, and sends a request to it. */
async function sendTo(
  handler: Handler,
  method: TransportRequest["method"] = "GET",
  limits: Partial<Limits> = {},
): Promise<{ server: RunningServer; response: Promise<HttpResponse> }> {
  const server = await startServer(handler);
  return { server, response: openTransport(server.url, limits).send(buildRequest(method)) };
}

/** The milliseconds between the requests that the server received. */
function delaysBetweenRequests({ received }: RunningServer): number[] {
  return received.slice(1).map(({ receivedAt }, index) => receivedAt - (received[index]?.receivedAt ?? 0));
}

const respondOk: Handler = (_request, response) => sendJson(response, 200, { ok: true });
const failFirst =
  (failureCount: number, fail: Handler): Handler =>
  (request, response, index) =>
    index < failureCount ? fail(request, response, index) : respondOk(request, response, index);
const respondWith =
  (status: number, headers: object = {}): Handler =>
  (_request, response) =>
    sendJson(response, status, {}, headers);

// These tests wait in real time, which takes longer on a busy machine.
jest.setTimeout(30_000);

afterEach(async () => {
  jest.restoreAllMocks();
  await closeServers();
  await Promise.all(transports.splice(0).map((transport) => transport.close()));
});

describe("a request", () => {
  test("has the given User-Agent, and a content type only with a body", async () => {
    const { server, response } = await sendTo(respondOk, "POST");
    await response;
    await openTransport(server.url).send(buildRequest("DELETE"));
    const headers = { accept: "application/json", authorization: "Bearer t0ken", "user-agent": "test" };
    expect(server.received).toMatchObject([
      { body: '{"name":"jane"}', headers: { ...headers, "content-type": "application/json", "content-length": "15" } },
      { body: "", headers },
    ]);
    expect(server.received[1]?.headers).not.toHaveProperty("content-type");
  });

  test("is sent below the path of the base URL", async () => {
    const server = await startServer(respondOk);
    await openTransport(`${server.url}/sso/`).send(buildRequest("GET", "/api/v3/things/?a=b%20c"));
    expect(server.received[0]?.path).toBe("/sso/api/v3/things/?a=b%20c");
  });

  test("has the configured headers, which do not override its own", async () => {
    const server = await startServer(respondOk);
    const headers = { "x-proxy-key": "s3cret", authorization: "Basic x" };
    await openTransport(server.url, {}, { headers }).send(buildRequest("GET"));
    expect(server.received[0]?.headers).toMatchObject({ "x-proxy-key": "s3cret", authorization: "Bearer t0ken" });
    await openTransport(server.url, {}, { headers: { "user-agent": "other" } }).send(buildRequest("GET"));
    expect(server.received[1]?.headers).toMatchObject({ "user-agent": "test" });
  });

  test("resolves with any status, and does not follow a redirect", async () => {
    const { server, response } = await sendTo(respondWith(302, { location: "https://sso.example.com/" }));
    expect(await response).toEqual({
      status: 302,
      contentType: "application/json",
      location: "https://sso.example.com/",
      text: "{}",
    });
    expect(server.received).toHaveLength(1);
  });
});

describe("a connection", () => {
  test("is reused", async () => {
    const server = await startServer(respondOk);
    const transport = openTransport(server.url);
    for (let count = 0; count < 10; count += 1) await transport.send(buildRequest("GET"));
    expect(server.received).toHaveLength(10);
    // The previous connection may not be free yet when the next request is sent.
    expect(server.connectionCount()).toBeLessThanOrEqual(2);
  });

  test("is not opened beyond the limit of concurrent connections", async () => {
    const openRequests = { current: 0, max: 0 };
    const server = await startServer(async (_request, response) => {
      openRequests.current += 1;
      openRequests.max = Math.max(openRequests.max, openRequests.current);
      await new Promise((resolve) => setTimeout(resolve, 10));
      openRequests.current -= 1;
      sendJson(response, 200, {});
    });
    const transport = openTransport(server.url, { connections: 3 });
    await Promise.all(Array.from({ length: 30 }, () => transport.send(buildRequest("GET"))));
    expect(openRequests.max).toBe(3);
    expect(server.connectionCount()).toBe(3);
  });

  test("is reopened after the server closed it while idle", async () => {
    const server = await startServer(respondOk);
    const transport = openTransport(server.url);
    await transport.send(buildRequest("GET"));
    server.received[0]?.socket.destroy();
    expect((await transport.send(buildRequest("GET"))).status).toBe(200);
  });
});

test.each(["GET", "PUT", "DELETE"] as const)(
  "%s is sent at most maxAttempts times, with the same body",
  async (method) => {
    const respond: Handler = (_request, response, index) =>
      sendJson(response, [429, 502, 503, 504, 429, 502, 503][index] ?? 200, {});
    const server = await startServer(respond);
    expect((await openTransport(server.url, { maxAttempts: 8 }).send(buildRequest(method))).status).toBe(200);
    expect(server.received.map((request) => request.method)).toEqual(Array(8).fill(method));
    expect(new Set(server.received.map(({ body }) => body)).size).toBe(1);
    const { server: another, response } = await sendTo(respond, method, { maxAttempts: 3 });
    expect(await catchError(response)).toBeInstanceOf(ServerError);
    expect(another.received).toHaveLength(3);
  },
);

test("a request is retried only for its time", async () => {
  const server = await startServer(async (_request, response) => {
    await new Promise((resolve) => setTimeout(resolve, 40));
    sendJson(response, 502, {});
  });
  for (const [retriedFor, expected] of [
    [20, 1],
    [10_000, 4],
  ]) {
    server.received.length = 0;
    await catchError(openTransport(server.url).send({ ...buildRequest("GET"), retriedFor }));
    expect(server.received).toHaveLength(expected ?? 0);
  }
});

test.each([200, 204, 301, 400, 403, 404, 405, 409, 500, 501])("nothing is retried after %d", async (status) => {
  for (const method of ["GET", "POST", "PUT", "DELETE"] as const) {
    const { server, response } = await sendTo(respondWith(status), method);
    expect((await response).status).toBe(status);
    expect(server.received).toHaveLength(1);
  }
});

describe("retry delays", () => {
  test("double with each retry", async () => {
    jest.spyOn(Math, "random").mockReturnValue(0.999);
    const { server, response } = await sendTo(failFirst(3, respondWith(503)), "GET", { initialDelay: 60 });
    await response;
    const [first = 0, second = 0, third = 0] = delaysBetweenRequests(server);
    expect(first).toBeGreaterThanOrEqual(55);
    expect(second).toBeGreaterThanOrEqual(115);
    expect(third).toBeGreaterThanOrEqual(235);
  });

  test("have full jitter", async () => {
    jest.spyOn(Math, "random").mockReturnValue(0.001);
    const { server, response } = await sendTo(failFirst(2, respondWith(503)), "GET", { initialDelay: 20_000 });
    await response;
    // Each is a thousandth of the delay without jitter, and a margin for other load on the machine.
    for (const delay of delaysBetweenRequests(server)) expect(delay).toBeLessThan(10_000);
  });

  test.each(["Mon, 01 Jan 2001 00:00:00 GMT", "soon", "", "-49", "0"])(
    "are not extended by Retry-After %j",
    async (retryAfter) => {
      const { server, response } = await sendTo(failFirst(1, respondWith(503, { "retry-after": retryAfter })));
      expect((await response).status).toBe(200);
      expect(delaysBetweenRequests(server)[0]).toBeLessThan(10_000);
    },
  );
});

test("an error has a cause", async () => {
  const { response } = await sendTo(({ socket }) => socket.destroy(), "GET", { maxAttempts: 1 });
  expect((await catchError(response)).cause).toBeInstanceOf(Error);
});
