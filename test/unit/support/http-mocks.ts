import "./environment";
import { nock } from "./nock";

export const authentikUrl = "https://authentik.test";
export const token = "t0ken-ZkXqJv8bYw3sRr5uLm2cNp7dHf4gTa9eQi6oWx1y";
const apiPath = "/api/v3";

export interface SentRequest {
  readonly method: string;
  /** Below `/api/v3`, with its query. */
  readonly path: string;
  readonly body: unknown;
}

/** The requests since {@link resetHttpMocks}, in the order in which they were sent. */
export const sentRequests: SentRequest[] = [];

export interface MockOptions {
  readonly times?: number;
  readonly headers?: Record<string, string>;
  readonly baseUrl?: string;
}

/**
 * Mocks the response to the next request with this method and path (below `/api/v3`, without a query). A request without a mocked response
 * fails, so a passing test has sent no other requests.
 */
export function mockResponse(
  method: "GET" | "POST" | "PUT" | "DELETE",
  path: string,
  status: number,
  body: unknown = "",
  { times = 1, headers, baseUrl = authentikUrl }: MockOptions = {},
): void {
  const contentType = typeof body === "string" ? "text/html; charset=utf-8" : "application/json";
  const prefix = new URL(baseUrl).pathname.replace(/\/$/, "");
  nock(new URL(baseUrl).origin)
    .intercept((uri) => uri.split("?")[0] === `${prefix}${apiPath}${path}`, method)
    .times(times)
    .reply(async (request: Request) => {
      const url = new URL(request.url);
      const sentBody = await request.text();
      sentRequests.push({
        method,
        path: url.pathname.slice(prefix.length + apiPath.length) + url.search,
        body: sentBody === "" ? undefined : JSON.parse(sentBody),
      });
      const text = typeof body === "string" ? body : JSON.stringify(body);
      return [status, text, { ...(status === 204 ? {} : { "content-type": contentType }), ...headers }];
    });
}

/** The sent requests in the form `GET /path`. */
export function requestLines(): string[] {
  return sentRequests.map(({ method, path }) => `${method} ${path}`);
}

/** For `beforeEach`: removes all mocks and recorded requests, and blocks real connections. */
export function resetHttpMocks(): void {
  nock.cleanAll();
  nock.disableNetConnect();
  sentRequests.length = 0;
}

/** For `afterEach`. */
export function expectAllMocksUsed(): void {
  expect(nock.pendingMocks()).toEqual([]);
}

interface Configurable {
  configure(request: { config: { get(key: string): string | undefined } }): Promise<void>;
}

export const settings = { "authentik:url": authentikUrl, "authentik:token": token };

let connectionCount = 0;

/** A setting with which a connection has not cached anything yet: connections are shared by equal settings. */
function uniqueSetting(): Record<string, string> {
  connectionCount += 1;
  return { "authentik:headers": JSON.stringify({ "x-connection": String(connectionCount) }) };
}

/** Settings of a connection that has not cached anything yet. */
export function freshSettings(overrides: Record<string, string> = {}): Record<string, string> {
  return { ...settings, ...uniqueSetting(), ...overrides };
}

/** Configures the provider with a new connection. */
export async function configureWith(provider: Configurable, settings: Record<string, string>): Promise<void> {
  const uniqueSettings = { ...uniqueSetting(), ...settings };
  await provider.configure({ config: { get: (key) => uniqueSettings[key] } });
}

/** Mocks all responses in the tests of this file, and expects every mock to be used. Each test has a connection of its own. */
export function useHttpMocks(provider: Configurable): void {
  beforeEach(async () => {
    resetHttpMocks();
    await configureWith(provider, settings);
  });
  afterEach(expectAllMocksUsed);
}
