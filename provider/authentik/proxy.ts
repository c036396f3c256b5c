import type { Dispatcher, EnvHttpProxyAgent, Pool } from "undici";

/** The HTTP proxy that an environment variable sets for a server. */
export interface ProxySetting {
  readonly variable: string;
  /** Its host and port, without user and password. */
  readonly host: string;
  /** Its origin; `undefined` if the variable's value cannot be used. */
  readonly origin?: string;
  /** The header `Proxy-Authorization`, from the user and password in its URL. */
  readonly authorization?: string | undefined;
  /** Why the variable's value cannot be used. */
  readonly problem?: string;
  readonly remedy: string;
}

const remedy = "Set it to the URL of an HTTP proxy, in the form http://proxy.example.com:3128";

/** The connection to the proxy failed, or the variable that sets it is not valid, so nothing was sent to the server. */
export class ProxyError extends Error {
  constructor(
    message: string,
    readonly code?: string,
  ) {
    super(message);
  }
}

/** Stands for a proxy that cannot be used. It fails only if NO_PROXY does not exclude the server. */
const unusableOrigin = "http://proxy.invalid";

/** The proxy for a server, as curl and Go choose it: by the scheme of the server's URL, in lower case first. `NO_PROXY` is not considered. */
export function findProxy(serverOrigin: string): ProxySetting | undefined {
  const name = new URL(serverOrigin).protocol === "https:" ? "https_proxy" : "http_proxy";
  const variable = [name, name.toUpperCase()].find((candidate) => process.env[candidate]?.trim());
  if (variable === undefined) return undefined;
  const value = process.env[variable]?.trim() ?? "";
  const unusable = (problem: string): ProxySetting => ({ variable, host: "", problem, remedy });
  // As in curl and Go, a proxy without a scheme is an HTTP proxy.
  const uri = value.includes("://") ? value : `http://${value}`;
  if (!URL.canParse(uri)) return unusable("is not a URL");
  const { protocol, hostname, host, port, origin, username, password } = new URL(uri);
  if (protocol !== "http:" && protocol !== "https:")
    return unusable(`sets a ${protocol.slice(0, -1)} proxy, which is not supported`);
  const credentials = decodeCredentials(username, password);
  if (hostname === "" || credentials === undefined) return unusable("is not the URL of a proxy");
  return {
    variable,
    host: port === "" ? `${host}:${protocol === "https:" ? 443 : 80}` : host,
    origin,
    authorization: credentials === ":" ? undefined : `Basic ${Buffer.from(credentials).toString("base64")}`,
    remedy,
  };
}

function decodeCredentials(username: string, password: string): string | undefined {
  try {
    return `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  } catch {
    return undefined;
  }
}

type AgentOptions = ConstructorParameters<typeof EnvHttpProxyAgent>[0];
type Connector = (options: unknown, callback: (error: Error | null, socket: unknown) => void) => void;

/**
 * The options for undici's `EnvHttpProxyAgent`, which applies `NO_PROXY`. Errors of the connection to the proxy become {@link ProxyError}s.
 * `serverAuthorization` is a header `Proxy-Authorization` for the server, as Google's Identity-Aware Proxy reads it. undici takes none from a request, because
 * it may be meant for the proxy.
 */
export function proxyOptions(
  proxy: ProxySetting | undefined,
  serverOrigin: string,
  PoolClass: typeof Pool,
  serverAuthorization: string | undefined,
): AgentOptions {
  const origin = proxy && (proxy.origin ?? unusableOrigin);
  const isServerPlain = new URL(serverOrigin).protocol === "http:";
  const createPool = (url: string | URL, options: object): Dispatcher => {
    const { connect } = options as { connect?: unknown };
    const isProxy = origin !== undefined && new URL(url).origin === origin;
    const connectToProxy: Connector = (target, callback) => {
      if (proxy?.problem !== undefined) callback(new ProxyError(proxy.problem), null);
      else (connect as Connector)(target, (error, socket) => callback(error && toProxyError(error), socket));
    };
    const wrapped = isProxy && typeof connect === "function" ? { ...options, connect: connectToProxy } : options;
    const pool = new PoolClass(url, wrapped as Pool.Options);
    return serverAuthorization === undefined || (isProxy && !isServerPlain)
      ? pool
      : pool.compose((dispatch) => (request, handler) => {
          const headers = { ...(request.headers as object), "proxy-authorization": serverAuthorization };
          return dispatch({ ...request, headers }, handler);
        });
  };
  return {
    // An empty string means no proxy. Without these, undici would use HTTP_PROXY for https as well.
    httpProxy: (isServerPlain && origin) || "",
    httpsProxy: (!isServerPlain && origin) || "",
    ...(proxy?.authorization === undefined ? {} : { token: proxy.authorization }),
    // A proxy may allow CONNECT to port 443 only, so requests to http servers are not tunneled.
    proxyTunnel: !isServerPlain,
    factory: createPool,
    clientFactory: createPool,
  } as AgentOptions;
}

function toProxyError(error: Error): ProxyError {
  return new ProxyError(error.message, (error as NodeJS.ErrnoException).code);
}

/** The status with which a proxy refused a request, from undici's error. */
export function refusalStatus(message: string): string | undefined {
  return /^(?:Proxy response|Proxy Authentication Required) \((\d+)\)/.exec(message)?.[1];
}
