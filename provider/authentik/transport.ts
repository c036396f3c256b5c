import { isIP } from "node:net";
import { type ConnectionOptions, checkServerIdentity } from "node:tls";
import { types } from "node:util";
import { backOff } from "exponential-backoff";
import type { Dispatcher } from "undici";
import { ConcurrencyLimiter, type Outcome, sleepUntilAborted } from "./concurrency";
import {
  type AuthentikError,
  CancelledError,
  ConnectionError,
  type FailedRequest,
  ServerError,
  TimeoutError,
} from "./errors";
import { findProxy, ProxyError, type ProxySetting, proxyOptions, refusalStatus } from "./proxy";
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
  /** Once it is aborted, no request is sent any more. Those that have been sent are finished. */
  readonly cancellation?: AbortSignal;
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
  /** The most requests at once. How many there are depends on the server, see {@link ConcurrencyLimiter}. */
  connections: number;
  /** Milliseconds to connect, until the response's headers arrive, and between two chunks of its body. */
  connectTimeout: number;
  headersTimeout: number;
  bodyTimeout: number;
  /** Milliseconds for one attempt, with its whole response. A request that is retried may take twice as long in total. */
  totalTimeout: number;
  /** The largest response body in bytes. */
  maxResponseSize: number;
  /** Maximum number of attempts. */
  maxAttempts: number;
  /** Maximum delay before the first retry, in milliseconds (full jitter). It doubles with each retry. */
  initialDelay: number;
  /** The longest `Retry-After` to wait for, in milliseconds. A longer one fails the request. */
  maxRetryAfter: number;
}

