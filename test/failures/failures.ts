import { expiredCertificate, otherHostCertificate, unknownIssuerCertificate } from "./certificates";
import { type Exchange, formatResponse, type Handler, type ProxiedResponse } from "./proxy";

export const operations = ["create", "read", "update", "delete", "list"] as const;
export type Operation = (typeof operations)[number];

/** What is created. Only invitations are listed. */
export const kinds = ["invitation", "flow", "stage", "binding"] as const;
export type Kind = (typeof kinds)[number];

/** "first": the first request of the operation fails. "every": every request fails, those that look up what a request did included. */
export const scopes = ["first", "every"] as const;
export type Scope = (typeof scopes)[number];

/** What is wrong with the address that the provider is configured with, if the failure is not one of HTTP. */
export type BrokenAddress = "refuses" | "resets" | "silent" | "unresolvable" | { key: string; cert: string };

export interface Failure {
  readonly title: string;
  readonly operations: readonly Operation[];
  readonly scopes: readonly Scope[];
  /** Whether it is run with all kinds. Other failures are run with invitations only, to save time. */
  readonly hasAllKinds?: boolean;
  /** Whether a POST may be sent again, because the failure shows that it was not carried out. */
  readonly isPostRetryable?: boolean;
  /** Whether the operation succeeds even if every request is affected. */
  readonly isHarmless?: boolean;
  /** Milliseconds that the response asks to wait before a retry. */
  readonly retryAfter?: number;
  readonly hasShortTimeouts?: boolean;
  readonly address?: BrokenAddress;
  /** What happens to a request that arrives. */
  readonly handle?: Handler;
  /** Refused connections after which the server accepts connections. */
  readonly refusals?: number;
}

const writes = ["create", "update", "delete"] as const;
const firstAndEvery = scopes;

const json = { "content-type": "application/json" };
const html = { "content-type": "text/html; charset=utf-8" };
const loginPage = "<!DOCTYPE html><html><head><title>Sign in</title></head><body></body></html>";

function statusPage(status: number, title: string, headers: object = {}): ProxiedResponse {
  const page = `<html><head><title>${status} ${title}</title></head><body></body></html>`;
  return { status, headers: { ...html, ...headers }, body: page };
}

const emptyMethodNotAllowed: ProxiedResponse = {
  status: 405,
  headers: { ...html, allow: "GET, HEAD, OPTIONS" },
  body: "",
};

/** Replaces the response of a request that the server does not receive. */
function instead(response: ProxiedResponse | (() => ProxiedResponse)): Handler {
  return (exchange) => exchange.send(typeof response === "function" ? response() : response);
}

/** Lets the server carry the request out, then loses or replaces its response. */
function afterwards(lose: (exchange: Exchange, response: ProxiedResponse) => void): Handler {
  return async (exchange) => lose(exchange, await exchange.forward());
}

/** A response with a body: a deletion's has none. */
function withBody({ status, headers }: ProxiedResponse, body: string): ProxiedResponse {
  const { "content-length": _length, ...others } = headers;
  return { status: status === 204 ? 200 : status, headers: { ...others, ...json }, body };
}

/** A failure that prevents the request from being carried out, and, for writes, the same failure after it was carried out. */
function beforeAndAfter(title: string, failure: Partial<Failure>, lose: (exchange: Exchange) => void): Failure[] {
  return [
    { title: `${title}, not carried out`, operations, scopes: firstAndEvery, ...failure, handle: lose },
    { title: `${title}, carried out`, operations: writes, scopes: firstAndEvery, ...failure, handle: afterwards(lose) },
  ];
}

/** An error status of the server or of a proxy, before and after the request was carried out. */
function status(code: number, title: string, failure: Partial<Failure> = {}): Failure[] {
  return beforeAndAfter(`${code}`, failure, (exchange) => exchange.send(statusPage(code, title)));
}

const restartFailure: Failure = {
  title: "server restarts (the request is lost, then two connections are refused)",
  operations,
  scopes: ["first"],
  hasAllKinds: true,
  refusals: 2,
  handle: (_exchange, proxy) => proxy.stopListening(),
};

function tooManyRequests(title: string, headers: () => object, failure: Partial<Failure> = {}): Failure {
  return {
    title: `429 ${title}`,
    operations,
    scopes: firstAndEvery,
    isPostRetryable: true,
    ...failure,
    handle: instead(() => statusPage(429, "Too Many Requests", headers())),
  };
}

