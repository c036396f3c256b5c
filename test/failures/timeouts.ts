import { readdirSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "./run";

/** Milliseconds. The provider's own timeout for a response is 60 s. */
const shortTimeout = 2000;
/** Which requests get short timeouts, by origin. */
const conditions = new Map<string, (method: string, path: string) => boolean>();

/**
 * Shortens the timeouts of the bundled undici for a response, which the provider does not make configurable. Everything else stays as the provider
 * sets it. Call this before the provider opens its first connection.
 */
export function shortenTimeouts(): void {
  const chunks = join(packageRoot, "dist", "chunks");
  const file = readdirSync(chunks).find((name) => name.startsWith("undici-")) ?? "";
  const { EnvHttpProxyAgent } = (require(join(chunks, file)) as { default: typeof import("undici") }).default;
  const { dispatch } = EnvHttpProxyAgent.prototype;
  EnvHttpProxyAgent.prototype.dispatch = function (options, handler): boolean {
    const isShort = conditions.get(String(options.origin))?.(options.method, options.path) ?? false;
    const timeouts = isShort ? { headersTimeout: shortTimeout, bodyTimeout: shortTimeout } : {};
    return Reflect.apply(dispatch, this, [{ ...options, ...timeouts }, handler]);
  };
}

/** Shortens the timeouts of all requests to this origin, or of only the first one that matches: the next one may need its time. */
export function shortenTimeoutsOf(
  origin: string,
  onlyFirst?: { readonly method: string; readonly path: string },
): void {
  let isFirst = true;
  conditions.set(origin, (method, path) => {
    if (onlyFirst === undefined) return true;
    if (!isFirst || method !== onlyFirst.method || path.split("?")[0] !== onlyFirst.path) return false;
    isFirst = false;
    return true;
  });
}
