import { AsyncLocalStorage } from "node:async_hooks";
import { capitalize, toPrintableLine } from "./printable";

/** Where an operation reports what its result does not say. */
export interface Log {
  info(message: string): void;
  warn(message: string): void;
}

const destinations = new AsyncLocalStorage<Log>();

/** The log of the current operation: the console, unless {@link withLog} sets another one. */
export const log: Log = {
  info: (message) => (destinations.getStore()?.info ?? console.log)(message),
  warn: (message) => (destinations.getStore()?.warn ?? console.warn)(message),
};

/** Says something about an object. Its name, and usernames, come from authentik, where other people can set them. */
export function logAbout(object: string, level: keyof Log, message: string): void {
  log[level](toPrintableLine(`${capitalize(object)}: ${message}`));
}

/** Runs an operation whose messages go to `destination`. */
export function withLog<T>(destination: Log, operation: () => T): T {
  return destinations.run(destination, operation);
}
