/** What is known of a request when it fails. `path` never holds an invitation's pk: see `shownPath` in client.ts. */
export interface FailedRequest {
  readonly method: string;
  readonly path: string;
  /** HTTP status, if there was an answer. */
  readonly status?: number;
  /** What the server said, in its own words, already free of secrets. */
  readonly words?: string;
}

/**
 * A request to authentik that failed. The message says what failed, what the server answered and what to do next;
 * it holds no token, no pk of an invitation and no body that was sent.
 */
export abstract class AuthentikError extends Error {
  readonly request: FailedRequest;
  readonly advice: string;
  /** Whether authentik may have carried the request out although it failed. */
  readonly outcomeUnknown: boolean;

  constructor(
    what: string,
    request: FailedRequest,
    advice: string,
    options: { cause?: unknown; outcomeUnknown?: boolean } = {},
  ) {
    const answer = request.status === undefined ? "" : ` answered ${request.status}`;
    const words = request.words ? `: ${request.words.replace(/\.$/, "")}` : "";
    super(`${what}: ${request.method} ${request.path}${answer}${words}. ${advice}`, { cause: options.cause });
    this.name = new.target.name;
    this.request = request;
    this.advice = advice;
    this.outcomeUnknown = options.outcomeUnknown ?? false;
  }
}

/** No connection could be made, or it was cut. */
export class ConnectionError extends AuthentikError {}

/** The server did not answer in time. */
export class TimeoutError extends AuthentikError {}

/** The token is missing, wrong or expired. authentik answers 403 to this, like to a missing permission, never 401. */
export class AuthenticationError extends AuthentikError {}

/** The token is good, and lacks a permission. */
export class PermissionError extends AuthentikError {
  /** The permission that is missing, as authentik names it: `authentik_flows.view_flow`. */
  readonly permission: string;

  constructor(what: string, request: FailedRequest, advice: string, permission: string) {
    super(what, request, advice);
    this.permission = permission;
  }
}

/** The server refused what was sent (400). `fields` are its messages by the API's field name. */
export class ValidationError extends AuthentikError {
  readonly fields: Readonly<Record<string, readonly string[]>>;

  constructor(
    what: string,
    request: FailedRequest,
    advice: string,
    fields: Readonly<Record<string, readonly string[]>>,
  ) {
    super(what, request, advice);
    this.fields = fields;
  }
}

/** 404 with authentik's JSON: the object is gone. A 404 page in HTML is a {@link WrongAddressError} instead. */
export class NotFoundError extends AuthentikError {}

/** What answered is not authentik's API: an HTML page, a redirect, a proxy. */
export class WrongAddressError extends AuthentikError {}

/** authentik, or a proxy before it, failed (5xx, or 405 with an empty page), is busy (429) or refused in another way. */
export class ServerError extends AuthentikError {
  /** Milliseconds that the server asked to wait (`Retry-After`), if it did. */
  readonly retryAfter: number | undefined;

  constructor(
    what: string,
    request: FailedRequest,
    advice: string,
    options: { retryAfter?: number | undefined; outcomeUnknown?: boolean } = {},
  ) {
    super(what, request, advice, options);
    this.retryAfter = options.retryAfter;
  }
}

/** The request succeeded, and its answer does not have the documented form. */
export class UnexpectedBodyError extends AuthentikError {
  /** The answer as it came; never part of a message. */
  readonly body: unknown;

  constructor(what: string, request: FailedRequest, advice: string, body: unknown, cause?: unknown) {
    super(what, request, advice, { cause, outcomeUnknown: true });
    this.body = body;
  }
}
