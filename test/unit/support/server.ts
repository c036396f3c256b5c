import "./environment";
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Server as NetServer, Socket } from "node:net";

export interface Received {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** When it had arrived as a whole, in milliseconds. */
  readonly at: number;
  readonly socket: Socket;
}

export type Handler = (received: Received, response: ServerResponse, index: number) => unknown;

export interface RunningServer {
  readonly url: string;
  readonly port: number;
  readonly received: Received[];
  /** How many connections were made to it. */
  connections(): number;
  close(): Promise<void>;
}

const running = new Set<() => Promise<void>>();

/** A real HTTP server on loopback; all are closed by {@link closeServers}. `index` counts the requests from 0. */
export async function startServer(
  handler: Handler,
  options: { port?: number; tls?: { key: string; cert: string } } = {},
): Promise<RunningServer> {
  const received: Received[] = [];
  const server: Server = options.tls ? createTlsServer(options.tls) : createServer();
  server.keepAliveTimeout = 60_000;
  server.on("request", async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const one: Received = {
      method: request.method ?? "",
      path: request.url ?? "",
      headers: request.headers,
      body: Buffer.concat(chunks).toString(),
      at: performance.now(),
      socket: request.socket,
    };
    received.push(one);
    await handler(one, response, received.length - 1);
  });
  const port = await listen(server, options.port);
  const sockets = countSockets(server);
  const close = (): Promise<void> => {
    running.delete(close);
    return stop(server, sockets.open);
  };
  running.add(close);
  return {
    url: `${options.tls ? "https" : "http"}://127.0.0.1:${port}`,
    port,
    received,
    connections: () => sockets.all,
    close,
  };
}

export function listen(server: NetServer, port = 0): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
}

/** A port on which nobody listens. */
export async function freePort(): Promise<number> {
  const server = await startServer(() => undefined);
  await server.close();
  return server.port;
}

export async function closeServers(): Promise<void> {
  await Promise.all([...running].map((close) => close()));
}

export function sendJson(response: ServerResponse, status: number, body: unknown, headers: object = {}): void {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
}

export function sendHtml(response: ServerResponse, status: number, body = "", headers: object = {}): void {
  response.writeHead(status, { "content-type": "text/html; charset=utf-8", ...headers }).end(body);
}

function countSockets(server: Server): { all: number; open: Set<Socket> } {
  const sockets = { all: 0, open: new Set<Socket>() };
  server.on("connection", (socket: Socket) => {
    sockets.all += 1;
    sockets.open.add(socket);
    socket.once("close", () => sockets.open.delete(socket));
  });
  return sockets;
}

function stop(server: Server, open: ReadonlySet<Socket>): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    for (const socket of open) socket.destroy();
  });
}
