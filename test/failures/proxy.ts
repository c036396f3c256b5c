import { once } from "node:events";
import * as http from "node:http";
import * as https from "node:https";
import type { AddressInfo, Socket } from "node:net";

export interface ProxiedResponse {
  readonly status: number;
  readonly headers: http.OutgoingHttpHeaders;
  readonly body: string;
}

/** A request that reached the proxy, and what a failure can do with it. */
export interface Exchange {
  readonly method: string;
  /** Without its query. */
  readonly path: string;
  /** Carries the request out on the server and returns the response, without passing it on. */
  forward(): Promise<ProxiedResponse>;
  /** Sends a complete response. */
  send(response: ProxiedResponse): void;
  /** Sends bytes as they are, then closes the connection. */
  sendAndClose(bytes: string): void;
  /** Sends bytes as they are. The connection stays open. */
  sendPart(bytes: string): void;
  /** Resets the connection. */
  reset(): void;
}

export type Handler = (exchange: Exchange, proxy: FailureProxy) => void | Promise<void>;

/** A failure for the requests that match. Without `times`, it affects all of them. */
export interface Script {
  matches(method: string, path: string): boolean;
  /** How many matching requests pass before the first one that is affected. Defaults to 0. */
  readonly skip?: number;
  readonly times?: number;
  readonly handle: Handler;
}

interface ProxyOptions {
  /** Key and certificate in PEM format. If set, the proxy uses HTTPS. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Defaults to one that the system assigns. */
  readonly port?: number;
}

/** An HTTP proxy between the provider and a server. It passes requests on unchanged, except for those that a script affects. */
export class FailureProxy {
  readonly #target: URL;
  readonly #server: http.Server;
  readonly #agent = new http.Agent({ keepAlive: true });
  readonly #sockets = new Set<Socket>();
  readonly #scheme: string;
  readonly #scripts: (Script & { matched: number })[] = [];
  /** How many new connections to reset before a request is read. */
  connectionsToReset = 0;
  #port: number;

  private constructor(target: string, { tls, port = 0 }: ProxyOptions) {
    this.#port = port;
    this.#target = new URL(target);
    this.#server = tls ? https.createServer(tls) : http.createServer();
    this.#scheme = tls ? "https" : "http";
    // Longer than any test, so that only failures close connections.
    this.#server.keepAliveTimeout = 120_000;
    this.#server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on("error", () => undefined);
      socket.once("close", () => this.#sockets.delete(socket));
      if (this.connectionsToReset > 0) {
        this.connectionsToReset -= 1;
        socket.resetAndDestroy();
      }
    });
    this.#server.on("request", (request: http.IncomingMessage, response: http.ServerResponse) => {
      this.#serve(request, response).catch(() => response.destroy());
    });
  }

  static async start(target: string, options: ProxyOptions = {}): Promise<FailureProxy> {
    const proxy = new FailureProxy(target, options);
    await proxy.listen();
    return proxy;
  }

  get url(): string {
    return `${this.#scheme}://127.0.0.1:${this.#port}`;
  }

  script(script: Script): void {
    this.#scripts.push({ ...script, matched: 0 });
  }

  /** Starts to accept connections, on the same port as before. */
  async listen(): Promise<void> {
    this.#server.listen(this.#port, "127.0.0.1");
    await once(this.#server, "listening");
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Closes all connections, and refuses new ones. */
  async stopListening(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async close(): Promise<void> {
    await this.stopListening();
    this.#agent.destroy();
  }

  async #serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const method = request.method ?? "";
    const path = (request.url ?? "").split("?")[0] ?? "";
    const { socket } = response;
    const exchange: Exchange = {
      method,
      path,
      forward: () => this.#forward(request, Buffer.concat(chunks)),
      send: ({ status, headers, body }) => response.writeHead(status, headers).end(body),
      sendAndClose: (bytes) => socket?.end(bytes),
      sendPart: (bytes) => socket?.write(bytes),
      reset: () => socket?.resetAndDestroy(),
    };
    const handle = this.#findHandler(method, path);
    if (handle) await handle(exchange, this);
    else exchange.send(await exchange.forward());
  }

  #findHandler(method: string, path: string): Handler | undefined {
    for (const script of this.#scripts) {
      if (!script.matches(method, path)) continue;
      script.matched += 1;
      const skip = script.skip ?? 0;
      if (script.matched > skip && script.matched <= skip + (script.times ?? Number.POSITIVE_INFINITY)) {
        return script.handle;
      }
    }
    return undefined;
  }

  async #forward(request: http.IncomingMessage, body: Buffer): Promise<ProxiedResponse> {
    const { hostname, port } = this.#target;
    const { connection: _connection, host: _host, ...headers } = request.headers;
    const upstream = http.request({
      hostname,
      port,
      method: request.method,
      path: request.url,
      headers,
      agent: this.#agent,
    });
    upstream.end(body);
    const [response] = (await once(upstream, "response")) as [http.IncomingMessage];
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    const { connection: _kept, "keep-alive": _keepAlive, ...responseHeaders } = response.headers;
    return { status: response.statusCode ?? 0, headers: responseHeaders, body: Buffer.concat(chunks).toString() };
  }
}

/** The status line, the headers and the body of a response, as they are on the wire. */
export function formatResponse({ status, headers, body }: ProxiedResponse): { head: string; body: string } {
  const lines = Object.entries({ ...headers, "content-length": Buffer.byteLength(body) }).map(
    ([name, value]) => `${name}: ${String(value)}\r\n`,
  );
  return { head: `HTTP/1.1 ${status} ${http.STATUS_CODES[status]}\r\n${lines.join("")}\r\n`, body };
}
