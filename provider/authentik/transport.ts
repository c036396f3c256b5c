import { isIP } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { type ConnectionOptions, checkServerIdentity } from "node:tls";
import { types } from "node:util";
import { backOff } from "exponential-backoff";
import type { Dispatcher } from "undici";
import { type AuthentikError, ConnectionError, type FailedRequest, ServerError, TimeoutError } from "./errors";
import { repeatsSecret } from "./secret-echo";

export interface TransportOptions {
  /** authentik's base URL, without `/api/v3` and without a trailing slash. */
  readonly url: string;
  readonly token: string;
  /** Accepts any TLS certificate. */
  readonly insecure?: boolean;
  /** Additional headers for every request, for a proxy in front of authentik. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly limits?: Partial<Limits>;
  /** Where the settings come from, for messages. */
  readonly settingNames?: SettingNames;
}

/** The settings, or the environment variables, that a connection's values come from, and those to set where there is none. */
export interface SettingNames {
  readonly url: string;
  readonly token: string;
  readonly insecure: string;
  readonly headers: string;
}

export const defaultSettingNames: SettingNames = {
  url: "authentik:url",
  token: "authentik:token",
  insecure: "authentik:insecure",
  headers: "authentik:headers",
};

export interface Limits {
  /** Concurrent connections. The engine runs about four operations per core concurrently. */
  connections: number;
  /** Milliseconds to connect, until the response's headers arrive, and between two chunks of its body. */
  connectTimeout: number;
  headersTimeout: number;
  bodyTimeout: number;
  /** Maximum number of attempts. */
  maxAttempts: number;
  /** Maximum delay before the first retry, in milliseconds (full jitter). It doubles with each retry. */
  initialDelay: number;
  /** The longest `Retry-After` to wait for, in milliseconds. A longer one fails the request. */
  maxRetryAfter: number;
}

const defaultLimits: Limits = {
  connections: 16,
  connectTimeout: 10_000,
  headersTimeout: 60_000,
  bodyTimeout: 60_000,
  maxAttempts: 5,
  initialDelay: 500,
  maxRetryAfter: 60_000,
};

export interface TransportRequest {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Path below the base URL, with its query. */
  readonly path: string;
  /** The path for messages. */
  readonly redactedPath: string;
  readonly userAgent: string;
  /** Strings that the response may echo. */
  readonly secrets?: readonly string[];
  readonly body?: unknown;
  /** The URL whose host and scheme authentik uses for links. Defaults to those of the request. */
  readonly publicUrl?: string | undefined;
  /** Whether a POST changes nothing, so that it can be retried like a GET. */
  readonly isReadOnly?: boolean | undefined;
}

export interface HttpResponse {
  readonly status: number;
  readonly contentType: string;
  readonly location: string | undefined;
  /** `X-authentik-id`, which authentik's log has for this request. */
  readonly requestId: string | undefined;
  readonly text: string;
}

/** No connection was established, so nothing was sent: even a POST can be retried. */
const connectErrorCodes = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "EHOSTDOWN",
  "ENETUNREACH",
  "ENETDOWN",
  "UND_ERR_CONNECT_TIMEOUT",
  // A proxy refused the CONNECT tunnel. Nothing here aborts a request, so undici has no other reason for this code.
  "UND_ERR_ABORTED",
]);
const timeoutErrorCodes = new Set([
  "UND_ERR_CONNECT_TIMEOUT",
  "UND_ERR_HEADERS_TIMEOUT",
  "UND_ERR_BODY_TIMEOUT",
  "ETIMEDOUT",
]);
const resetErrorCodes = new Set(["ECONNRESET", "EPIPE", "ECONNABORTED", "UND_ERR_SOCKET", "UND_ERR_CLOSED"]);
const retryableStatuses = new Set([429, 502, 503, 504]);

/**
 * HTTP to one authentik: connections, timeouts, proxies and retries. It does not interpret bodies.
 *
 * GET, PUT and DELETE are idempotent, and retried with exponential backoff and jitter on 429, 502, 503, 504, failed connections, resets and timeouts.
 * A POST is retried only if it changes nothing, or if authentik cannot have carried it out: if no connection was established, or on 429.
 */
export class Transport {
  readonly #origin: string;
  readonly #prefix: string;
  readonly #token: string;
  readonly #configuredHeaders: Readonly<Record<string, string>>;
  readonly #headers: Record<string, string>;
  readonly #insecure: boolean;
  readonly #settingNames: SettingNames;
  readonly #limits: Limits;
  /** The name in the server's certificate. undici would take it from the header `Host`. */
  readonly #serverName: { readonly servername?: string };
  /** For an IP address, which cannot be a server name. */
  readonly #identity: Pick<ConnectionOptions, "checkServerIdentity">;
  #dispatcher: Promise<Dispatcher> | undefined;

