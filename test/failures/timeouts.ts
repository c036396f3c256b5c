import type { Dispatcher } from "undici";

const undici = require("undici") as typeof import("undici");

/** Milliseconds. The provider's own timeouts are 10 s to connect and 60 s for a response. */
const shortTimeout = 2000;
/** Which requests get short timeouts, by origin. */
const conditions = new Map<string, (method: string, path: string) => boolean>();

/**
 * Shortens the timeouts of undici, which the provider does not make configurable. Everything else stays as the provider sets it. Call this
 * before the provider opens its first connection.
 */
export function shortenTimeouts(): void {
  const { EnvHttpProxyAgent } = undici;
  undici.EnvHttpProxyAgent = class extends EnvHttpProxyAgent {
    constructor(options: ConstructorParameters<typeof EnvHttpProxyAgent>[0] = {}) {
      super({ ...options, connect: { ...options.connect, timeout: shortTimeout } });
    }

    override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
      const isShort = conditions.get(String(options.origin))?.(options.method, options.path) ?? false;
      const timeouts = isShort ? { headersTimeout: shortTimeout, bodyTimeout: shortTimeout } : {};
      return super.dispatch({ ...options, ...timeouts }, handler);
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
