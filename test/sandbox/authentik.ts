import { randomBytes } from "node:crypto";
import * as http from "node:http";
import * as https from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { Instance } from "./instance";
import { stringifyJson } from "./json";
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
import { type AuthentikVersion, type VersionBehavior, versionBehaviors } from "./versions";

export interface AuthentikOptions {
  /** Default: 2026.2. */
  version?: AuthentikVersion;
  /** Default: any that is free. */
  port?: number;
  /** Milliseconds before every answer. */
  latency?: number;
  /** The whole server lies below it: `/auth`. */
  pathPrefix?: string;
  /** akadmin's API token; a random one unless given. */
  token?: string;
  /** The clock. */
  now?: () => Date;
  /** PEM texts; with them the server speaks HTTPS. */
  tls?: { key: string; cert: string };
}

export interface RecordedRequest {
  method: string;
  path: string;
  query: string;
  status: number | "cut";
  username: string | null;
  userAgent: string | undefined;
  headers: Record<string, string | string[] | undefined>;
  /** What the JSON of the body says, its text where it is none, undefined where there is none. */
  body: unknown;
}

export interface Fault {
  /** How many matching requests it hits; default 1. */
  times?: number;
  method?: string;
  path?: RegExp;
  /** "before": the request is not carried out; "after": it is carried out, and its answer is lost. Default "before". */
  when?: "before" | "after";
  /** Closes the connection instead of answering. */
  cut?: boolean;
  /** Answers this instead. */
  status?: number;
  headers?: Record<string, string>;
  body?: string;
  /** Milliseconds before the answer; alone it changes nothing else. */
  delay?: number;
}

/** The embedded authentik: a stand-in for tests and demonstrations, in memory, on loopback. */
export class Authentik {
  readonly requests: RecordedRequest[] = [];
  now: () => Date;
  latency: number;
  /** What is in it, for tests that need more than HTTP can say. */
  readonly instance: Instance;
  private readonly router: Router;
  private readonly behavior: VersionBehavior;
  private readonly faults: (Fault & { left: number })[] = [];
  private readonly prefix: string;
  private baseUrl = "";

