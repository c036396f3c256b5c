import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { createServer, type Socket } from "node:net";
import { watchEngine } from "../../provider/lifecycle/watch-engine";
import { Authentik } from "../../sandbox";
import { Batch, batchInputs, catchPartialFailure } from "./support/batch";
import { catchError } from "./support/catch-error";
import type { Provider } from "./support/doors";
import { nock } from "./support/nock";
import { takePort } from "./support/ports";
import { waitUntil } from "./support/wait-until";

// Requests are slow on purpose.
jest.setTimeout(60_000);
jest.spyOn(console, "log").mockImplementation();
const { argv } = process;
const ended = "not done, because Pulumi's engine no longer accepts connections. Run `pulumi up` again.";
const cancelled = "The run was cancelled before the request was sent";
const keys = Array.from({ length: 300 }, (_, index) => `key-${index}`);
const entries = Object.fromEntries(keys.map((key) => [key, {}]));

// nock would accept every connection.
nock.restore();

let server: Authentik;

beforeEach(async () => {
  server = await Authentik.start();
});
afterEach(async () => {
  process.argv = argv;
  await server.close();
});

/** A batch with this state in a new provider process. One whose engine has ended stays cancelled. */
function startProcess({ id = "", inputs = {}, outputs = {}, isPartial = false }: Partial<Batch> = {}): Batch {
  jest.resetModules();
  const { InvitationBatch } = require("pulumi-authentik-invitations/provider") as { InvitationBatch: unknown };
  return Object.assign(new Batch(server, "dynamic", InvitationBatch as Provider), { id, inputs, outputs, isPartial });
}

/** As if the engine had this address. */
function setEngine(address: string): void {
  process.argv = [...argv, address];
}

/** Starts an engine that accepts connections until `stop`, and refuses them from then on. */
async function startEngine(): Promise<{ address: string; stop: () => Promise<void> }> {
  const port = await takePort();
  const engine = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => engine.listen(port, "127.0.0.1", resolve));
  return {
    address: `127.0.0.1:${port}`,
    stop: () => new Promise((resolve) => engine.close(() => resolve())),
  };
}

/** Runs an operation of a batch, whose engine ends after the first request with this method. */
async function endEngineAfter<T>(method: string, operation: () => Promise<T>): Promise<T> {
  const engine = await startEngine();
  setEngine(engine.address);
  server.latency = 250;
  server.requests.length = 0;
  const result = operation();
  await waitUntil(() => server.requests.some((request) => request.method === method));
  await engine.stop();
  return await result;
}

function createdNames(): number {
  return [...server.instance.invitations.all()].length;
}

describe("a batch whose engine ends", () => {
  test("fails with what it did not do, and keeps in the state what it created and what it did not delete", async () => {
    const killed = startProcess();
    const { message } = await endEngineAfter("POST", () => catchPartialFailure(killed.up(batchInputs(entries))));
    expect(message).toContain(ended);
    expect(message).toContain(cancelled);
    const created = Object.keys(killed.pks).length;
    expect(created).toBe(createdNames());
    expect(created).toBeGreaterThan(0);
    // Few requests are on their way at once, and 64 wait for their turn.
    expect(created).toBeLessThan(keys.length / 2);

    setEngine("");
    server.latency = 0;
    const next = startProcess(killed);
    await next.up(batchInputs(entries));
    expect(Object.keys(next.pks)).toHaveLength(keys.length);

    const deleting = startProcess(next);
    const error = await endEngineAfter("DELETE", () => catchError(deleting.destroy()));
    expect(error.message).toContain(ended);
    expect(createdNames()).toBeGreaterThan(keys.length / 2);
    expect(createdNames()).toBeLessThan(keys.length);
  });
});

test("the watch reports the engine's end once, after more than one refused connection, if the last argument is its address", async () => {
  const probes = { accepted: 0, refused: 0 };
  const countProbe = (message: unknown): void => {
    const { socket } = message as { socket: Socket };
    socket.once("connect", () => {
      probes.accepted += 1;
    });
    socket.once("error", ({ code }: NodeJS.ErrnoException) => {
      if (code === "ECONNREFUSED") probes.refused += 1;
    });
  };
  subscribe("net.client.socket", countProbe);
  const engine = await startEngine();
  const [onEnd, onEndOfAnother] = [jest.fn(() => probes.refused), jest.fn()];
  const watches = ["", "example.com:80", "127.0.0.1:1/path", engine.address].map((argument) => {
    setEngine(argument);
    return watchEngine(argument === engine.address ? onEnd : onEndOfAnother, 20);
  });
  try {
    await waitUntil(() => probes.accepted >= 5);
    expect([probes.refused, onEnd.mock.calls.length]).toEqual([0, 0]);
    await engine.stop();
    await waitUntil(() => probes.refused >= 5);
    expect(onEnd.mock.results).toEqual([{ type: "return", value: 2 }]);
    expect(onEndOfAnother).not.toHaveBeenCalled();
  } finally {
    for (const stop of watches) stop();
    await engine.stop();
    unsubscribe("net.client.socket", countProbe);
  }
});
