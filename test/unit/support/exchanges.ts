import "./environment";
import { nock } from "./nock";

export const base = "https://authentik.test";
export const api = "/api/v3";
export const token = "t0ken-ZkXqJv8bYw3sRr5uLm2cNp7dHf4gTa9eQi6oWx1y";

export interface Call {
  readonly method: string;
  /** Below `/api/v3`, with its query. */
  readonly path: string;
  readonly body: unknown;
}

/** What was sent since {@link clearExchanges}, in its order. */
export const calls: Call[] = [];

export interface AnswerOptions {
  readonly times?: number;
  readonly headers?: Record<string, string>;
  readonly at?: string;
}

/**
 * Lets the next request of this method to this path (below `/api/v3`, without a query) be answered. A request that nothing
 * was prepared for fails, so that a test that passes has sent nothing else.
 */
export function answer(
  method: "GET" | "POST" | "PUT" | "DELETE",
  path: string,
  status: number,
  body: unknown = "",
  { times = 1, headers, at = base }: AnswerOptions = {},
): void {
  const type = typeof body === "string" ? "text/html; charset=utf-8" : "application/json";
  const prefix = new URL(at).pathname.replace(/\/$/, "");
  nock(new URL(at).origin)
    .intercept((uri) => uri.split("?")[0] === `${prefix}${api}${path}`, method)
    .times(times)
    .reply(async (request: Request) => {
      const url = new URL(request.url);
      const sent = await request.text();
      calls.push({
        method,
        path: url.pathname.slice(prefix.length + api.length) + url.search,
        body: sent === "" ? undefined : JSON.parse(sent),
      });
      const text = typeof body === "string" ? body : JSON.stringify(body);
      return [status, text, { ...(status === 204 ? {} : { "content-type": type }), ...headers }];
    });
}

/** The requests as `GET /path`, for tests that only count them. */
export function lines(): string[] {
  return calls.map(({ method, path }) => `${method} ${path}`);
}

/** For `beforeEach`: nothing prepared, nothing sent, and no way out. */
export function clearExchanges(): void {
  nock.cleanAll();
  nock.disableNetConnect();
  calls.length = 0;
}

/** For `afterEach`: what was prepared was asked for. */
export function expectAllAsked(): void {
  expect(nock.pendingMocks()).toEqual([]);
}

interface Configurable {
  configure(request: { config: { get(key: string): string | undefined } }): Promise<void>;
}

let configurations = 0;

/** Gives the provider a configuration, and with it a fresh connection: what no other has the settings of is a new one. */
export async function configureWith(provider: Configurable, settings: Record<string, string>): Promise<void> {
  configurations += 1;
  const fresh = { "authentik:headers": JSON.stringify({ "x-configuration": String(configurations) }), ...settings };
  await provider.configure({ config: { get: (key) => fresh[key as keyof typeof fresh] } });
}

export const settings = { "authentik:url": base, "authentik:token": token };
