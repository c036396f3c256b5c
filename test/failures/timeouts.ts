import { readdirSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "./run";

/** Milliseconds. The provider's own timeouts are 10 s for a connection and 60 s for a response. */
const shortTimeout = 1000;
/** Which requests get short timeouts, by origin. */
const conditions = new Map<string, (method: string, path: string) => boolean>();

/**
 * Shortens the timeouts of the bundled undici, which the provider does not make configurable. Everything else stays as the provider sets it. Call
 * this before the provider opens its first connection.
 */
export function shortenTimeouts(): void {
  const chunks = join(packageRoot, "dist", "chunks");
  const file = readdirSync(chunks).find((name) => name.startsWith("undici-")) ?? "";
  const { default: undici } = require(join(chunks, file)) as {
    default: { -readonly [K in keyof typeof import("undici")]: typeof import("undici")[K] };
  };
  const { dispatch } = undici.EnvHttpProxyAgent.prototype;
  undici.EnvHttpProxyAgent.prototype.dispatch = function (options, handler): boolean {
    const isShort = conditions.get(String(options.origin))?.(options.method, options.path) ?? false;
    const timeouts = isShort ? { headersTimeout: shortTimeout, bodyTimeout: shortTimeout } : {};
    return Reflect.apply(dispatch, this, [{ ...options, ...timeouts }, handler]);
  };
  undici.Pool = class extends undici.Pool {
    constructor(origin: string | URL, { connect, ...options }: import("undici").Pool.Options) {
      const isShort = conditions.has(new URL(origin).origin);
      super(origin, { ...options, connect: { ...connect, ...(isShort ? { timeout: shortTimeout } : {}) } });
    }
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
