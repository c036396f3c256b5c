import { toPrintableLine } from "../common/printable";

/** The request that failed. `path` never contains an invitation's pk: see `redactedPath` in client.ts. */
export interface FailedRequest {
  readonly method: string;
  readonly path: string;
  readonly status?: number;
  /** The server's error message, with secrets redacted. */
  readonly detail?: string;
  /** The id under which authentik's log has the request (response header `X-authentik-id`). */
  readonly requestId?: string | undefined;
}

/**
 * A failed request to authentik. The message says what failed, what the server returned and what to do next. It contains no token, no
 * invitation's pk and no request body.
 */
export abstract class AuthentikError extends Error {
  /** The message without its hint. */
  readonly description: string;
  /** Whether authentik may have carried out the request despite the failure. */
  readonly outcomeUnknown: boolean;

  constructor(
    /** What failed, for example "Could not create the flow". */
    readonly summary: string,
    readonly request: FailedRequest,
    readonly hint: string,
    options: { cause?: unknown; outcomeUnknown?: boolean } = {},
  ) {
    const status = request.status === undefined ? "" : ` returned ${request.status}`;
    const detail = request.detail ? `: ${request.detail.replace(/\.$/, "")}` : "";
    const description = `${summary}: ${request.method} ${request.path}${status}${detail}.`;
    super(formatMessage(description, hint, request), { cause: options.cause });
    this.name = new.target.name;
    this.description = description;
    this.outcomeUnknown = options.outcomeUnknown ?? false;
  }

  explain(explanation: string): string {
    return formatMessage(this.description, explanation, this.request);
  }
}

function formatMessage(description: string, explanation: string, { requestId }: FailedRequest): string {
  return toPrintableLine(`${description} ${explanation}${requestId ? ` (request ${requestId})` : ""}`);
}

/** The connection could not be established, or was closed before the response was complete. */
export class ConnectionError extends AuthentikError {}

export class TimeoutError extends AuthentikError {}

export class CancelledError extends AuthentikError {}

/** The token is invalid or expired. authentik returns 403 for this, as for a missing permission, never 401. */
export class AuthenticationError extends AuthentikError {
  readonly #connection: { isTokenErrorReported: boolean };

  constructor(summary: string, request: FailedRequest, hint: string, connection: { isTokenErrorReported: boolean }) {
    super(summary, request, hint);
    this.#connection = connection;
  }

  /** `message` for the first error of a connection that is reported. All requests fail for the same reason, so the others refer to that one. */
  report(message: string): string {
    if (this.#connection.isTokenErrorReported) {
      return `${this.summary}: authentik rejected the token. Another error of this run says how to replace it.`;
    }
    this.#connection.isTokenErrorReported = true;
    return message;
  }
}

export class PermissionError extends AuthentikError {
  /** `permission` is the missing one, in authentik's form: `authentik_flows.view_flow`. */
  constructor(
    summary: string,
    request: FailedRequest,
    hint: string,
    readonly permission: string,
  ) {
    super(summary, request, hint);
  }
}

/** authentik rejected the request body (400). `fields` has its messages by API field name. */
export class ValidationError extends AuthentikError {
  constructor(
    summary: string,
    request: FailedRequest,
    hint: string,
    readonly fields: Readonly<Record<string, readonly string[]>>,
  ) {
    super(summary, request, hint);
  }
}

/** 404 with authentik's JSON: the object does not exist. A 404 with an HTML page is a {@link NotAuthentikError} instead. */
export class NotFoundError extends AuthentikError {}

/** The object, or `undefined` if authentik says that it does not exist. */
export async function ifFound<T>(retrieval: Promise<T>): Promise<T | undefined> {
  try {
    return await retrieval;
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
}

/** The response did not come from authentik's API: an HTML page, a redirect, a proxy. */
export class NotAuthentikError extends AuthentikError {}

/** authentik, or a proxy in front of it, failed (5xx, or 405 with an empty body), limits the rate (429), or returned another error status. */
export class ServerError extends AuthentikError {
  /** `Retry-After` in milliseconds, if the response had it. */
  readonly retryAfter: number | undefined;

  constructor(
    summary: string,
    request: FailedRequest,
    hint: string,
    options: { retryAfter?: number | undefined; outcomeUnknown?: boolean } = {},
  ) {
    super(summary, request, hint, options);
    this.retryAfter = options.retryAfter;
  }
}

/** The request succeeded, but its response body does not match the documented schema. Has no body: it may contain the pk of a new invitation. */
export class InvalidResponseError extends AuthentikError {
  constructor(summary: string, request: FailedRequest, hint: string) {
    super(summary, request, hint, { outcomeUnknown: true });
  }
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