  private constructor(
    readonly version: AuthentikVersion,
    readonly token: string,
    private readonly server: http.Server,
    options: AuthentikOptions,
  ) {
    this.behavior = versionBehaviors[version];
    this.now = options.now ?? (() => new Date());
    this.latency = options.latency ?? 0;
    this.prefix = (options.pathPrefix ?? "").replace(/^\/*(?=.)/, "/").replace(/\/+$/, "");
    this.instance = new Instance(this.behavior, () => this.now());
    this.router = new Router(this.instance);
    this.instance.users.addToken(this.instance.users.admin, { key: token });
    // Connections are kept as long as tests need them: they end with close(), or by a fault.
    server.keepAliveTimeout = 60_000;
    server.on("request", (request: http.IncomingMessage, response: http.ServerResponse) => {
      this.serve(request, response).catch((error: unknown) => {
        console.error("The embedded authentik broke down:", error);
        response.destroy();
      });
    });
    server.on("clientError", (_error: Error, socket: Duplex) => rejectInvalidHttp(socket));
  }

  static async start(options: AuthentikOptions = {}): Promise<Authentik> {
    const server = options.tls ? https.createServer(options.tls) : http.createServer();
    const token = options.token ?? randomBytes(30).toString("hex");
    const authentik = new Authentik(options.version ?? "2026.2", token, server, options);
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(options.port ?? 0, "127.0.0.1", resolve);
    });
    const { port } = server.address() as AddressInfo;
    authentik.baseUrl = `${options.tls ? "https" : "http"}://127.0.0.1:${port}${authentik.prefix}`;
    return authentik;
  }

  /** `http://127.0.0.1:PORT` and the path prefix, without a slash at the end. */
  get url(): string {
    return this.baseUrl;
  }

  /** Makes a service account with these permissions on all objects, and an API token for it. */
  addUser(username: string, permissions: string[]): string {
    const { users } = this.instance;
    if (users.named(username)) throw new Error(`there is a user ${username} already`);
    return users.addToken(users.add({ username, type: "service_account", permissions: new Set(permissions) }));
  }

  /** And with it the invitations that it made. */
  removeUser(username: string): void {
    const user = this.instance.users.named(username);
    if (!user) throw new Error(`there is no user ${username}`);
    this.instance.users.remove(user);
  }

  /** What the task does every few minutes; says how many invitations it deleted. */
  cleanUpExpired(): number {
    return this.instance.invitations.cleanUpExpired();
  }

  /** Queues a fault; of several that match, the first one queued hits. */
  fail(fault: Fault): void {
    this.faults.push({ ...fault, left: fault.times ?? 1 });
  }

  /** How many milliseconds late events can be seen. */
  get eventDelay(): number {
    return this.instance.events.delayMs;
  }

  set eventDelay(milliseconds: number) {
    this.instance.events.delayMs = milliseconds;
  }

  /** An admin behind the provider's back: `request("DELETE", "/api/v3/stages/invitation/invitations/…/")`. */
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

  /** Ends kept connections too. */
  async close(): Promise<void> {
    // A second time does no harm.
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
    const fault = this.takeFault(method, rawPath);
    const instead = fault?.cut === true || fault?.status !== undefined;
    const call = new ApiRequest(this.behavior, method, rawPath.slice(this.prefix.length), query, request.headers, body);
    const inside = rawPath === this.prefix || rawPath.startsWith(`${this.prefix}/`);
    const carriedOut =
      instead && (fault?.when ?? "before") === "before" ? undefined : inside ? this.respond(call) : notFoundPage();
    const answer = instead ? faultResponse(fault) : carriedOut;
    const delay = this.latency + (fault?.delay ?? 0);
    if (delay > 0) await new Promise((resolve) => setTimeout(resolve, delay));
    this.requests.push({
      method,
      path: rawPath,
      query,
      status: answer?.status ?? "cut",
      username: call.user?.username ?? null,
      userAgent: request.headers["user-agent"],
      headers: request.headers,
      body: toLoggedBody(body),
    });
    if (answer === undefined) response.destroy();
    else this.send(answer, method, response);
  }

  private respond(call: ApiRequest): HttpResponse {
    try {
      return this.router.route(call);
    } catch (error) {
      if (error instanceof ApiError) return error.response;
      if (!(error instanceof ServerCrash)) throw error;
      return call.method === "GET" || call.method === "HEAD" ? serverErrorPage() : methodNotAllowedPage();
    }
  }

  private send(answer: HttpResponse, method: string, response: http.ServerResponse): void {
    const { body } = answer;
    const headers = { ...answer.headers };
    if (body && "json" in body) headers["content-type"] ??= this.behavior.jsonContentType;
    // A 501 of the stand-in and an executor's answer without a body keep no type that they do not need.
    if (!body && answer.status === 204) delete headers["content-type"];
    const text = body === undefined ? "" : "json" in body ? stringifyJson(body.json) : body.text;
    const bytes = Buffer.from(text);
    response.writeHead(answer.status, {
      ...headers,
      ...(answer.status === 204 ? {} : { "content-length": bytes.length }),
    });
    response.end(method === "HEAD" ? undefined : bytes);
  }

  private takeFault(method: string, path: string): Fault | undefined {
    const index = this.faults.findIndex((fault) => {
      if (fault.method !== undefined && fault.method !== method) return false;
      if (fault.path === undefined) return true;
      fault.path.lastIndex = 0;
      return fault.path.test(path);
    });
    const fault = this.faults[index];
    if (!fault) return undefined;
    fault.left -= 1;
    if (fault.left <= 0) this.faults.splice(index, 1);
    return fault;
  }
}

/** What a fault answers instead; nothing if it cuts the connection. */
function faultResponse(fault: Fault | undefined): HttpResponse | undefined {
  if (fault?.status === undefined || fault.cut) return undefined;
  const headers = Object.fromEntries(
    Object.entries(fault.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]),
  );
  return { status: fault.status, headers, body: { text: fault.body ?? "" } };
}

/** All of the body, or nothing if the client went away. */
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

/** method.bogus */
function rejectInvalidHttp(socket: Duplex): void {
  if (socket.destroyed || !socket.writable) return;
  const text = "Invalid HTTP request received.";
  socket.end(
    `HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\nconnection: close\r\ncontent-length: ${text.length}\r\n\r\n${text}`,
  );
}
