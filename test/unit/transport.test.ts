import {
  ConnectionError,
  type HttpResponse,
  type Limits,
  ServerError,
  TimeoutError,
  Transport,
  type TransportRequest,
} from "../bundle-internals";
import { catchError } from "./support/catch-error";
import { closeServers, findFreePort, type Handler, type RunningServer, sendJson, startServer } from "./support/server";

const shortLimits: Partial<Limits> = {
  initialDelay: 1,
  maxAttempts: 4,
  connectTimeout: 400,
  headersTimeout: 300,
  bodyTimeout: 300,
};
const idempotentMethods = ["GET", "PUT", "DELETE"] as const;
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
const closeConnection: Handler = ({ socket }) => socket.destroy();

// These tests wait in real time, which takes longer on a busy machine.
jest.setTimeout(30_000);

afterEach(async () => {
  jest.restoreAllMocks();
  await closeServers();
  await Promise.all(transports.splice(0).map((transport) => transport.close()));
});

describe("a request", () => {
  test("has the given User-Agent", async () => {
    const { server, response } = await sendTo(respondOk);
    await response;
    expect(server.received[0]?.headers).toMatchObject({
      accept: "application/json",
      authorization: "Bearer t0ken",
      "user-agent": "test",
    });
  });

  test("has a JSON body with its content type", async () => {
    const { server, response } = await sendTo(respondOk, "POST");
    await response;
    expect(server.received[0]).toMatchObject({
      body: '{"name":"jane"}',
      headers: { "content-type": "application/json", "content-length": "15" },
    });
  });

  test("has no content type without a body", async () => {
    const { server, response } = await sendTo(respondOk, "DELETE");
    await response;
    expect(server.received[0]?.body).toBe("");
    expect(server.received[0]?.headers).not.toHaveProperty("content-type");
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

describe.each(idempotentMethods)("%s", (method) => {
  test.each([429, 502, 503, 504])("is retried after %d", async (status) => {
    const { server, response } = await sendTo(failFirst(2, respondWith(status)), method);
    expect((await response).status).toBe(200);
    expect(server.received.map((request) => request.method)).toEqual([method, method, method]);
    expect(new Set(server.received.map(({ body }) => body)).size).toBe(1);
  });

  test("is retried after the connection was closed before the response", async () => {
    const { server, response } = await sendTo(failFirst(2, closeConnection), method);
    expect((await response).status).toBe(200);
    expect(server.received).toHaveLength(3);
  });

  test("is retried after the connection was closed during the response", async () => {
    const closeDuringResponse: Handler = ({ socket }, response) => {
      response.writeHead(200, { "content-type": "application/json", "content-length": "100" });
      response.write('{"ok":', () => socket.destroy());
    };
    const { server, response } = await sendTo(failFirst(1, closeDuringResponse), method);
    expect((await response).text).toBe('{"ok":true}');
    expect(server.received).toHaveLength(2);
  });

  test("is retried after a timeout before the response", async () => {
    const { server, response } = await sendTo(
      failFirst(1, () => undefined),
      method,
    );
    expect((await response).status).toBe(200);
    expect(server.received).toHaveLength(2);
  });

  test("is retried after a timeout during the response", async () => {
    const stopDuringResponse: Handler = (_request, response) => {
      response.writeHead(200, { "content-type": "application/json", "content-length": "100" });
      response.write('{"ok":');
    };
    const { server, response } = await sendTo(failFirst(1, stopDuringResponse), method);
    expect((await response).text).toBe('{"ok":true}');
    expect(server.received).toHaveLength(2);
  });

  test("is sent at most maxAttempts times", async () => {
    const { server, response } = await sendTo(respondWith(503), method, { maxAttempts: 3 });
    expect(await catchError(response)).toBeInstanceOf(ServerError);
    expect(server.received).toHaveLength(3);
  });

  test.each([200, 204, 301, 400, 403, 404, 405, 409, 500, 501])("is not retried after %d", async (status) => {
    const { server, response } = await sendTo(respondWith(status), method);
    expect((await response).status).toBe(status);
    expect(server.received).toHaveLength(1);
  });
});

describe("POST is sent only once", () => {
  test.each([502, 503, 504])("if the response is %d with Retry-After", async (status) => {
    const { server, response } = await sendTo(respondWith(status, { "retry-after": "0" }), "POST");
    expect(await catchError(response)).toMatchObject({ outcomeUnknown: true });
    expect(server.received).toHaveLength(1);
  });

  test.each([500, 405])("if the response is %d", async (status) => {
    const { server, response } = await sendTo(respondWith(status), "POST");
    expect((await response).status).toBe(status);
    expect(server.received).toHaveLength(1);
  });

  test("if the connection is closed after the request: the outcome is unknown", async () => {
    const { server, response } = await sendTo(closeConnection, "POST");
    expect(await catchError(response)).toMatchObject({ name: "ConnectionError", outcomeUnknown: true });
    expect(server.received).toHaveLength(1);
  });

  test("if the response times out: the outcome is unknown", async () => {
    const { server, response } = await sendTo(() => undefined, "POST");
    expect(await catchError(response)).toMatchObject({ name: "TimeoutError", outcomeUnknown: true });
    expect(server.received).toHaveLength(1);
  });
});

describe("a POST with a 429 response, which authentik did not carry out,", () => {
  test("is retried, with the same body", async () => {
    const { server, response } = await sendTo(failFirst(2, respondWith(429)), "POST");
    expect((await response).status).toBe(200);
    expect(server.received.map(({ method, body }) => `${method} ${body}`)).toEqual(
      Array(3).fill('POST {"name":"jane"}'),
    );
  });

  test("is retried after the number of seconds in Retry-After", async () => {
    const { server, response } = await sendTo(failFirst(1, respondWith(429, { "retry-after": "1" })), "POST");
    expect((await response).status).toBe(200);
    expect(server.received).toHaveLength(2);
    expect(delaysBetweenRequests(server)[0]).toBeGreaterThanOrEqual(990);
  });

  test("is retried after the date in Retry-After", async () => {
    const date = new Date(Math.ceil(Date.now() / 1000) * 1000 + 1000);
    const { server, response } = await sendTo(
      failFirst(1, respondWith(429, { "retry-after": date.toUTCString() })),
      "POST",
    );
    expect((await response).status).toBe(200);
    expect(server.received).toHaveLength(2);
    expect(Date.now()).toBeGreaterThanOrEqual(date.getTime() - 10);
  });

  test("fails after the last attempt, with a known outcome", async () => {
    const { server, response } = await sendTo(respondWith(429, { "retry-after": "0" }), "POST");
    expect(await catchError(response)).toMatchObject({ name: "ServerError", outcomeUnknown: false });
    expect(server.received).toHaveLength(4);
  });

  test("fails at once if Retry-After exceeds maxRetryAfter", async () => {
    const { server, response } = await sendTo(respondWith(429, { "retry-after": "61" }), "POST");
    expect(await catchError(response)).toMatchObject({ outcomeUnknown: false, retryAfter: 61_000 });
    expect(server.received).toHaveLength(1);
  });

  test("is not retried after 502 on the second attempt", async () => {
    const { server, response } = await sendTo(
      (request, res, index) => respondWith(index === 0 ? 429 : 502)(request, res, index),
      "POST",
    );
    expect(await catchError(response)).toMatchObject({ outcomeUnknown: true });
    expect(server.received).toHaveLength(2);
  });
});

describe("after a refused connection", () => {
  test.each([...idempotentMethods, "POST"] as const)("%s is retried until the server is running", async (method) => {
    const port = await findFreePort();
    const response = openTransport(`http://127.0.0.1:${port}`, { maxAttempts: 12, initialDelay: 20 }).send(
      buildRequest(method),
    );
    await new Promise((resolve) => setTimeout(resolve, 60));
    const server = await startServer(respondOk, { port });
    expect((await response).status).toBe(200);
    expect(server.received).toHaveLength(1);
  });

  test.each([...idempotentMethods, "POST"] as const)(
    "%s fails after the last attempt, with a known outcome",
    async (method) => {
      const url = `http://127.0.0.1:${await findFreePort()}`;
      const error = await catchError(openTransport(url, { maxAttempts: 2 }).send(buildRequest(method)));
      expect(error).toBeInstanceOf(ConnectionError);
      expect(error).toMatchObject({ outcomeUnknown: false });
      expect(error.message).toBe(
        `Could not connect to authentik at ${url}: ${method} /redacted/: ECONNREFUSED. Check authentik:url, that the server is running, and any proxy or firewall, then run again.`,
      );
    },
  );
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
    jest.spyOn(Math, "random").mockReturnValue(0.01);
    const { server, response } = await sendTo(failFirst(3, respondWith(503)), "GET", { initialDelay: 2000 });
    await response;
    expect(delaysBetweenRequests(server).reduce((sum, delay) => sum + delay, 0)).toBeLessThan(1500);
  });

  test("are at least the number of seconds in Retry-After", async () => {
    const { server, response } = await sendTo(failFirst(1, respondWith(429, { "retry-after": "1" })));
    expect((await response).status).toBe(200);
    expect(delaysBetweenRequests(server)[0]).toBeGreaterThanOrEqual(990);
  });

  test("last until the date in Retry-After", async () => {
    const date = new Date(Math.ceil(Date.now() / 1000) * 1000 + 1000);
    const { response } = await sendTo(failFirst(1, respondWith(503, { "retry-after": date.toUTCString() })));
    expect((await response).status).toBe(200);
    expect(Date.now()).toBeGreaterThanOrEqual(date.getTime() - 10);
  });

  test.each(["Mon, 01 Jan 2001 00:00:00 GMT", "soon", "", "-5", "0"])(
    "are not extended by Retry-After %j",
    async (retryAfter) => {
      const { server, response } = await sendTo(failFirst(1, respondWith(503, { "retry-after": retryAfter })));
      expect((await response).status).toBe(200);
      expect(delaysBetweenRequests(server)[0]).toBeLessThan(900);
    },
  );

  test("do not exceed maxRetryAfter: a longer Retry-After fails the request, and the message includes it", async () => {
    const { server, response } = await sendTo(respondWith(503, { "retry-after": "120" }), "GET", {
      maxRetryAfter: 60_000,
    });
    const error = await catchError(response);
    expect(server.received).toHaveLength(1);
    expect(error).toMatchObject({ retryAfter: 120_000 });
    expect(error.message).toBe(
      "authentik or a proxy in front of it is unavailable: GET /redacted/ returned 503. Retry later (Retry-After: 120 s).",
    );
  });
});

describe("an error", () => {
  test("reports rate limiting for 429", async () => {
    const { response } = await sendTo(respondWith(429), "GET", { maxAttempts: 1 });
    expect((await catchError(response)).message).toBe(
      "authentik limits the rate of requests: GET /redacted/ returned 429. Retry later.",
    );
  });

  test("reports a closed connection", async () => {
    const { server, response } = await sendTo(closeConnection, "GET", { maxAttempts: 1 });
    expect((await catchError(response)).message).toMatch(
      new RegExp(
        `^The connection to authentik at ${server.url} was closed unexpectedly: GET /redacted/: .+\\. Check authentik:url`,
      ),
    );
  });

  test("reports a timeout", async () => {
    const { server, response } = await sendTo(() => undefined, "GET", { maxAttempts: 1 });
    const error = await catchError(response);
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error.message).toBe(
      `The request to authentik at ${server.url} timed out: GET /redacted/: Headers Timeout Error. Check that the server is running and reachable from here, then run again.`,
    );
  });

  test("reports a host name that cannot be resolved", async () => {
    const transport = openTransport("http://no-such-host.invalid", { maxAttempts: 1 });
    const error = await catchError(transport.send(buildRequest("POST")));
    expect(error).toMatchObject({ outcomeUnknown: false });
    expect(error.message).toMatch(/: (ENOTFOUND|EAI_AGAIN)\. The host name cannot be resolved\. Check authentik:url/);
  });

  test("ends with the request id of the response", async () => {
    const { response } = await sendTo(respondWith(503, { "x-authentik-id": "3694621f" }), "GET", { maxAttempts: 1 });
    expect((await catchError(response)).message).toBe(
      "authentik or a proxy in front of it is unavailable: GET /redacted/ returned 503. Retry later. (request 3694621f)",
    );
  });

  test("has a cause", async () => {
    const { response } = await sendTo(closeConnection, "GET", { maxAttempts: 1 });
    expect((await catchError(response)).cause).toBeInstanceOf(Error);
  });
});
