import { isIP } from "node:net";
import { checkServerIdentity } from "node:tls";
import { backOff } from "exponential-backoff";
import type { Dispatcher } from "undici";
import { ConcurrencyLimiter, type Outcome, sleepUntilAborted } from "./concurrency";
import { isInterruption, toConnectionError } from "./connection-error";
import {
  type AuthentikError,
  CancelledError,
  ConnectionError,
  defaultSettingNames,
  type FailedRequest,
  ServerError,
  type SettingNames,
  TimeoutError,
} from "./errors";
import { findProxy, type ProxySetting, proxyOptions } from "./proxy";
import { repeatsSecret } from "./secret-echo";

export interface TransportOptions {
  /** authentik's base URL, without `/api/v3` and without a trailing slash. */
  readonly url: string;
  readonly token: string;
  readonly insecure?: boolean;
  /** Additional headers for every request, for a proxy in front of authentik. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly limits?: Partial<Limits>;
  /** Where the settings come from, for messages. */
  readonly settingNames?: SettingNames;
  /** Once it is aborted, no request is sent any more. Those that have been sent are finished. */
  readonly cancellation?: AbortSignal;
}

export interface Limits {
  /** The most requests at once. How many there are depends on the server, see {@link ConcurrencyLimiter}. */
  connections: number;
  /** Milliseconds to connect, until the response's headers arrive, and between two chunks of its body. */
  connectTimeout: number;
  headersTimeout: number;
  bodyTimeout: number;
  /** Milliseconds for one attempt, with its whole response. A request that is retried may take twice as long in total. */
  totalTimeout: number;
  maxResponseSize: number;
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
  readonly redactedPath: string;
  readonly userAgent: string;
  /** Strings that the response may echo. */
  readonly secrets?: readonly string[] | undefined;
  readonly body?: unknown;
  /** The URL whose host and scheme authentik uses for links. Defaults to those of the request. */
  readonly publicUrl?: string | undefined;
  /** Whether a POST changes nothing, so that it can be retried like a GET. */
  readonly isReadOnly?: boolean | undefined;
  /** Whether to send the request even after the run was cancelled. */
  readonly ignoresCancellation?: boolean | undefined;
  /** Milliseconds after which it is not retried any more. Defaults to the total timeout. */
  readonly retriedFor?: number | undefined;
}

export interface HttpResponse {
  readonly status: number;
  readonly contentType: string;
  readonly location: string | undefined;
  /** `X-authentik-id`, which authentik's log has for this request. */
  readonly requestId: string | undefined;
  readonly text: string;
}

const retryableStatuses = new Set([429, 502, 503, 504]);

/**
 * HTTP to one authentik: connections, timeouts, proxies and retries. It does not interpret bodies.
 *
 * GET, PUT and DELETE are retried with exponential backoff and jitter on 429, 502, 503, 504, failed connections, resets and timeouts. They are
 * idempotent, except for the PUT that renames a flow: its path contains the old slug.
 * A POST is retried only if it changes nothing, or if authentik cannot have carried it out: if no connection was established, or on 429.
 */
export class Transport {
  readonly #url: URL;
  readonly #options: TransportOptions;
  readonly #headers: Readonly<Record<string, string>>;
  /** The configured header `Proxy-Authorization`, which undici takes from no request. */
  readonly #serverAuthorization: string | undefined;
  readonly settingNames: SettingNames;
  readonly #limits: Limits;
  readonly #limiter: ConcurrencyLimiter;
  #proxy: ProxySetting | undefined;
  #dispatcher: Promise<Dispatcher> | undefined;