const defaultLimits: Limits = {
  connections: 64,
  connectTimeout: 10_000,
  headersTimeout: 60_000,
  bodyTimeout: 60_000,
  totalTimeout: 180_000,
  maxResponseSize: 64 * 1024 * 1024,
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
  /** Whether to send the request even after the run was cancelled. */
  readonly ignoresCancellation?: boolean;
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
 * GET, PUT and DELETE are retried with exponential backoff and jitter on 429, 502, 503, 504, failed connections, resets and timeouts. They are
 * idempotent, except for the PUT that renames a flow: its path contains the old slug.
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
  readonly #serverAuthorization: string | undefined;
  readonly #limiter: ConcurrencyLimiter;
  readonly #cancellation: AbortSignal | undefined;
  #proxy: ProxySetting | undefined;
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
    const [name, value] =
      Object.entries(this.#configuredHeaders).find(([header]) => header.toLowerCase() === "proxy-authorization") ?? [];
    this.#serverAuthorization = value;
    this.#limiter = new ConcurrencyLimiter(this.#limits.connections);
    this.#headers = {
      ...Object.fromEntries(Object.entries(this.#configuredHeaders).filter(([header]) => header !== name)),
      accept: "application/json",
      authorization: `Bearer ${options.token}`,
    };
    this.#insecure = options.insecure ?? false;
    this.#settingNames = options.settingNames ?? defaultSettingNames;
    this.#cancellation = options.cancellation;
  }

  /** Sends the request, retries it where that is safe, and returns the response whatever its status. */
  async send(request: TransportRequest): Promise<HttpResponse> {
    const isIdempotent = request.method !== "POST" || request.isReadOnly === true;
    const isRetryable = (error: AuthentikError): boolean =>
      isTransient(error) && (isIdempotent || !error.outcomeUnknown);
    const start = performance.now();
    const signal = request.ignoresCancellation ? undefined : this.#cancellation;
    let lastError: AuthentikError | undefined;
    const sendOnce = (): Promise<HttpResponse> =>
      this.#limiter.run(
        kindOf(request),
        async () => {
          // What became of the attempts before says more.
          if (signal?.aborted) throw lastError ?? toCancelledError(request);
          return await this.#sendOnce(request);
        },
        (error) => this.#toOutcome(error),
        signal,
      );
    return await backOff(sendOnce, {
      numOfAttempts: this.#limits.maxAttempts,
      startingDelay: this.#limits.initialDelay,
      jitter: "full",
      retry: async (error: AuthentikError, attempt: number) => {
        lastError = error;
        if (attempt >= this.#limits.maxAttempts || !isRetryable(error) || signal?.aborted) return false;
        if (performance.now() - start > this.#limits.totalTimeout) return false;
        if (error instanceof ServerError && error.retryAfter !== undefined) {
          if (error.retryAfter > this.#limits.maxRetryAfter) return false;
          await sleepUntilAborted(error.retryAfter, signal);
        }
        return !signal?.aborted;
      },
    });
  }

  async close(): Promise<void> {
    await (await this.#dispatcher)?.close();
  }

  async #createDispatcher(): Promise<Dispatcher> {
    // Loaded at the first request, because a preview without a refresh sends none.
    const { default: undici } = await import("undici");
    this.#proxy = findProxy(this.#origin);
    if (this.#serverAuthorization !== undefined && this.#proxy?.authorization && this.#origin.startsWith("http:")) {
      const problem = `needs the header Proxy-Authorization itself, which ${this.#settingNames.headers} sets for the server`;
      this.#proxy = { ...this.#proxy, problem, remedy: `Use https for ${this.#settingNames.url}` };
    }
    const { connectTimeout: timeout } = this.#limits;
    const tls = { ...(this.#insecure ? { rejectUnauthorized: false } : this.#identity), timeout };
    return new undici.EnvHttpProxyAgent({
      ...proxyOptions(this.#proxy, this.#origin, undici.Pool, this.#serverAuthorization),
      connections: this.#limits.connections,
      connect: tls,
      requestTls: tls,
      proxyTls: { timeout },
      maxResponseSize: this.#limits.maxResponseSize,
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
        signal: AbortSignal.timeout(this.#limits.totalTimeout),
      });
      text = await response.body.text();
    } catch (error) {
      throw this.#toConnectionError(error, failed);
    }
    const readRequestId = (): string | undefined => this.#readRequestId(response, request);
    const received: HttpResponse = {
      status: response.statusCode,
      contentType: String(response.headers["content-type"] ?? ""),
      location: headerValue(response, "location"),
      // Only errors have it, and comparing it with the secrets takes time.
      get requestId() {
        return readRequestId();
      },
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

  /** What an error says about the server's load. */
  #toOutcome(error: unknown): Outcome {
    if (error instanceof TimeoutError) return { isRejected: true };
    if (!(error instanceof ServerError) || ![429, 503].includes(error.request.status ?? 0))
      return { isRejected: false };
    const { retryAfter } = error;
    const isTooLong = retryAfter !== undefined && retryAfter > this.#limits.maxRetryAfter;
    return { isRejected: true, retryAfter: isTooLong ? undefined : retryAfter };
  }

  /** Messages contain the id, so one that a proxy made up from the request is dropped. */
  #readRequestId(response: Dispatcher.ResponseData, { secrets = [] }: TransportRequest): string | undefined {
    const id = headerValue(response, "x-authentik-id") ?? "";
    const own = [this.#token, ...Object.values(this.#configuredHeaders)];
    const isSafe = /^[\w-]{1,40}$/.test(id) && !repeatsSecret(id, [...own, ...secrets]);
    return isSafe ? id : undefined;
  }

  /** An error of the proxy, or of the variable that sets it: nothing was sent to authentik. `undefined` if the proxy is not the cause. */
  #toProxyFailure(error: unknown, failed: FailedRequest): AuthentikError | undefined {
    if (this.#proxy === undefined) return undefined;
    const { variable, host, problem, remedy } = this.#proxy;
    const bypass = `or add ${new URL(this.#origin).hostname} to NO_PROXY.`;
    const status = refusalStatus(errorMessage(error));
    if (status !== undefined) {
      const allow = `Allow connections to authentik's host in the proxy, ${bypass}`;
      const logIn = `Set the proxy's user and password in ${variable}, in the form http://user:password@${host}.`;
      return new ConnectionError(
        `The proxy ${host} (${variable}) refused the connection to authentik at ${this.#origin}`,
        { ...failed, detail: `the proxy returned ${status}` },
        status === "407" ? logIn : allow,
        // A proxy that is overloaded or cannot reach the server for the moment.
        { cause: ["502", "503", "504"].includes(status) ? toCause(new ProxyError("", "ECONNREFUSED")) : undefined },
      );
    }
    if (!(error instanceof ProxyError)) return undefined;
    if (problem !== undefined) {
      return new ConnectionError(`${variable} ${problem}`, failed, `${remedy}, ${bypass} Nothing was sent.`);
    }
    const code = errorCode(error);
    return new ConnectionError(
      `Could not connect to the proxy ${host} (${variable})`,
      { ...failed, detail: code === "" ? errorMessage(error) : code },
      `Check ${variable} and that the proxy is running, ${bypass}`,
      { cause: toCause(error) },
    );
  }

  #toConnectionError(error: unknown, failed: FailedRequest): AuthentikError {
    const code = errorCode(error);
    const proxyFailure = this.#toProxyFailure(error, failed);
    if (proxyFailure !== undefined) return proxyFailure;
    const outcomeUnknown = failed.method === "POST" && !connectErrorCodes.has(code) && !isHandshakeError(code);
    const failedWithDetail = { ...failed, detail: code.startsWith("UND_ERR") || !code ? errorMessage(error) : code };
    if (code === "UND_ERR_RES_EXCEEDED_MAX_SIZE") {
      const size = this.#limits.maxResponseSize / 1024 / 1024;
      return new ConnectionError(
        `The response of authentik at ${this.#origin} is larger than ${size} MiB`,
        failed,
        `Check ${this.#settingNames.url} and any proxy in front of the server.`,
        { outcomeUnknown: failed.method === "POST" },
      );
    }
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

function toCancelledError({ method, redactedPath }: TransportRequest): CancelledError {
  const failed = { method, path: redactedPath };
  return new CancelledError("The run was cancelled before the request was sent", failed, "Run `pulumi up` again.");
}

/** Requests whose response times are comparable: the same method and collection. */
function kindOf({ method, redactedPath }: TransportRequest): string {
  return `${method} ${redactedPath.replaceAll(/\/[^/]*(?:\d|<)[^/]*(?=\/)/g, "/…")}`;
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
  if (isTimeoutSignal(error)) return "ETIMEDOUT";
  // `instanceof` fails across `node:vm` contexts, such as jest's.
  if (!types.isNativeError(error)) return "";
  // Node tries every address of a host and collects the errors (`autoSelectFamily`).
  if ("errors" in error && Array.isArray(error.errors) && error.errors.length > 0) return errorCode(error.errors[0]);
  const code = (error as NodeJS.ErrnoException).code;
  return typeof code === "string" ? code : errorCode(error.cause);
}

/** Whether an attempt ended because it took too long in total. */
function isTimeoutSignal(error: unknown): boolean {
  return typeof error === "object" && error !== null && "name" in error && error.name === "TimeoutError";
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
