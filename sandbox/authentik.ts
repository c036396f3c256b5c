import { randomBytes } from "node:crypto";
import * as http from "node:http";
import * as https from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { toHex } from "./fields";
import { Instance } from "./instance";
import { stringifyJson } from "./json";
import type { Mail } from "./outbox";
import { ApiRequest } from "./request";
import {
  ApiError,
  type HttpResponse,
  methodNotAllowedPage,
  notFoundPage,
  ServerCrash,
  serverErrorPage,
} from "./responses";
import { Router } from "./router";
import { type AuthentikVersion, newestVersion, type VersionBehavior, versionBehaviors } from "./versions";

export interface AuthentikOptions {
  /** Defaults to the newest. */
  version?: AuthentikVersion;
  /** Defaults to any free port. */
  port?: number;
  /** Milliseconds to wait before each response. Defaults to 0. */
  latency?: number;
  /** Serves everything below this path, for example `/auth`. */
  pathPrefix?: string;
  /** The API token of akadmin. Defaults to a random one. */
  token?: string;
  /** The server's clock. Defaults to the system's. */
  now?: () => Date;
  /** Key and certificate in PEM format. If set, the server uses HTTPS. */
  tls?: { key: string; cert: string };
  /** Called for each mail that the server sends. */
  onMail?: (mail: Mail) => void;
}

/** A request that the server received, and how it responded. */
export interface ReceivedRequest {
  method: string;
  path: string;
  query: string;
  status: number | "disconnected";
  username: string | null;
  userAgent: string | undefined;
  headers: Record<string, string | string[] | undefined>;
  /** The parsed JSON, the raw string if it is not JSON, or undefined for an empty body. */
  body: unknown;
}

/** A failure to inject. Without `disconnect` or `status`, it only delays the response. */
export interface InjectedFailure {
  /** The number of matching requests to affect. Defaults to 1. */
  times?: number;
  method?: string;
  path?: RegExp;
  /** "before" (the default) skips the request. "after" executes it and then loses its response. */
  when?: "before" | "after";
  /** Closes the connection without a response. */
  disconnect?: boolean;
  /** Sends this status, with the headers and body below, as the response. */
  status?: number;
  headers?: Record<string, string>;
  body?: string;
  /** Milliseconds to wait before the response. */
  delay?: number;
}

/** The embedded authentik: an in-memory stand-in for tests and demos. Listens on loopback only. */
export class Authentik {
  /** All requests received so far. */
  readonly requests: ReceivedRequest[] = [];
  now: () => Date;
  latency: number;
  /** The server's state, for tests that need more than the HTTP API. */
  readonly instance: Instance;
  private readonly router: Router;
  private readonly behavior: VersionBehavior;
  private readonly failures: (InjectedFailure & { remaining: number })[] = [];
  private readonly prefix: string;
  private readonly scheme: "http" | "https";
  private baseUrl = "";

