import { subscribe } from "node:diagnostics_channel";

/** An HTTP request that the client tried to send, whether or not it left this process. */
export interface Attempt {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  /** Milliseconds. */
  readonly at: number;
}

interface RequestMessage {
  readonly request: { readonly origin: string; readonly method: string; readonly path: string };
}

interface ConnectErrorMessage {
  readonly connectParams: { readonly protocol: string; readonly host: string };
}

const attempts = new Map<string, Attempt[]>();
const failureListeners = new Map<string, () => void>();

/** Observes the client by the diagnostics channels of undici. */
export function observeAttempts(): void {
  subscribe("undici:request:create", (message) => {
    const { origin, method, path } = (message as RequestMessage).request;
    attemptsAt(origin).push({ method, path, at: performance.now() });
  });
  subscribe("undici:client:connectError", (message) => {
    const { protocol, host } = (message as ConnectErrorMessage).connectParams;
    failureListeners.get(`${protocol}//${host}`)?.();
  });
}

/** The attempts to send a request to this origin so far. */
export function attemptsAt(origin: string): Attempt[] {
  const observed = attempts.get(origin) ?? [];
  attempts.set(origin, observed);
  return observed;
}

export function onConnectError(origin: string, listener: () => void): void {
  failureListeners.set(origin, listener);
}
