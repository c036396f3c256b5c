import { setTimeout as sleep } from "node:timers/promises";
import { types } from "node:util";
import { backOff } from "exponential-backoff";
import type { Dispatcher } from "undici";
import { type AuthentikError, ConnectionError, type FailedRequest, ServerError, TimeoutError } from "./errors";

export interface TransportOptions {
  /** Address of authentik without `/api/v3` and without a slash at the end. */
  readonly url: string;
  readonly token: string;
  /** Accept any certificate. */
  readonly insecure?: boolean;
  /** Further headers for every request, for a proxy before authentik. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly limits?: Partial<Limits>;
}

export interface Limits {
  /** Connections at once. The engine runs about four operations a core at once. */
  connections: number;
  /** Milliseconds to connect, to wait for the answer's headers, and between two pieces of its body. */
  connectTimeout: number;
  headersTimeout: number;
  bodyTimeout: number;
  /** How often a request that may be repeated is sent at most. */
  attempts: number;
  /** Milliseconds before the first repetition at most (jitter picks a part of it); each further one up to twice as long. */
  firstDelay: number;
  /** A server that asks for a longer pause than this many milliseconds (`Retry-After`) is not waited for. */
  longestRetryAfter: number;
}

const defaultLimits: Limits = {
  connections: 16,
  connectTimeout: 10_000,
  headersTimeout: 60_000,
  bodyTimeout: 60_000,
  attempts: 5,
  firstDelay: 500,
  longestRetryAfter: 60_000,
};

export interface TransportRequest {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Path below the address, with its query. */
  readonly path: string;
  /** The path as messages show it. */
  readonly shownPath: string;
  readonly body?: unknown;
}

export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly location: string | undefined;
  readonly text: string;
}

const { version } = require("../../package.json") as { version: string };
const userAgent = `pulumi-authentik-invitations/${version} node/${process.versions.node}`;

/** Connecting failed: nothing of the request was sent, so that even a POST may be repeated. */
const neverArrived = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "EHOSTDOWN",
  "ENETUNREACH",
  "ENETDOWN",
  "UND_ERR_CONNECT_TIMEOUT",
  // A proxy made no tunnel. Nothing here aborts a request, so that undici has no other reason for it.
  "UND_ERR_ABORTED",
]);
const timedOut = new Set(["UND_ERR_CONNECT_TIMEOUT", "UND_ERR_HEADERS_TIMEOUT", "UND_ERR_BODY_TIMEOUT", "ETIMEDOUT"]);
const cut = new Set(["ECONNRESET", "EPIPE", "ECONNABORTED", "UND_ERR_SOCKET", "UND_ERR_CLOSED"]);
const busyStatuses = new Set([429, 502, 503, 504]);

/**
 * HTTP to one authentik: connections, time limits, proxies and repetition. It knows nothing of what the bodies mean.
 *
 * GET, PUT and DELETE do the same work however often they are sent, and are repeated with growing, jittered waits
 * on 429, 502, 503, 504, cut connections and time-outs. A POST is repeated only where connecting itself failed.
 */
export class Transport {
  readonly #origin: string;
  readonly #prefix: string;
  readonly #headers: Record<string, string>;
  readonly #undici: typeof import("undici");
  readonly #dispatcher: Dispatcher;
  readonly #limits: Limits;