  private constructor(
    readonly version: AuthentikVersion,
    readonly token: string,
    private readonly server: http.Server,
    options: AuthentikOptions,
  ) {
    this.behavior = versionBehaviors[version];
    this.scheme = options.tls ? "https" : "http";
    this.now = options.now ?? (() => new Date());
    this.latency = options.latency ?? 0;
    this.prefix = (options.pathPrefix ?? "").replace(/^\/*(?=.)/, "/").replace(/\/+$/, "");
    this.instance = new Instance(this.behavior, () => this.now());
    this.router = new Router(this.instance);
    this.instance.users.addToken(this.instance.users.admin, { key: token });
    this.instance.outbox.onMail = options.onMail;
    // Longer than any test, so that only close() and injected failures end connections.
    server.keepAliveTimeout = 60_000;
    server.on("request", (request: http.IncomingMessage, response: http.ServerResponse) => {
      this.serve(request, response).catch((error: unknown) => {
        console.error("Unhandled error in the embedded authentik:", error);
        response.destroy();
      });
    });
    server.on("clientError", (_error: Error, socket: Duplex) => rejectInvalidHttp(socket));
  }

  static async start(options: AuthentikOptions = {}): Promise<Authentik> {
    const server = options.tls ? https.createServer(options.tls) : http.createServer();
    const token = options.token ?? randomBytes(30).toString("hex");
    const authentik = new Authentik(options.version ?? newestVersion, token, server, options);
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(options.port ?? 0, "127.0.0.1", resolve);
    });
    const { port } = server.address() as AddressInfo;
    authentik.baseUrl = `${authentik.scheme}://127.0.0.1:${port}${authentik.prefix}`;
    return authentik;
  }

  /** `http://127.0.0.1:PORT` and the path prefix, without a trailing slash. */
  get url(): string {
    return this.baseUrl;
  }

  /** The mails sent so far, oldest first. */
  get outbox(): Mail[] {
    return this.instance.outbox.mails;
  }

  /** Creates a service account with global permissions. Returns an API token for it. */
  addUser(username: string, permissions: string[]): string {
    const { users } = this.instance;
    if (users.findByUsername(username)) throw new Error(`user ${username} already exists`);
    return users.addToken(users.add({ username, type: "service_account", permissions: new Set(permissions) }));
  }

  /** Also removes the user's tokens and the invitations that it created. */
  removeUser(username: string): void {
    const user = this.instance.users.findByUsername(username);
    if (!user) throw new Error(`user ${username} does not exist`);
    this.instance.users.remove(user);
  }

  /** Deletes expired invitations, as a task of a real server does every few minutes. Returns how many. */
  cleanUpExpired(): number {
    return this.instance.invitations.cleanUpExpired();
  }

  /** Removes the injected failures that have not occurred. */
  clearFailures(): void {
    this.failures.length = 0;
  }

  /** Injects a failure. If several failures match a request, the oldest one applies. */
  injectFailure(failure: InjectedFailure): void {
    this.failures.push({ ...failure, remaining: failure.times ?? 1 });
  }

  /** Milliseconds until a new event becomes visible. */
  get eventDelay(): number {
    return this.instance.events.delayMs;
  }

  set eventDelay(milliseconds: number) {
    this.instance.events.delayMs = milliseconds;
  }

  /** Sends a request, by default as akadmin. If `token` is null, sends it without a token. */
  async request(
    method: string,
    path: string,
    body?: unknown,
    token: string | null = this.token,
  ): Promise<{ status: number; body: unknown; headers: Headers }> {
    const response = await fetch(this.url + path, {
      method,
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = response.headers.get("content-type")?.startsWith("application/json") ?? false;
    return { status: response.status, body: isJson ? JSON.parse(text) : text, headers: response.headers };
  }

  /** Also closes idle connections. Can be called more than once. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    this.server.closeAllConnections();
    await closed;
  }

  private async serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const method = request.method ?? "GET";
    const [rawPath = "/", ...rest] = (request.url ?? "/").split("?");
    const query = rest.join("?");
    const body = await readBody(request);
    if (body === undefined) return;
    const failure = this.takeFailure(method, rawPath);
    const replacesResponse = failure?.disconnect === true || failure?.status !== undefined;
    const skipsRequest = replacesResponse && (failure?.when ?? "before") === "before";
    const path = rawPath.slice(this.prefix.length);
    // As a proxy in front of authentik sets it (ground truth of `field.email.event`: the scheme of mailed links).
    const scheme = request.headers["x-forwarded-proto"] === "https" ? "https" : this.scheme;
    const apiRequest = new ApiRequest(this.behavior, method, path, query, request.headers, body, scheme);
    const hasPrefix = rawPath === this.prefix || rawPath.startsWith(`${this.prefix}/`);
    const actual = skipsRequest ? undefined : hasPrefix ? this.respond(apiRequest) : notFoundPage();
    const sent = replacesResponse ? failureResponse(failure) : actual;
    const delay = this.latency + (failure?.delay ?? 0);
    if (delay > 0) await new Promise((resolve) => setTimeout(resolve, delay));
    this.requests.push({
      method,
      path: rawPath,
      query,
      status: sent?.status ?? "disconnected",
      username: apiRequest.user?.username ?? null,
      userAgent: request.headers["user-agent"],
      headers: request.headers,
      body: toLoggedBody(body),
    });
    if (sent === undefined) response.destroy();
    else this.send(sent, method, response, replacesResponse ? undefined : toHex(apiRequest.id));
  }

  private respond(request: ApiRequest): HttpResponse {
    try {
      return this.router.route(request);
    } catch (error) {
      if (error instanceof ApiError) return error.response;
      if (!(error instanceof ServerCrash)) throw error;
      return request.method === "GET" || request.method === "HEAD" ? serverErrorPage() : methodNotAllowedPage();
    }
  }

  /** Every response of authentik itself has the id of its request, under which the event log has it as well. */
  private send(
    { status, headers, body }: HttpResponse,
    method: string,
    response: http.ServerResponse,
    requestId: string | undefined,
  ): void {
    const sentHeaders: http.OutgoingHttpHeaders = {
      ...headers,
      ...(requestId === undefined ? {} : { "x-authentik-id": requestId }),
    };
    if (body && "json" in body) sentHeaders["content-type"] ??= this.behavior.jsonContentType;
    const isNoContent = status === 204;
    if (isNoContent && !body) delete sentHeaders["content-type"];
    const text = body === undefined ? "" : "json" in body ? stringifyJson(body.json) : body.text;
    const bytes = Buffer.from(text);
    if (!isNoContent) sentHeaders["content-length"] = bytes.length;
    response.writeHead(status, sentHeaders);
    response.end(method === "HEAD" ? undefined : bytes);
  }

  private takeFailure(method: string, path: string): InjectedFailure | undefined {
    const index = this.failures.findIndex((failure) => {
      if (failure.method !== undefined && failure.method !== method) return false;
      return failure.path?.test(path) ?? true;
    });
    const failure = this.failures[index];
    if (!failure) return undefined;
    failure.remaining -= 1;
    if (failure.remaining <= 0) this.failures.splice(index, 1);
    return failure;
  }
}

/** The response of a failure, or undefined if it closes the connection. */
function failureResponse(failure: InjectedFailure | undefined): HttpResponse | undefined {
  if (failure?.status === undefined || failure.disconnect) return undefined;
  const headers = Object.fromEntries(
    Object.entries(failure.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]),
  );
  return { status: failure.status, headers, body: { text: failure.body ?? "" } };
}

/** The whole body, or undefined if the client disconnected. */
async function readBody(request: http.IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of request) chunks.push(chunk as Buffer);
  } catch {
    return undefined;
  }
  return Buffer.concat(chunks);
}

function toLoggedBody(body: Buffer): unknown {
  if (body.length === 0) return undefined;
  const text = body.toString();
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** The response to a request that Node.js cannot parse (method.bogus). */
function rejectInvalidHttp(socket: Duplex): void {
  if (socket.destroyed || !socket.writable) return;
  const text = "Invalid HTTP request received.";
  socket.end(
    `HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\nconnection: close\r\ncontent-length: ${text.length}\r\n\r\n${text}`,
  );
}
