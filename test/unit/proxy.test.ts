import { createServer, type Server } from "node:http";
import { connect, type Socket } from "node:net";
import { type Limits, Transport } from "../../provider/authentik/transport";
import { selfSigned } from "./support/certificate";
import { failureOf } from "./support/failure";
import { closeServers, listen, type RunningServer, sendJson, startServer } from "./support/server";

const limits: Partial<Limits> = { maxAttempts: 1, initialDelay: 1 };
const get = { method: "GET", path: "/api/v3/", redactedPath: "/api/v3/" } as const;

interface Proxy {
  readonly url: string;
  /** What it was asked to connect to. */
  readonly targets: string[];
  /** The credentials that came with it. */
  readonly credentials: (string | undefined)[];
}

const sockets = new Set<Socket>();
const proxies: Server[] = [];
const variables = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"] as const;

/** A proxy on loopback that makes tunnels, or answers with another status. */
async function startProxy(answer = 200): Promise<Proxy> {
  const proxy: Proxy = { url: "", targets: [], credentials: [] };
  const server = createServer();
  server.on("connection", (socket) => sockets.add(socket));
  server.on("connect", (request, socket: Socket) => {
    proxy.targets.push(request.url ?? "");
    proxy.credentials.push(request.headers["proxy-authorization"]);
    if (answer !== 200) {
      socket.end(`HTTP/1.1 ${answer} No\r\ncontent-length: 0\r\n\r\n`);
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

function startTarget(tls?: typeof selfSigned): Promise<RunningServer> {
  return startServer((_received, response) => sendJson(response, 200, {}), tls ? { tls } : {});
}

async function statusOf(url: string, insecure = false): Promise<number> {
  const transport = new Transport({ url, token: "t0ken", insecure, limits });
  const { status } = await transport.send(get).finally(() => transport.close());
  return status;
}

afterEach(async () => {
  for (const name of variables) delete process.env[name];
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  for (const server of proxies.splice(0)) server.close();
  await closeServers();
});

test("HTTP_PROXY is used for http", async () => {
  const [proxy, target] = await Promise.all([startProxy(), startTarget()]);
  process.env["HTTP_PROXY"] = proxy.url;
  expect(await statusOf(target.url)).toBe(200);
  expect(proxy.targets).toEqual([`127.0.0.1:${target.port}`]);
});

test("HTTPS_PROXY is used for https, and insecure holds behind it", async () => {
  const [proxy, target] = await Promise.all([startProxy(), startTarget(selfSigned)]);
  process.env["HTTPS_PROXY"] = proxy.url;
  expect(await statusOf(target.url, true)).toBe(200);
  expect(proxy.targets).toEqual([`127.0.0.1:${target.port}`]);
});

test("a certificate is checked behind a proxy, too", async () => {
  const [proxy, target] = await Promise.all([startProxy(), startTarget(selfSigned)]);
  process.env["HTTPS_PROXY"] = proxy.url;
  expect((await failureOf(statusOf(target.url))).message).toContain("Its certificate is not trusted here");
});

test.each(["127.0.0.1", "*", "example.com, 127.0.0.1"])("NO_PROXY %s keeps from it", async (noProxy) => {
  const [proxy, target] = await Promise.all([startProxy(), startTarget()]);
  process.env["HTTP_PROXY"] = proxy.url;
  process.env["NO_PROXY"] = noProxy;
  expect(await statusOf(target.url)).toBe(200);
  expect(proxy.targets).toEqual([]);
});

test("the proxy is given its own credentials, and not authentik's", async () => {
  const [proxy, target] = await Promise.all([startProxy(), startTarget()]);
  process.env["HTTP_PROXY"] = proxy.url.replace("http://", "http://me:hunter2@");
  expect(await statusOf(target.url)).toBe(200);
  expect(proxy.credentials).toEqual([`Basic ${Buffer.from("me:hunter2").toString("base64")}`]);
});

test.each([403, 407, 502])("a proxy that answers %d is told of, without its password", async (answer) => {
  const [proxy, target] = await Promise.all([startProxy(answer), startTarget()]);
  process.env["HTTP_PROXY"] = proxy.url.replace("http://", "http://me:hunter2@");
  const { message } = await failureOf(statusOf(target.url));
  expect(message).toContain(String(answer));
  expect(message).toContain("proxies and firewalls on the way");
  expect(message).not.toContain("hunter2");
  expect(target.received).toEqual([]);
});

test("a POST that the proxy did not let through has surely done nothing", async () => {
  const [proxy, target] = await Promise.all([startProxy(502), startTarget()]);
  process.env["HTTP_PROXY"] = proxy.url;
  const transport = new Transport({ url: target.url, token: "t0ken", limits });
  const failure = await failureOf(transport.send({ ...get, method: "POST", body: {} }));
  expect(failure).toMatchObject({ outcomeUnknown: false });
  await transport.close();
});

test("a proxy that is not there is told of", async () => {
  const target = await startTarget();
  const { port, close } = await startServer(() => undefined);
  await close();
  process.env["HTTP_PROXY"] = `http://127.0.0.1:${port}`;
  expect((await failureOf(statusOf(target.url))).message).toContain("ECONNREFUSED");
});
