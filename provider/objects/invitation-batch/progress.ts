import { log } from "../../common/log";
import { cancel } from "../../lifecycle/cancellation";
import { UserError } from "../../lifecycle/user-error";
import { watchEngine } from "../../lifecycle/watch-engine";

/** Milliseconds between two progress messages. */
const interval = 5000;

/** Operations of one batch that run concurrently: as many as the connection may allow. It limits the requests. */
const concurrency = 64;

/** Nothing may be created any more that no state would have. */
const engineEnded = "not done, because Pulumi's engine no longer accepts connections. Run `pulumi up` again.";

/**
 * Runs an operation for each key, concurrently. Collects errors instead of stopping at the first one. Reports the progress of long operations
 * every few seconds and at the end: "intake-2027: 400 of 1,000 created".
 */
export async function forEachKey<Value>(
  batch: string,
  verb: string,
  keys: readonly string[],
  operation: (key: string) => Promise<Value>,
) {
  // Published as an ES module only.
  const { default: pLimit } = await import("p-limit");
  const limit = pLimit(concurrency);
  const values = new Map<string, Value>();
  const errors = new Map<string, unknown>();
  const report = (): void => {
    const count = values.size.toLocaleString("en-US");
    const failed = errors.size > 0 ? `, ${errors.size.toLocaleString("en-US")} failed` : "";
    log.info(`${batch}: ${count} of ${keys.length.toLocaleString("en-US")} ${verb}${failed}`);
  };
  let hasReported = false;
  const timer = setInterval(() => {
    hasReported = true;
    report();
  }, interval);
  timer.unref();
  let hasEngine = true;
  const stopWatching = watchEngine(() => {
    hasEngine = false;
    // Operations that have started may have requests that wait for their turn.
    cancel();
  });
  try {
    await Promise.all(
      keys.map((key) =>
        limit(async () => {
          try {
            if (!hasEngine) throw new UserError(engineEnded);
            values.set(key, await operation(key));
          } catch (error) {
            errors.set(key, error);
          }
        }),
      ),
    );
  } finally {
    clearInterval(timer);
    stopWatching();
  }
  if (hasReported) report();
  return { values, errors };
}
