import { type AddressInfo, createServer, type Socket } from "node:net";
import type { Authentik } from "../../sandbox";
import { takePort } from "../unit/support/ports";
import { onConnectError } from "./attempts";
import type { Failure } from "./failures";
import { FailureProxy } from "./proxy";

export interface Request {
  readonly method: string;
  /** Without its query. */
  readonly path: string;
}

export interface FailingServer {
  /** What the provider is configured with. */
  readonly url: string;
  /** Starts the failure, of all requests or of only the first one like this. */
  arm(onlyFirst?: Request): void | Promise<void>;
  close(): Promise<void>;
}

let unresolvableCount = 0;

export async function startFailingServer(failure: Failure, server: Authentik): Promise<FailingServer> {
  const { address, refusals } = failure;
  if (address === "unresolvable") {
    unresolvableCount += 1;
    // A label of more than 63 characters: no resolver asks the network for it.
    const url = `http://${"x".repeat(64)}.${unresolvableCount}.invalid`;
    return { url, arm: () => undefined, close: async () => undefined };
  }
  if (address === "silent") return await startSilentServer();
  const tls = typeof address === "object" ? { tls: address } : {};
  const port = refusals === undefined ? {} : { port: await takePort() };
  const proxy = await FailureProxy.start(server.url, { ...tls, ...port });
  return { url: proxy.url, arm: (onlyFirst) => armProxy(proxy, failure, onlyFirst), close: () => proxy.close() };
}

/** A server that accepts connections and never sends anything. */
async function startSilentServer(): Promise<FailingServer> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    arm: () => undefined,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

async function armProxy(proxy: FailureProxy, failure: Failure, onlyFirst: Request | undefined): Promise<void> {
  const { address, handle, refusals } = failure;
  if (address === "refuses") await proxy.stopListening();
  if (address === "resets") proxy.connectionsToReset = onlyFirst ? 1 : Number.POSITIVE_INFINITY;
  if (handle) {
    const isFirst = (method: string, path: string): boolean => method === onlyFirst?.method && path === onlyFirst.path;
    proxy.script(onlyFirst ? { matches: isFirst, times: 1, handle } : { matches: () => true, handle });
  }
  if (onlyFirst && refusals !== undefined) {
    let left = refusals;
    onConnectError(proxy.url, () => {
      left -= 1;
      if (left === 0) void proxy.listen();
    });
  }
}
