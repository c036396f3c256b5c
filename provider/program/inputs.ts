import * as pulumi from "@pulumi/pulumi";

export function isPending(value: unknown): boolean {
  return pulumi.Output.isInstance(value) || value instanceof Promise;
}

/** Whether a value is an object whose properties are known, or known later one by one. */
export function isKnownObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !isPending(value);
}

/** Calls a function with a value, at once if it is known: an output takes time, which is measurable across thousands of resources. */
export function whenKnown<T>(value: pulumi.Input<T>, use: (known: T) => void): void {
  if (isPending(value)) pulumi.output(value).apply((known) => use(known as T));
  else use(value as T);
}
