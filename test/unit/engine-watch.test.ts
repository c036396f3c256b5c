import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { watchEngine } from "../../provider/lifecycle/watch-engine";
import { Authentik } from "../../sandbox";
import { Batch, batchInputs, catchPartialFailure } from "./support/batch";
import { catchError } from "./support/catch-error";
import type { Provider } from "./support/doors";
import { nock } from "./support/nock";
import { findFreePort } from "./support/server";

// Requests are slow on purpose.
jest.setTimeout(30_000);
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
function startProcess({ id = "", inputs = {}, outputs = {} }: Partial<Batch> = {}): Batch {
  jest.resetModules();
  const { InvitationBatch } = require("pulumi-authentik-invitations/provider") as { InvitationBatch: unknown };
  return Object.assign(new Batch(server, "dynamic", InvitationBatch as Provider), { id, inputs, outputs });
}

/** As if the engine had this address. */
function setEngine(address: string): void {
  process.argv = [...argv, address];
}

function createdNames(): number {
  return [...server.instance.invitations.all()].length;
}

describe("a batch whose engine does not accept connections", () => {
  test("fails with what it did not do, and keeps in the state what it created and what it did not delete", async () => {
    server.latency = 250;
    setEngine(`127.0.0.1:${await findFreePort()}`);
    const killed = startProcess();
    const { message } = await catchPartialFailure(killed.up(batchInputs(entries)));
    expect(message).toContain(ended);
    expect(message).toContain(cancelled);
    const created = Object.keys(killed.pks).length;
    expect(created).toBe(createdNames());
    expect(created).toBeGreaterThan(0);
    // Few requests are on their way at once, and 64 wait for their turn.
    expect(created).toBeLessThan(30);

    setEngine("");
    server.latency = 0;
    const next = startProcess(killed);
    await next.up(batchInputs(entries));
    expect(Object.keys(next.pks)).toHaveLength(keys.length);

    server.latency = 250;
    setEngine(`127.0.0.1:${await findFreePort()}`);
    const deleting = startProcess(next);
    expect((await catchError(deleting.destroy())).message).toContain(ended);
    expect(createdNames()).toBeGreaterThan(keys.length - 30);
  });
});

test("the watch reports the engine's end once, after more than one refused connection, if the last argument is its address", async () => {
  const port = await findFreePort();
  const engine = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => engine.listen(port, "127.0.0.1", resolve));
  const [onEnd, onEndOfAnother] = [jest.fn(), jest.fn()];
  const watches = ["", "example.com:80", "127.0.0.1:1/path", `127.0.0.1:${port}`].map((argument) => {
    setEngine(argument);
    return watchEngine(argument.endsWith(`:${port}`) ? onEnd : onEndOfAnother);
  });
  await sleep(600);
  expect(onEnd).not.toHaveBeenCalled();
  await new Promise((resolve) => engine.close(resolve));
  await sleep(300);
  expect(onEnd).not.toHaveBeenCalled();
  await sleep(800);
  expect(onEnd).toHaveBeenCalledTimes(1);
  expect(onEndOfAnother).not.toHaveBeenCalled();
  for (const stop of watches) stop();
});
