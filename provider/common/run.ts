import { runtime } from "@pulumi/pulumi";

/** The run if the program has no stack, as in unit tests with mocks. */
const noStack = {};

/** Whether the program runs in a stack, and not in a unit test. */
export function hasStack(): boolean {
  return runtime.getStackResource() !== undefined;
}

/** A value for each run of a program. A process of the Automation API runs many programs, also concurrently. */
export function perRun<Value>(create: () => Value): () => Value {
  const values = new WeakMap<object, Value>();
  return () => {
    const run = runtime.getStackResource() ?? noStack;
    const value = values.get(run) ?? create();
    values.set(run, value);
    return value;
  };
}