  constructor(options: TransportOptions) {
    // Loaded here, not with this file: a preview that changes nothing makes no request, and need not wait 50 ms for it.
    this.#undici = require("undici") as typeof import("undici");
    const url = new URL(options.url);
    this.#origin = url.origin;
    this.#prefix = url.pathname.replace(/\/+$/, "");
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#headers = {
      ...options.headers,
      accept: "application/json",
      authorization: `Bearer ${options.token}`,
      "user-agent": userAgent,
    };
    const tls = options.insecure ? { rejectUnauthorized: false } : {};
    this.#dispatcher = new this.#undici.EnvHttpProxyAgent({
      connections: this.#limits.connections,
      connect: { ...tls, timeout: this.#limits.connectTimeout },
      requestTls: tls,
      headersTimeout: this.#limits.headersTimeout,
      bodyTimeout: this.#limits.bodyTimeout,
    });
  }

  /** Sends the request, again where that is safe, and gives whatever answer came, whatever its status. */
  async send(sent: TransportRequest): Promise<Answer> {
    const idempotent = sent.method !== "POST";
    const mayRepeat = (error: AuthentikError): boolean =>
      isPassing(error) && (idempotent || (!(error instanceof ServerError) && !error.outcomeUnknown));
    return await backOff(() => this.#sendOnce(sent), {
      numOfAttempts: this.#limits.attempts,
      startingDelay: this.#limits.firstDelay,
      jitter: "full",
      retry: async (error: AuthentikError, attempt: number) => {
        if (attempt >= this.#limits.attempts || !mayRepeat(error)) return false;
        if (error instanceof ServerError && error.retryAfter !== undefined) {
          if (error.retryAfter > this.#limits.longestRetryAfter) return false;
          await sleep(error.retryAfter);
        }
        return true;
      },
    });
  }

  async close(): Promise<void> {
    await this.#dispatcher.close();
  }

  async #sendOnce(sent: TransportRequest): Promise<Answer> {
    const failed: FailedRequest = { method: sent.method, path: sent.shownPath };
    let response: Dispatcher.ResponseData;
    let text: string;
    try {
      response = await this.#undici.request(this.#origin + this.#prefix + sent.path, {
        dispatcher: this.#dispatcher,
        method: sent.method,
        headers: sent.body === undefined ? this.#headers : { ...this.#headers, "content-type": "application/json" },
        body: sent.body === undefined ? null : JSON.stringify(sent.body),
      });
      text = await response.body.text();
    } catch (error) {
      throw this.#connectionFailure(error, failed);
    }
    const answer: Answer = {
      status: response.statusCode,
      contentType: String(response.headers["content-type"] ?? ""),
      location: response.headers.location === undefined ? undefined : String(response.headers.location),
      text,
    };
    if (busyStatuses.has(answer.status)) {
      const retryAfter = parseRetryAfter(response.headers["retry-after"]);
      const wait = retryAfter === undefined ? "" : ` It asks to wait ${Math.ceil(retryAfter / 1000)} s.`;
      throw new ServerError(
        answer.status === 429 ? "authentik is asked too often" : "authentik, or the proxy before it, cannot answer now",
        { ...failed, status: answer.status },
        `Try again when it is well.${wait}`,
        { retryAfter, outcomeUnknown: sent.method === "POST" && answer.status !== 429 },
      );
    }
    return answer;
  }

  #connectionFailure(error: unknown, failed: FailedRequest): AuthentikError {
    const code = codeOf(error);
    const outcomeUnknown = failed.method === "POST" && !neverArrived.has(code) && !isHandshakeFailure(code);
    const said = { ...failed, words: code.startsWith("UND_ERR") || !code ? messageOf(error) : code };
    if (timedOut.has(code)) {
      return new TimeoutError(
        `authentik at ${this.#origin} did not answer in time`,
        said,
        "Look whether the server is well and reachable from here, then run again.",
        { cause: error, outcomeUnknown },
      );
    }
    return new ConnectionError(
      cut.has(code)
        ? `The connection to authentik at ${this.#origin} was cut`
        : `authentik at ${this.#origin} cannot be reached`,
      said,
      adviceByCode(code),
      { cause: error, outcomeUnknown },
    );
  }
}

/** Whether the failure may be another one, or none, a moment later. */
function isPassing(error: AuthentikError): boolean {
  if (error instanceof ServerError) return error.request.status !== undefined && busyStatuses.has(error.request.status);
  if (error instanceof TimeoutError) return true;
  return error instanceof ConnectionError && (neverArrived.has(codeOf(error.cause)) || cut.has(codeOf(error.cause)));
}

function codeOf(error: unknown): string {
  // Not `instanceof`: where a program runs in a context of its own (`node:vm`, jest), Node's errors are of another class.
  if (!types.isNativeError(error)) return "";
  // Node tries every address of a host and collects the failures (`autoSelectFamily`).
  if ("errors" in error && Array.isArray(error.errors) && error.errors.length > 0) return codeOf(error.errors[0]);
  const code = (error as NodeJS.ErrnoException).code;
  return typeof code === "string" ? code : codeOf(error.cause);
}

function adviceByCode(code: string): string {
  if (code === "ENOTFOUND" || code === "EAI_AGAIN")
    return "The host's name is not known here: check authentik:url (or AUTHENTIK_URL) and the network.";
  if (isTlsFailure(code)) {
    return "Its certificate is not trusted here: give Node the authority's certificate with NODE_EXTRA_CA_CERTS, or, on a test server, set authentik:insecure to true.";
  }
  if (code === "EPROTO" || code.startsWith("ERR_SSL"))
    return "That port does not speak TLS: check https:// against http:// in authentik:url (or AUTHENTIK_URL).";
  return "Check authentik:url (or AUTHENTIK_URL), that the server runs, and proxies and firewalls on the way; then run again.";
}

/** The server's certificate was refused. */
function isTlsFailure(code: string): boolean {
  return code.startsWith("ERR_TLS") || /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ISSUER/.test(code);
}

/** Whether it failed before anything of the request was sent: the certificate, or a port that speaks plain HTTP. */
function isHandshakeFailure(code: string): boolean {
  return isTlsFailure(code) || code === "ERR_SSL_WRONG_VERSION_NUMBER";
}

function messageOf(error: unknown): string {
  return types.isNativeError(error) ? error.message : String(error);
}

/** `Retry-After` is a number of seconds or a date (RFC 9110, section 10.2.3). */
function parseRetryAfter(header: string | string[] | undefined): number | undefined {
  if (header === undefined) return undefined;
  const text = String(header);
  const wait = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isNaN(wait) ? undefined : Math.max(0, wait);
}