  constructor(options: TransportOptions) {
    const url = new URL(options.url);
    this.#origin = url.origin;
    const hostname = url.hostname.replace(/^\[|\]$/g, "");
    const isAddress = isIP(hostname) !== 0;
    this.#serverName = isAddress ? {} : { servername: hostname };
    this.#identity = isAddress ? { checkServerIdentity: acceptAlso(hostname) } : {};
    this.#prefix = url.pathname.replace(/\/+$/, "");
    this.#token = options.token;
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#configuredHeaders = options.headers ?? {};
    this.#headers = {
      ...this.#configuredHeaders,
      accept: "application/json",
      authorization: `Bearer ${options.token}`,
    };
    this.#insecure = options.insecure ?? false;
    this.#settingNames = options.settingNames ?? defaultSettingNames;
  }

  /** Sends the request, retries it where that is safe, and returns the response whatever its status. */
  async send(request: TransportRequest): Promise<HttpResponse> {
    const isIdempotent = request.method !== "POST" || request.isReadOnly === true;
    const isRetryable = (error: AuthentikError): boolean =>
      isTransient(error) && (isIdempotent || !error.outcomeUnknown);
    return await backOff(() => this.#sendOnce(request), {
      numOfAttempts: this.#limits.maxAttempts,
      startingDelay: this.#limits.initialDelay,
      jitter: "full",
      retry: async (error: AuthentikError, attempt: number) => {
        if (attempt >= this.#limits.maxAttempts || !isRetryable(error)) return false;
        if (error instanceof ServerError && error.retryAfter !== undefined) {
          if (error.retryAfter > this.#limits.maxRetryAfter) return false;
          await sleep(error.retryAfter);
        }
        return true;
      },
    });
  }

  async close(): Promise<void> {
    await (await this.#dispatcher)?.close();
  }

  async #createDispatcher(): Promise<Dispatcher> {
    // Loaded at the first request, because a preview without a refresh sends none.
    const { default: undici } = await import("undici");
    const tls = this.#insecure ? { rejectUnauthorized: false } : this.#identity;
    return new undici.EnvHttpProxyAgent({
      connections: this.#limits.connections,
      connect: { ...tls, timeout: this.#limits.connectTimeout },
      requestTls: tls,
      headersTimeout: this.#limits.headersTimeout,
      bodyTimeout: this.#limits.bodyTimeout,
    });
  }

  async #sendOnce(request: TransportRequest): Promise<HttpResponse> {
    const failed: FailedRequest = { method: request.method, path: request.redactedPath };
    let response: Dispatcher.ResponseData;
    let text: string;
    try {
      this.#dispatcher ??= this.#createDispatcher();
      response = await (await this.#dispatcher).request({
        origin: this.#origin,
        path: this.#prefix + request.path,
        method: request.method,
        ...this.#serverName,
        headers: {
          ...this.#headers,
          ...publicHostHeaders(request.publicUrl, this.#origin),
          "user-agent": request.userAgent,
          ...(request.body === undefined ? {} : { "content-type": "application/json" }),
        },
        body: request.body === undefined ? null : JSON.stringify(request.body),
      });
      text = await response.body.text();
    } catch (error) {
      throw this.#toConnectionError(error, failed);
    }
    const received: HttpResponse = {
      status: response.statusCode,
      contentType: String(response.headers["content-type"] ?? ""),
      location: headerValue(response, "location"),
      requestId: this.#readRequestId(response, request),
      text,
    };
    if (retryableStatuses.has(received.status)) {
      const retryAfter = parseRetryAfter(response.headers["retry-after"]);
      const wait = retryAfter === undefined ? "" : ` (Retry-After: ${Math.ceil(retryAfter / 1000)} s)`;
      throw new ServerError(
        received.status === 429
          ? "authentik limits the rate of requests"
          : "authentik or a proxy in front of it is unavailable",
        { ...failed, status: received.status, requestId: received.requestId },
        `Retry later${wait}.`,
        { retryAfter, outcomeUnknown: request.method === "POST" && received.status !== 429 },
      );
    }
    return received;
  }

  /** Messages contain the id, so one that a proxy made up from the request is dropped. */
  #readRequestId(response: Dispatcher.ResponseData, { secrets = [] }: TransportRequest): string | undefined {
    const id = headerValue(response, "x-authentik-id") ?? "";
    const own = [this.#token, ...Object.values(this.#configuredHeaders)];
    const isSafe = /^[\w-]{1,40}$/.test(id) && !repeatsSecret(id, [...own, ...secrets]);
    return isSafe ? id : undefined;
  }

  #toConnectionError(error: unknown, failed: FailedRequest): AuthentikError {
    const code = errorCode(error);
    const outcomeUnknown = failed.method === "POST" && !connectErrorCodes.has(code) && !isHandshakeError(code);
    const failedWithDetail = { ...failed, detail: code.startsWith("UND_ERR") || !code ? errorMessage(error) : code };
    if (timeoutErrorCodes.has(code)) {
      return new TimeoutError(
        `The request to authentik at ${this.#origin} timed out`,
        failedWithDetail,
        "Check that the server is running and reachable from here, then run again.",
        { cause: toCause(error), outcomeUnknown },
      );
    }
    return new ConnectionError(
      resetErrorCodes.has(code)
        ? `The connection to authentik at ${this.#origin} was closed unexpectedly`
        : `Could not connect to authentik at ${this.#origin}`,
      failedWithDetail,
      hintFor(code, this.#settingNames),
      { cause: toCause(error), outcomeUnknown },
    );
  }
}

