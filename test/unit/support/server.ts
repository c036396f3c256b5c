import "./environment";
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Server as NetServer, Socket } from "node:net";

export interface ReceivedRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** When its body was complete, in milliseconds. */
  readonly receivedAt: number;
  readonly socket: Socket;
}

export type Handler = (request: ReceivedRequest, response: ServerResponse, index: number) => unknown;

export interface RunningServer {
  readonly url: string;
  readonly port: number;
  readonly received: ReceivedRequest[];
  connectionCount(): number;
  close(): Promise<void>;
}

const closeFunctions = new Set<() => Promise<void>>();

/** Starts an HTTP server on loopback, until {@link closeServers}. The handler's `index` counts the requests from 0. */
export async function startServer(
  handler: Handler,
  options: { port?: number; tls?: { key: string; cert: string } } = {},
): Promise<RunningServer> {
  const received: ReceivedRequest[] = [];
  const server: Server = options.tls ? createTlsServer(options.tls) : createServer();
  server.keepAliveTimeout = 60_000;
  server.on("request", async (message, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of message) chunks.push(chunk as Buffer);
    const request: ReceivedRequest = {
      method: message.method ?? "",
      path: message.url ?? "",
      headers: message.headers,
      body: Buffer.concat(chunks).toString(),
      receivedAt: performance.now(),
      socket: message.socket,
    };
    received.push(request);
    await handler(request, response, received.length - 1);
  });
  const port = await listen(server, options.port);
  const sockets = trackSockets(server);
  const close = (): Promise<void> => {
    closeFunctions.delete(close);
    return stop(server, sockets.open);
  };
  closeFunctions.add(close);
  return {
    url: `${options.tls ? "https" : "http"}://127.0.0.1:${port}`,
    port,
    received,
    connectionCount: () => sockets.total,
    close,
  };
}

export function listen(server: NetServer, port = 0): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
}

export async function closeServers(): Promise<void> {
  await Promise.all([...closeFunctions].map((close) => close()));
}

/** Passes the request on to the server with this URL, and its response back. */
export async function forward(request: ReceivedRequest, response: ServerResponse, url: string): Promise<void> {
  const { method, headers, path, body } = request;
  const init = { method, headers: headers as Record<string, string>, body: body === "" ? null : body };
  const forwarded = await fetch(`${url}${path}`, init);
  response.writeHead(forwarded.status, { "content-type": forwarded.headers.get("content-type") ?? "" });
  response.end(await forwarded.text());
}

export function sendJson(response: ServerResponse, status: number, body: unknown, headers: object = {}): void {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
}

export function sendHtml(response: ServerResponse, status: number, body = "", headers: object = {}): void {
  response.writeHead(status, { "content-type": "text/html; charset=utf-8", ...headers }).end(body);
}

function trackSockets(server: Server): { total: number; open: Set<Socket> } {
  const sockets = { total: 0, open: new Set<Socket>() };
  server.on("connection", (socket: Socket) => {
    sockets.total += 1;
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
