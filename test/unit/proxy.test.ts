import { createServer, type Server } from "node:http";
import { connect, type Socket } from "node:net";
import { type Limits, Transport } from "../../provider/authentik/transport";
import { catchError } from "./support/catch-error";
import { selfSignedCertificate } from "./support/certificate";
import { closeServers, listen, type RunningServer, sendJson, startServer } from "./support/server";

const limits: Partial<Limits> = { maxAttempts: 1, initialDelay: 1 };
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
const proxyVariables = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"] as const;

/** Starts a proxy on loopback that opens tunnels, or responds to CONNECT with another status. */
async function startProxy(status = 200): Promise<Proxy> {
  const proxy: Proxy = { url: "", targets: [], credentials: [] };
  const server = createServer();
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

async function getStatus(url: string, insecure = false): Promise<number> {
  const transport = new Transport({ url, token: "t0ken", insecure, limits });
  const { status } = await transport.send(getRequest).finally(() => transport.close());
  return status;
}

afterEach(async () => {
  for (const name of proxyVariables) delete process.env[name];
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  for (const server of proxies.splice(0)) server.close();
  await closeServers();
});

test("uses HTTP_PROXY for http", async () => {
  const [proxy, target] = await Promise.all([startProxy(), startTarget()]);
  process.env["HTTP_PROXY"] = proxy.url;
  expect(await getStatus(target.url)).toBe(200);
  expect(proxy.targets).toEqual([`127.0.0.1:${target.port}`]);
});

test("uses HTTPS_PROXY for https, also with insecure", async () => {
  const [proxy, target] = await Promise.all([startProxy(), startTarget(selfSignedCertificate)]);
  process.env["HTTPS_PROXY"] = proxy.url;
  expect(await getStatus(target.url, true)).toBe(200);
  expect(proxy.targets).toEqual([`127.0.0.1:${target.port}`]);
});

test("verifies the certificate of a server behind a proxy", async () => {
  const [proxy, target] = await Promise.all([startProxy(), startTarget(selfSignedCertificate)]);
  process.env["HTTPS_PROXY"] = proxy.url;
  expect((await catchError(getStatus(target.url))).message).toContain(
    "The server's TLS certificate was rejected. Check that it is valid for this host name and has not expired.",
  );
});

test.each(["127.0.0.1", "*", "example.com, 127.0.0.1"])("does not use the proxy if NO_PROXY is %s", async (noProxy) => {
  const [proxy, target] = await Promise.all([startProxy(), startTarget()]);
  process.env["HTTP_PROXY"] = proxy.url;
  process.env["NO_PROXY"] = noProxy;
  expect(await getStatus(target.url)).toBe(200);
  expect(proxy.targets).toEqual([]);
});

test("sends the proxy its own credentials, and not authentik's", async () => {
  const [proxy, target] = await Promise.all([startProxy(), startTarget()]);
  process.env["HTTP_PROXY"] = proxy.url.replace("http://", "http://me:hunter2@");
  expect(await getStatus(target.url)).toBe(200);
  expect(proxy.credentials).toEqual([`Basic ${Buffer.from("me:hunter2").toString("base64")}`]);
});

test.each([403, 407, 502])("reports a proxy that returns %d, without its password", async (status) => {
  const [proxy, target] = await Promise.all([startProxy(status), startTarget()]);
  process.env["HTTP_PROXY"] = proxy.url.replace("http://", "http://me:hunter2@");
  const { message } = await catchError(getStatus(target.url));
  expect(message).toContain(String(status));
  expect(message).toContain("any proxy or firewall");
  expect(message).not.toContain("hunter2");
  expect(target.received).toEqual([]);
});

test("reports that a POST rejected by the proxy had no effect", async () => {
  const [proxy, target] = await Promise.all([startProxy(502), startTarget()]);
  process.env["HTTP_PROXY"] = proxy.url;
  const transport = new Transport({ url: target.url, token: "t0ken", limits });
  const error = await catchError(transport.send({ ...getRequest, method: "POST", body: {} }));
  expect(error).toMatchObject({ outcomeUnknown: false });
  await transport.close();
});

test("reports a proxy that is not running", async () => {
  const target = await startTarget();
  const { port, close } = await startServer(() => undefined);
  await close();
  process.env["HTTP_PROXY"] = `http://127.0.0.1:${port}`;
  expect((await catchError(getStatus(target.url))).message).toContain("ECONNREFUSED");
});