/** Verifies that a certificate is valid for this host or, as usual, for the name that undici asks for: the one in the header `Host`. */
function acceptAlso(hostname: string): typeof checkServerIdentity {
  return (name, certificate) => checkServerIdentity(hostname, certificate) && checkServerIdentity(name, certificate);
}

/** authentik makes the links in its emails from these headers. */
function publicHostHeaders(publicUrl: string | undefined, origin: string): Record<string, string> {
  if (publicUrl === undefined || new URL(publicUrl).origin === origin) return {};
  const { host, protocol } = new URL(publicUrl);
  return { host, "x-forwarded-proto": protocol.slice(0, -1) };
}

function headerValue(response: Dispatcher.ResponseData, name: string): string | undefined {
  const value = response.headers[name];
  return value === undefined ? undefined : String(value);
}

/** Whether a retry may succeed. */
function isTransient(error: AuthentikError): boolean {
  if (error instanceof ServerError)
    return error.request.status !== undefined && retryableStatuses.has(error.request.status);
  if (error instanceof TimeoutError) return true;
  return (
    error instanceof ConnectionError &&
    (connectErrorCodes.has(errorCode(error.cause)) || resetErrorCodes.has(errorCode(error.cause)))
  );
}

function errorCode(error: unknown): string {
  // `instanceof` fails across `node:vm` contexts, such as jest's.
  if (!types.isNativeError(error)) return "";
  // Node tries every address of a host and collects the errors (`autoSelectFamily`).
  if ("errors" in error && Array.isArray(error.errors) && error.errors.length > 0) return errorCode(error.errors[0]);
  const code = (error as NodeJS.ErrnoException).code;
  return typeof code === "string" ? code : errorCode(error.cause);
}

/** The cause of a connection error, without undici's fields: a parser error has the bytes of the response. */
function toCause(error: unknown): Error {
  const code = errorCode(error);
  const cause: NodeJS.ErrnoException = new Error(errorMessage(error));
  if (code !== "") cause.code = code;
  return cause;
}

function hintFor(code: string, { url, insecure }: SettingNames): string {
  if (code === "ENOTFOUND" || code === "EAI_AGAIN")
    return `The host name cannot be resolved. Check ${url} and the network.`;
  if (isCertificateError(code)) {
    return `The server's TLS certificate was rejected. Check that it is valid for this host name and has not expired. For a private certificate authority, set NODE_EXTRA_CA_CERTS to the path of its certificate; for a test server, set ${insecure} to true.`;
  }
  if (code === "EPROTO" || code.startsWith("ERR_SSL"))
    return `The TLS handshake failed. If the port does not use TLS, set ${url} to http:// instead of https://.`;
  return `Check ${url}, that the server is running, and any proxy or firewall, then run again.`;
}

/** Whether Node rejected the server's certificate. */
function isCertificateError(code: string): boolean {
  return code.startsWith("ERR_TLS") || /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ISSUER/.test(code);
}

/** Whether the TLS handshake failed, so that nothing of the request was sent: the certificate, or a port without TLS. */
function isHandshakeError(code: string): boolean {
  return isCertificateError(code) || code === "ERR_SSL_WRONG_VERSION_NUMBER";
}

function errorMessage(error: unknown): string {
  return types.isNativeError(error) ? error.message : String(error);
}

/** Milliseconds from a `Retry-After` header: a number of seconds or a date (RFC 9110, section 10.2.3). */
function parseRetryAfter(header: string | string[] | undefined): number | undefined {
  if (header === undefined) return undefined;
  const text = String(header);
  const wait = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isNaN(wait) ? undefined : Math.max(0, wait);
}
