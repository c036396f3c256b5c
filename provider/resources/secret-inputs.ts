import * as pulumi from "@pulumi/pulumi";
import { inputNameAt } from "../common/secret-inputs";

/** An argument that is known later, and where it occurs. */
interface Pending {
  readonly value: unknown;
  readonly path: readonly string[];
}

/**
 * The names of the arguments that contain secrets, at any depth, see {@link secretInputsInput}. Only the program can see that. `undefined` if none
 * does. Arguments without an output or a promise, which batches have by the thousand, take no turn of the event loop.
 */
export function findSecretInputs(args: object): Promise<string[] | undefined> | undefined {
  const pending = findPending(args, [], new Set());
  return pending.length === 0 ? undefined : resolveSecretInputs(pending);
}

async function resolveSecretInputs(pending: readonly Pending[]): Promise<string[] | undefined> {
  const names = new Set<string>();
  let current = pending;
  while (current.length > 0) {
    const resolved = await Promise.all(
      current.map(async ({ value, path }) => {
        const output = pulumi.output(value);
        if (!(await pulumi.isSecret(output))) return { value: await resolveValue(output), path };
        names.add(inputNameAt(path));
        return { value: undefined, path };
      }),
    );
    // An output's value can contain outputs.
    current = resolved.flatMap(({ value, path }) => findPending(value, path, new Set()));
  }
  return names.size === 0 ? undefined : [...names].sort();
}

function findPending(value: unknown, path: readonly string[], seen: Set<unknown>): Pending[] {
  if (typeof value !== "object" || value === null) return [];
  if (pulumi.Output.isInstance(value) || value instanceof Promise) return [{ value, path }];
  if (pulumi.Resource.isInstance(value) || seen.has(value)) return [];
  seen.add(value);
  return Object.entries(value).flatMap(([key, item]) => findPending(item, [...path, key], seen));
}

/** The value of an output, with unknowns at preview. Does not depend on the output, whose resource may be the parent. */
async function resolveValue(output: pulumi.Output<unknown>): Promise<unknown> {
  return await (output as unknown as { promise(withUnknowns: boolean): Promise<unknown> }).promise(true);
}