  constructor(options: TransportOptions) {
    this.#url = new URL(options.url);
    this.#options = options;
    const headers = Object.entries(options.headers ?? {});
    const isProxyAuthorization = ([name]: [string, string]): boolean => name.toLowerCase() === "proxy-authorization";
    this.#serverAuthorization = headers.find(isProxyAuthorization)?.[1];
    this.#headers = {
      ...Object.fromEntries(headers.filter((header) => !isProxyAuthorization(header))),
      accept: "application/json",
      authorization: `Bearer ${options.token}`,
    };
    this.settingNames = options.settingNames ?? defaultSettingNames;
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#limiter = new ConcurrencyLimiter(this.#limits.connections);
  }

  /** Sends the request, retries it where that is safe, and returns the response whatever its status. */
  async send(request: TransportRequest): Promise<HttpResponse> {
    const isIdempotent = request.method !== "POST" || request.isReadOnly === true;
    const isRetryable = (error: AuthentikError): boolean =>
      isTransient(error) && (isIdempotent || !error.outcomeUnknown);
    const { retriedFor = this.#limits.totalTimeout } = request;
    const start = performance.now();
    const signal = request.ignoresCancellation ? undefined : this.#options.cancellation;
    let lastError: AuthentikError | undefined;
    const sendOnce = (): Promise<HttpResponse> =>
      this.#limiter.run(
        requestGroup(request),
        async () => {
          // The error of the last attempt explains more.
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
        if (performance.now() - start > retriedFor) return false;
        if (error instanceof ServerError && error.retryAfter !== undefined) {
          if (error.retryAfter > this.#limits.maxRetryAfter) return false;
          await sleepUntilAborted(error.retryAfter, signal);
        }
        return !signal?.aborted;
      },
    });
  }

  /** The token and the values of the configured headers. */
  get secrets(): string[] {
    return [this.#options.token, ...Object.values(this.#options.headers ?? {})];
  }

  async close(): Promise<void> {
    await (await this.#dispatcher)?.close();
  }

  async #createDispatcher(): Promise<Dispatcher> {
    // Loaded at the first request, because a preview without a refresh sends none.
    const { default: undici } = await import("undici");
    const { origin } = this.#url;
    this.#proxy = findProxy(origin);
    if (this.#serverAuthorization !== undefined && this.#proxy?.authorization && origin.startsWith("http:")) {
      const problem = `needs the header Proxy-Authorization itself, which ${this.settingNames.headers} sets for the server`;
      this.#proxy = { ...this.#proxy, problem, remedy: `Use https for ${this.settingNames.url}` };
    }
    const { connections, connectTimeout: timeout, headersTimeout, bodyTimeout, maxResponseSize } = this.#limits;
    // An IP address cannot be a server name.
    const host = hostOf(this.#url);
    const identity = isIP(host) === 0 ? {} : { checkServerIdentity: acceptAlso(host) };
    const tls = { ...(this.#options.insecure ? { rejectUnauthorized: false } : identity), timeout };
    return new undici.EnvHttpProxyAgent({
      ...proxyOptions(this.#proxy, origin, undici.Pool, this.#serverAuthorization),
      connections,
      connect: tls,
      requestTls: tls,
      proxyTls: { timeout },
      maxResponseSize,
      headersTimeout,
      bodyTimeout,
    });
  }

  async #sendOnce(request: TransportRequest): Promise<HttpResponse> {
    const failed: FailedRequest = { method: request.method, path: request.redactedPath };
    const host = hostOf(this.#url);
    let response: Dispatcher.ResponseData;
    let text: string;
    try {
      this.#dispatcher ??= this.#createDispatcher();
      response = await (await this.#dispatcher).request({
        origin: this.#url.origin,
        path: this.#url.pathname.replace(/\/+$/, "") + request.path,
        method: request.method,
        // The name in the server's certificate. undici would take it from the header `Host`.
        ...(isIP(host) === 0 ? { servername: host } : {}),
        headers: {
          ...this.#headers,
          ...publicHostHeaders(request.publicUrl, this.#url.origin),
          "user-agent": request.userAgent,
          ...(request.body === undefined ? {} : { "content-type": "application/json" }),
        },
        body: request.body === undefined ? null : JSON.stringify(request.body),
        signal: AbortSignal.timeout(this.#limits.totalTimeout),
      });
      text = await response.body.text();
    } catch (error) {
      throw toConnectionError(error, failed, {
        origin: this.#url.origin,
        proxy: this.#proxy,
        settings: this.settingNames,
        maxResponseSize: this.#limits.maxResponseSize,
      });
    }
    const secrets = [...this.secrets, ...(request.secrets ?? [])];
    const received: HttpResponse = {
      status: response.statusCode,
      contentType: headerValue(response, "content-type") ?? "",
      location: headerValue(response, "location"),
      // Only errors have it, and comparing it with the secrets takes time.
      get requestId() {
        return readRequestId(response, secrets);
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

  #toOutcome(error: unknown): Outcome {
    if (error instanceof TimeoutError) return { isRejected: true };
    if (!(error instanceof ServerError) || ![429, 503].includes(error.request.status ?? 0))
      return { isRejected: false };
    const { retryAfter } = error;
    const isTooLong = retryAfter !== undefined && retryAfter > this.#limits.maxRetryAfter;
    return { isRejected: true, retryAfter: isTooLong ? undefined : retryAfter };
  }
}

/** Messages contain the id, so one that a proxy made up from the request is dropped. */
function readRequestId(response: Dispatcher.ResponseData, secrets: readonly string[]): string | undefined {
  const id = headerValue(response, "x-authentik-id") ?? "";
  return /^[\w-]{1,40}$/.test(id) && !repeatsSecret(id, secrets) ? id : undefined;
}

function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, "");
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
function requestGroup({ method, redactedPath }: TransportRequest): string {
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

function isTransient(error: AuthentikError): boolean {
  if (error instanceof ServerError)
    return error.request.status !== undefined && retryableStatuses.has(error.request.status);
  if (error instanceof TimeoutError) return true;
  return error instanceof ConnectionError && isInterruption(error.cause);
}

/** Milliseconds from a `Retry-After` header: a number of seconds or a date (RFC 9110, section 10.2.3). */
function parseRetryAfter(header: string | string[] | undefined): number | undefined {
  if (header === undefined) return undefined;
  const text = String(header);
  // `Date.parse` would take "-49" for a year.
  const date = /^[a-z]/i.test(text) ? Date.parse(text) : NaN;
  const wait = /^\d+$/.test(text) ? Number(text) * 1000 : date - Date.now();
  return Number.isNaN(wait) ? undefined : Math.max(0, wait);
}
