import { createServer, type Server } from "node:net";

/** From here on are ports that systems do not assign by themselves. */
const firstPort = 20_000;
const portsPerProcess = 64;

let range: Promise<number> | undefined;
let takenPorts = 0;

/** Returns a port that nothing else gets while nothing listens on it: no system assigns it, and each process of the tests has a range of its own. */
export async function takePort(): Promise<number> {
  range ??= reserveRange();
  const start = await range;
  for (;;) {
    takenPorts += 1;
    if (takenPorts === portsPerProcess) throw new Error("This process has taken all of its ports.");
    const port = start + takenPorts;
    const server = await tryToListen(port);
    if (server === undefined) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}

/** Listens on the first port of the range until the process ends, so that no other process takes the range. */
async function reserveRange(): Promise<number> {
  for (let start = firstPort; ; start += portsPerProcess) {
    const server = await tryToListen(start);
    if (server === undefined) continue;
    server.unref();
    return start;
  }
}

async function tryToListen(port: number): Promise<Server | undefined> {
  const server = createServer();
  return await new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) =>
      error.code === "EADDRINUSE" ? resolve(undefined) : reject(error),
    );
    server.listen(port, "127.0.0.1", () => resolve(server));
  });
}
