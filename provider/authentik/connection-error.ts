import { types } from "node:util";
import { type AuthentikError, ConnectionError, type FailedRequest, type SettingNames, TimeoutError } from "./errors";
import { ProxyError, type ProxySetting, refusalStatus } from "./proxy";

/** No connection was established, so nothing was sent: even a POST can be retried. */
const connectErrorCodes = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "EHOSTDOWN",
  "ENETUNREACH",
  "ENETDOWN",
  "UND_ERR_CONNECT_TIMEOUT",
]);
const timeoutErrorCodes = new Set([
  "UND_ERR_CONNECT_TIMEOUT",
  "UND_ERR_HEADERS_TIMEOUT",
  "UND_ERR_BODY_TIMEOUT",
  "ETIMEDOUT",
]);
const resetErrorCodes = new Set(["ECONNRESET", "EPIPE", "ECONNABORTED", "UND_ERR_SOCKET", "UND_ERR_CLOSED"]);

interface Context {
  readonly origin: string;
  readonly proxy: ProxySetting | undefined;
  readonly settings: SettingNames;
  readonly maxResponseSize: number;
}

/** The error for a request without a response: what failed, whether authentik may have carried it out, and what to do. */
export function toConnectionError(error: unknown, failed: FailedRequest, context: Context): AuthentikError {
  const { origin, settings, maxResponseSize } = context;
  const code = errorCode(error);
  const proxyFailure = toProxyFailure(error, failed, context);
  if (proxyFailure !== undefined) return proxyFailure;
  const outcomeUnknown = failed.method === "POST" && !connectErrorCodes.has(code) && !isHandshakeError(code);
  const failedWithDetail = { ...failed, detail: code.startsWith("UND_ERR") || !code ? errorMessage(error) : code };
  if (code === "UND_ERR_RES_EXCEEDED_MAX_SIZE") {
    const size = maxResponseSize / 1024 / 1024;
    return new ConnectionError(
      `The response of authentik at ${origin} is larger than ${size} MiB`,
      failed,
      `Check ${settings.url} and any proxy in front of the server.`,
      { outcomeUnknown: failed.method === "POST" },
    );
  }
  if (timeoutErrorCodes.has(code)) {
    return new TimeoutError(
      `The request to authentik at ${origin} timed out`,
      failedWithDetail,
      "Check that the server is running and reachable from here, then run again.",
      { cause: toCause(error), outcomeUnknown },
    );
  }
  return new ConnectionError(
    resetErrorCodes.has(code)
      ? `The connection to authentik at ${origin} was closed unexpectedly`
      : `Could not connect to authentik at ${origin}`,
    failedWithDetail,
    hintFor(code, settings),
    { cause: toCause(error), outcomeUnknown },
  );
}

/** Whether no connection was established, or an established one was closed, so that a retry may succeed. */
export function isInterruption(error: unknown): boolean {
  const code = errorCode(error);
  return connectErrorCodes.has(code) || resetErrorCodes.has(code);
}

/** An error of the proxy, or of the variable that sets it: nothing was sent to authentik. `undefined` if the proxy is not the cause. */
function toProxyFailure(error: unknown, failed: FailedRequest, { origin, proxy }: Context): AuthentikError | undefined {
  if (proxy === undefined) return undefined;
  const { variable, host, problem, remedy } = proxy;
  const bypass = `or add ${new URL(origin).hostname} to NO_PROXY.`;
  const status = refusalStatus(errorMessage(error));
  if (status !== undefined) {
    const allow = `Allow connections to authentik's host in the proxy, ${bypass}`;
    const logIn = `Set the proxy's user and password in ${variable}, in the form http://user:password@${host}.`;
    return new ConnectionError(
      `The proxy ${host} (${variable}) refused the connection to authentik at ${origin}`,
      { ...failed, detail: `the proxy returned ${status}` },
      status === "407" ? logIn : allow,
      // A proxy that is overloaded or cannot reach the server for the moment.
      { cause: ["502", "503", "504"].includes(status) ? toCause(new ProxyError("", "ECONNREFUSED")) : undefined },
    );
  }
  if (!(error instanceof ProxyError)) return undefined;
  if (problem !== undefined) {
    return new ConnectionError(`${variable} ${problem}`, failed, `${remedy}, ${bypass} Nothing was sent.`);
  }
  const code = errorCode(error);
  return new ConnectionError(
    `Could not connect to the proxy ${host} (${variable})`,
    { ...failed, detail: code === "" ? errorMessage(error) : code },
    `Check ${variable} and that the proxy is running, ${bypass}`,
    { cause: toCause(error) },
  );
}

function errorCode(error: unknown): string {
  if (isTimeoutSignal(error)) return "ETIMEDOUT";
  // `instanceof` fails across `node:vm` contexts, such as jest's.
  if (!types.isNativeError(error)) return "";
  // Node tries every address of a host and collects the errors (`autoSelectFamily`).
  if ("errors" in error && Array.isArray(error.errors) && error.errors.length > 0) return errorCode(error.errors[0]);
  const code = (error as NodeJS.ErrnoException).code;
  return typeof code === "string" ? code : errorCode(error.cause);
}

function isTimeoutSignal(error: unknown): boolean {
  return typeof error === "object" && error !== null && "name" in error && error.name === "TimeoutError";
}

/** The cause of a connection error, without undici's fields: a parser error has the bytes of the response. */
function toCause(error: unknown): Error {
  const code = errorCode(error);
  const cause: NodeJS.ErrnoException = new Error(errorMessage(error));
  if (code !== "") cause.code = code;
  return cause;
}

function hintFor(code: string, { url, insecure }: SettingNames): string {
  if (code === "ENOTFOUND" || code === "EAI_AGAIN")
    return `The host name cannot be resolved. Check ${url} and the network.`;
  if (isCertificateError(code)) {
    return `The server's TLS certificate was rejected. Check that it is valid for this host name and has not expired. For a private certificate authority, set NODE_EXTRA_CA_CERTS to the path of its certificate; for a test server, set ${insecure} to true.`;
  }
  if (code === "EPROTO" || code.startsWith("ERR_SSL"))
    return `The TLS handshake failed. If the port does not use TLS, set ${url} to http:// instead of https://.`;
  return `Check ${url}, that the server is running, and any proxy or firewall, then run again.`;
}

function isCertificateError(code: string): boolean {
  return code.startsWith("ERR_TLS") || /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ISSUER/.test(code);
}

/** Whether the TLS handshake failed, so that nothing of the request was sent: the certificate, or a port without TLS. */
function isHandshakeError(code: string): boolean {
  return isCertificateError(code) || code === "ERR_SSL_WRONG_VERSION_NUMBER";
}

function errorMessage(error: unknown): string {
  return types.isNativeError(error) ? error.message : String(error);
}
