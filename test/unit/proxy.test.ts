import { createServer, request as httpRequest, type Server } from "node:http";
import { connect, type Socket } from "node:net";
import { type Limits, Transport } from "../bundle-internals";
import { catchError } from "./support/catch-error";
import { selfSignedCertificate } from "./support/certificate";
import { closeServers, listen, type RunningServer, sendJson, startServer } from "./support/server";

const limits: Partial<Limits> = { maxAttempts: 2, initialDelay: 1 };
const getRequest = { method: "GET", path: "/api/v3/", redactedPath: "/api/v3/", userAgent: "test" } as const;

interface Proxy {
  readonly url: string;
  /** The hosts that it was requested to connect to. */
  readonly targets: string[];
  /** The credentials that it received. */
  readonly credentials: (string | undefined)[];
}

const sockets = new Set<Socket>();
const proxies: Server[] = [];
const proxyVariables = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "https_proxy", "http_proxy", "ALL_PROXY"] as const;

/** Starts a proxy on loopback that opens tunnels and forwards requests, or responds with another status. */
async function startProxy(status = 200): Promise<Proxy> {
  const proxy: Proxy = { url: "", targets: [], credentials: [] };
  const server = createServer((request, response) => {
    proxy.targets.push(new URL(request.url ?? "").host);
    proxy.credentials.push(request.headers["proxy-authorization"]);
    if (status !== 200) {
      response.writeHead(status).end();
      return;
    }
    const { "proxy-authorization": _, ...headers } = request.headers;
    const forwarded = httpRequest(request.url ?? "", { method: request.method ?? "GET", headers }, (received) => {
      response.writeHead(received.statusCode ?? 0, received.headers);
      received.pipe(response);
    });
    request.pipe(forwarded);
  });
  server.on("connection", (socket) => sockets.add(socket));
  server.on("connect", (request, socket: Socket) => {
    proxy.targets.push(request.url ?? "");
    proxy.credentials.push(request.headers["proxy-authorization"]);
    if (status !== 200) {
      socket.end(`HTTP/1.1 ${status} No\r\ncontent-length: 0\r\n\r\n`);
      return;
    }
    const [host, port] = (request.url ?? "").split(":");
    const target = connect(Number(port), host, () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      target.pipe(socket).pipe(target);
    });
    sockets.add(target);
    for (const end of [target, socket]) end.on("error", () => socket.destroy());
  });
  proxies.push(server);
  return { ...proxy, url: `http://127.0.0.1:${await listen(server)}` };
}

function startTarget(tls?: typeof selfSignedCertificate): Promise<RunningServer> {
  return startServer((_request, response) => sendJson(response, 200, {}), tls ? { tls } : {});
}

interface Options {
  readonly insecure?: boolean;
  readonly method?: "GET" | "POST";
  readonly headers?: Record<string, string>;
}

/** Sends a request, with any certificate if the URL is https, and returns its status. */
async function send(url: string, { method = "GET", ...options }: Options = {}): Promise<number> {
  const transport = new Transport({ url, token: "t0ken", insecure: url.startsWith("https"), limits, ...options });
  const body = method === "POST" ? {} : undefined;
  const { status } = await transport.send({ ...getRequest, method, body }).finally(() => transport.close());
  return status;
}

/** The URL of a proxy with a user and a password, and the header that it receives. */
const withUser = ({ url }: Proxy, user = "me:hunter2"): string => url.replace("http://", `http://${user}@`);
const basic = (user: string): string => `Basic ${Buffer.from(user).toString("base64")}`;

afterEach(async () => {
  for (const name of proxyVariables) delete process.env[name];
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  for (const server of proxies.splice(0)) server.close();
  await closeServers();
});

test.each([
  ["HTTP_PROXY", undefined],
  // Also with any certificate.
  ["HTTPS_PROXY", selfSignedCertificate],
])("uses %s, and sends it its own credentials, not authentik's", async (variable, tls) => {
  const [proxy, target] = await Promise.all([startProxy(), startTarget(tls)]);
  process.env[variable] = withUser(proxy);
  expect(await send(target.url)).toBe(200);
  expect(proxy.targets).toEqual([`127.0.0.1:${target.port}`]);
  expect(proxy.credentials).toEqual([basic("me:hunter2")]);
});

test("verifies the certificate of a server behind a proxy", async () => {
  const [proxy, target] = await Promise.all([startProxy(), startTarget(selfSignedCertificate)]);
  process.env["HTTPS_PROXY"] = proxy.url;
  expect((await catchError(send(target.url, { insecure: false }))).message).toContain(
    "The server's TLS certificate was rejected. Check that it is valid for this host name and has not expired.",
  );
});

test.each(["127.0.0.1", "*", "example.com, 127.0.0.1"])("does not use the proxy if NO_PROXY is %s", async (noProxy) => {
  const [proxy, target] = await Promise.all([startProxy(), startTarget()]);
  process.env["HTTP_PROXY"] = proxy.url;
  process.env["NO_PROXY"] = noProxy;
  expect(await send(target.url)).toBe(200);
  expect(proxy.targets).toEqual([]);
});

