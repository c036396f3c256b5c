import { AsyncLocalStorage } from "node:async_hooks";

/** Where an operation reports what its result does not say. */
export interface Log {
  info(message: string): void;
  warn(message: string): void;
}

const destinations = new AsyncLocalStorage<Log>();

/** The log of the current operation: the console, unless {@link withLog} sets another one. */
export const log: Log = {
  info(message) {
    const destination = destinations.getStore();
    if (destination) destination.info(message);
    else console.log(message);
  },
  warn(message) {
    const destination = destinations.getStore();
    if (destination) destination.warn(message);
    else console.warn(message);
  },
};

/** Runs an operation whose messages go to `destination`. */
export function withLog<T>(destination: Log, operation: () => T): T {
  return destinations.run(destination, operation);
}
