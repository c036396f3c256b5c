import { connect } from "node:net";

/** Milliseconds between two probes. */
const defaultInterval = 250;

/** A single refusal proves nothing: an engine that is busy may refuse a connection. */
const requiredRefusals = 2;

/**
 * Calls `onEnd` when the engine of this provider process has ended. Pulumi does not end the process then: after a SIGKILL, it would go on to
 * create invitations that no state has. Returns a function that stops watching.
 */
export function watchEngine(onEnd: () => void, interval = defaultInterval): () => void {
  // The SDK passes the engine's address as the last argument.
  const [, host, port] = /^(127\.0\.0\.1|localhost):(\d+)$/.exec(process.argv.at(-1) ?? "") ?? [];
  if (host === undefined) return () => {};
  let refusals = 0;
  const timer = setInterval(() => {
    const socket = connect(Number(port), host);
    socket.once("connect", () => {
      refusals = 0;
      socket.destroy();
    });
    socket.once("error", (error: NodeJS.ErrnoException) => {
      refusals = error.code === "ECONNREFUSED" ? refusals + 1 : 0;
      if (refusals === requiredRefusals) onEnd();
    });
  }, interval);
  timer.unref();
  return () => clearInterval(timer);
}