test.each([
  ["me", "me:"],
  ["me%40example.com:p%3Aw%2F%C3%BC", "me@example.com:p:w/ü"],
])("accepts the credentials %s", async (user, credentials) => {
  const [proxy, target] = await Promise.all([startProxy(), startTarget(selfSignedCertificate)]);
  process.env["HTTPS_PROXY"] = withUser(proxy, user);
  expect(await send(target.url)).toBe(200);
  expect(proxy.credentials).toEqual([basic(credentials)]);
});

test("accepts a proxy without a scheme, and prefers the variable in lower case", async () => {
  const [proxy, other, target] = await Promise.all([startProxy(), startProxy(500), startTarget(selfSignedCertificate)]);
  process.env["HTTPS_PROXY"] = other.url;
  process.env["https_proxy"] = proxy.url.replace("http://", "");
  expect(await send(target.url)).toBe(200);
  expect([proxy.targets.length, other.targets]).toEqual([1, []]);
});

test("does not use the proxy for http to reach https, nor ALL_PROXY", async () => {
  const [proxy, target] = await Promise.all([startProxy(), startTarget(selfSignedCertificate)]);
  process.env["HTTP_PROXY"] = proxy.url;
  process.env["ALL_PROXY"] = "socks5://127.0.0.1:1";
  expect(await send(target.url)).toBe(200);
  expect(proxy.targets).toEqual([]);
});

test.each([
  ["socks5://127.0.0.1:1080", "sets a socks5 proxy, which is not supported"],
  ["http://", "is not a URL"],
  ["http://proxy:99999", "is not a URL"],
  ["http://a%ZZ:b@proxy:3128", "is not the URL of a proxy"],
])("names the variable with the value %j, and sends nothing", async (value, problem) => {
  const target = await startTarget(selfSignedCertificate);
  process.env["HTTPS_PROXY"] = value;
  const error = await catchError(send(target.url, { method: "POST" }));
  expect(error.message).toContain(`HTTPS_PROXY ${problem}`);
  expect(error.message).toContain("Nothing was sent.");
  expect(error.message).not.toContain("authentik:url");
  expect(error).toMatchObject({ outcomeUnknown: false });
  expect(target.received).toEqual([]);
  // The value does not matter to a server that NO_PROXY excludes.
  process.env["NO_PROXY"] = "127.0.0.1";
  expect(await send(target.url)).toBe(200);
});

test.each([
  [403, "Allow connections to authentik's host in the proxy, or add 127.0.0.1 to NO_PROXY."],
  [407, "Set the proxy's user and password in HTTPS_PROXY, in the form http://user:password@"],
  [502, "Allow connections"],
])("names the proxy that returns %d to CONNECT, without its password", async (status, hint) => {
  const [proxy, target] = await Promise.all([startProxy(status), startTarget(selfSignedCertificate)]);
  process.env["HTTPS_PROXY"] = withUser(proxy);
  const error = await catchError(send(target.url, { method: "POST" }));
  expect(error.message).toMatch(
    new RegExp(
      `^The proxy 127\\.0\\.0\\.1:\\d+ \\(HTTPS_PROXY\\) refused the connection to authentik at https://.*: the proxy returned ${status}\\. `,
    ),
  );
  expect(error.message).toContain(hint);
  expect(error.message).not.toContain("hunter2");
  expect(error).toMatchObject({ outcomeUnknown: false });
  expect(target.received).toEqual([]);
});

test("names the proxy that requires a password for http", async () => {
  const [proxy, target] = await Promise.all([startProxy(407), startTarget()]);
  process.env["HTTP_PROXY"] = proxy.url;
  expect((await catchError(send(target.url))).message).toContain("(HTTP_PROXY) refused the connection");
});

test("sends a configured Proxy-Authorization to the server, through a proxy and without one", async () => {
  const [proxy, target] = await Promise.all([startProxy(), startTarget(selfSignedCertificate)]);
  const headers = { "Proxy-Authorization": "Bearer iap" };
  expect(await send(target.url, { headers })).toBe(200);
  process.env["HTTPS_PROXY"] = withUser(proxy);
  expect(await send(target.url, { headers })).toBe(200);
  const received = target.received.map((request) => request.headers["proxy-authorization"]);
  expect(received).toEqual(["Bearer iap", "Bearer iap"]);
  expect(proxy.credentials).toEqual([basic("me:hunter2")]);
});

test("fails if the proxy for http needs the header that is configured for the server", async () => {
  const [proxy, target] = await Promise.all([startProxy(), startTarget()]);
  process.env["HTTP_PROXY"] = withUser(proxy);
  const { message } = await catchError(send(target.url, { headers: { "proxy-authorization": "x" } }));
  expect(message).toContain(
    "HTTP_PROXY needs the header Proxy-Authorization itself, which authentik:headers sets for the server",
  );
  expect(target.received).toEqual([]);
});

test("reports a proxy that is not running", async () => {
  const target = await startTarget();
  process.env["HTTP_PROXY"] = "http://127.0.0.1:1";
  expect((await catchError(send(target.url))).message).toMatch(
    /^Could not connect to the proxy 127\.0\.0\.1:1 \(HTTP_PROXY\): .*ECONNREFUSED\. Check HTTP_PROXY and that the proxy is running, or add 127\.0\.0\.1 to NO_PROXY\.$/,
  );
});
