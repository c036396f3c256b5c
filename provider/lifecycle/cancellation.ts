const controller = new AbortController();

/** Aborted once the run is cancelled. */
export const cancellation: AbortSignal = controller.signal;

/** Stops what has not started yet. Requests that have been sent are finished, and their results are kept. */
export function cancel(): void {
  controller.abort();
}