/** All failures, grouped by the headings of the page. */
export const failureGroups: Readonly<Record<string, readonly Failure[]>> = {
  Connections: [
    {
      title: "connection refused",
      operations,
      scopes: firstAndEvery,
      isPostRetryable: true,
      address: "refuses",
      refusals: 1,
    },
    { title: "connection reset before the request was read", operations, scopes: firstAndEvery, address: "resets" },
    ...beforeAndAfter("connection reset instead of a response", { hasAllKinds: true }, (exchange) => exchange.reset()),
    {
      title: "connection closed within the response's headers, carried out",
      operations,
      scopes: firstAndEvery,
      handle: afterwards((exchange, response) => exchange.sendAndClose(formatResponse(response).head.slice(0, 40))),
    },
    {
      title: "connection closed within the response's body, carried out",
      operations: ["create", "read", "update", "list"],
      scopes: firstAndEvery,
      handle: afterwards((exchange, response) => {
        const { head, body } = formatResponse(response);
        exchange.sendAndClose(head + body.slice(0, 20));
      }),
    },
    restartFailure,
    {
      title: "host name cannot be resolved",
      operations,
      scopes: ["every"],
      isPostRetryable: true,
      address: "unresolvable",
    },
  ],
  TLS: [
    { title: "certificate of another host name", operations, scopes: ["every"], address: otherHostCertificate },
    { title: "certificate of an unknown issuer", operations, scopes: ["every"], address: unknownIssuerCertificate },
    { title: "expired certificate", operations, scopes: ["every"], address: expiredCertificate },
    {
      title: "TLS handshake times out",
      operations,
      scopes: ["every"],
      isPostRetryable: true,
      hasShortTimeouts: true,
      address: "silent",
    },
  ],
  Timeouts: [
    ...beforeAndAfter("no response within the timeout", { hasShortTimeouts: true, hasAllKinds: true }, () => undefined),
    {
      title: "response's body stops, carried out",
      operations: ["create", "read", "update", "list"],
      scopes: firstAndEvery,
      hasShortTimeouts: true,
      handle: afterwards((exchange, response) => {
        const { head, body } = formatResponse(response);
        exchange.sendPart(head + body.slice(0, 20));
      }),
    },
    {
      title: "each response takes 5 s",
      operations,
      scopes: ["every"],
      isHarmless: true,
      handle: async (exchange) => {
        await new Promise((resolve) => setTimeout(resolve, 5000));
        exchange.send(await exchange.forward());
      },
    },
  ],
  "Rate limits": [
    tooManyRequests("without Retry-After", () => ({})),
    tooManyRequests("with Retry-After: 1", () => ({ "retry-after": "1" }), { retryAfter: 1000, hasAllKinds: true }),
    tooManyRequests("with Retry-After as a date", () => ({
      "retry-after": new Date(Date.now() + 2000).toUTCString(),
    })),
    tooManyRequests("with Retry-After: 120", () => ({ "retry-after": "120" })),
  ],
  "Server errors": [
    ...status(500, "Internal Server Error"),
    ...status(502, "Bad Gateway", { hasAllKinds: true }),
    ...status(503, "Service Unavailable").map((failure) => ({
      ...failure,
      // The event log shows it.
      isPostRetryable: failure.title.endsWith("not carried out"),
    })),
    ...status(504, "Gateway Timeout"),
    {
      title: "503 with Retry-After: 1, not carried out",
      isPostRetryable: true,
      operations,
      scopes: firstAndEvery,
      retryAfter: 1000,
      handle: instead(() => statusPage(503, "Service Unavailable", { "retry-after": "1" })),
    },
    ...beforeAndAfter("405 with an empty body", { hasAllKinds: true }, (exchange) =>
      exchange.send(emptyMethodNotAllowed),
    ),
  ],
  "Unexpected responses": [
    {
      title: "login page with 200",
      hasAllKinds: true,
      operations,
      scopes: firstAndEvery,
      handle: instead({ status: 200, headers: html, body: loginPage }),
    },
    {
      title: "redirect to a login page",
      operations,
      scopes: firstAndEvery,
      handle: instead({
        status: 302,
        headers: { ...html, location: "https://sso.example.com/login?next=/api/v3/" },
        body: "",
      }),
    },
    {
      title: "404 with an HTML page",
      operations,
      scopes: firstAndEvery,
      handle: instead(statusPage(404, "Not Found")),
    },
    {
      title: "truncated JSON, carried out",
      hasAllKinds: true,
      operations,
      scopes: firstAndEvery,
      handle: afterwards((exchange, response) =>
        exchange.send(withBody(response, (response.body || '{"detail": ""}').slice(0, -2))),
      ),
    },
    {
      title: "JSON of another shape, carried out",
      operations,
      scopes: firstAndEvery,
      handle: afterwards((exchange, response) => exchange.send(withBody(response, '{"status": "ok"}'))),
    },
    {
      title: "empty body, carried out",
      operations: ["create", "read", "update", "list"],
      scopes: firstAndEvery,
      handle: afterwards((exchange, response) => exchange.send(withBody(response, ""))),
    },
  ],
};

export const failures: readonly Failure[] = Object.values(failureGroups).flat();

export function kindsOf({ hasAllKinds }: Failure): readonly Kind[] {
  return hasAllKinds ? kinds : ["invitation"];
}

export function operationsOf({ operations }: Failure, kind: Kind): readonly Operation[] {
  return operations.filter((operation) => kind === "invitation" || operation !== "list");
}
