import { setMaxListeners } from "node:events";

const controller = new AbortController();

export const cancellation: AbortSignal = controller.signal;

// Every request that waits listens to it, and Node.js would print a warning about more than ten.
setMaxListeners(0, cancellation);

/** Stops what has not started yet. Requests that have been sent are finished, and their results are kept. */
export function cancel(): void {
  controller.abort();
}
