import * as pulumi from "@pulumi/pulumi";
import { inputNameAt } from "../common/secret-inputs";
import { hasUnpairedSurrogate, tooDeep, unpairedSurrogate } from "../values/json";
import { formatPath } from "../values/properties";
import { isPending } from "./inputs";

/** An argument that is known later, and where it occurs. */
interface Pending {
  readonly value: unknown;
  readonly path: readonly string[];
}

/**
 * The names of the arguments that contain secrets, at any depth, see {@link secretInputsInput}. Only the program can see that. `undefined` if none
 * does. Arguments without an output or a promise, which batches have by the thousand, take no turn of the event loop.
 */
export function findSecretInputs(args: object, resource: string): Promise<string[] | undefined> | undefined {
  const pending = findPending(resource, args, []);
  return pending.length === 0 ? undefined : resolveSecretInputs(resource, pending);
}

async function resolveSecretInputs(resource: string, pending: readonly Pending[]): Promise<string[] | undefined> {
  const names = new Set<string>();
  let current = pending;
  while (current.length > 0) {
    const resolved = await Promise.all(
      current.map(async ({ value, path }) => {
        // Pulumi's copy of the value would lack what is not JSON.
        if (value instanceof Promise) findPending(resource, await value, path);
        const output = pulumi.output(value);
        if (!(await pulumi.isSecret(output))) return { value: await resolveValue(output), path };
        names.add(inputNameAt(path));
        return { value: undefined, path };
      }),
    );
    // An output's value can contain outputs.
    current = resolved.flatMap(({ value, path }) => findPending(resource, value, path));
  }
  return names.size === 0 ? undefined : [...names].sort();
}

function findPending(
  resource: string,
  value: unknown,
  path: readonly string[],
  ancestors: readonly unknown[] = [],
): Pending[] {
  if (isPending(value)) return [{ value, path }];
  if (pulumi.Resource.isInstance(value)) return [];
  const problem = ancestors.includes(value) ? "must not contain itself" : describeNonJson(value);
  if (problem !== undefined) throw new pulumi.RunError(`${resource}: ${formatPath(path)}: ${problem}`);
  if (typeof value !== "object" || value === null) return [];
  if (ancestors.length > sendableDepth) {
    throw new pulumi.RunError(`${resource}: ${formatPath(path.slice(0, 1))}: ${tooDeep}`);
  }
  requireNoProto(resource, value, path);
  const inside = [...ancestors, value];
  return Object.entries(value).flatMap(([key, item]) => findPending(resource, item, [...path, key], inside));
}

/** The provider rejects what is deeper than authentik's data may be. Pulumi's SDK, which is recursive, could not send what is deeper than this. */
const sendableDepth = 500;

/** Why Pulumi's SDK would lose a value, or fail with a stack trace. */
function describeNonJson(value: unknown): string | undefined {
  if (typeof value === "string" && unpairedSurrogate.test(value)) return hasUnpairedSurrogate;
  const type = Object.prototype.toString.call(value).slice("[object ".length, -1);
  const isObject = typeof value === "object" && value !== null;
  const isLost = isObject
    ? ArrayBuffer.isView(value) || (!/^(Object|Array)$/.test(type) && Object.keys(value).length === 0)
    : /^(bigint|symbol|function)$/.test(typeof value);
  return isLost
    ? `must be JSON: Pulumi does not pass on a ${type}. Convert it to a string, a number, a list or an object`
    : undefined;
}

/** Pulumi's SDK makes the value of a key `__proto__` the prototype of a copy, so that its properties would become keys, or are lost. */
function requireNoProto(resource: string, value: object, path: readonly string[]): void {
  const prototype: unknown = Object.getPrototypeOf(value);
  // The literal `{ __proto__: { … } }` sets the prototype. A class's prototype has a constructor of its own.
  const isLiteral =
    typeof prototype === "object" &&
    prototype !== null &&
    Object.getPrototypeOf(prototype) === Object.prototype &&
    !Object.hasOwn(prototype, "constructor");
  if (!isLiteral && !Object.hasOwn(value, "__proto__")) return;
  throw new pulumi.RunError(
    `${resource}: ${formatPath(path)}: the key "__proto__" cannot be used, because Pulumi's SDK for Node.js loses it. Choose another key.`,
  );
}

/** The value of an output, with unknowns at preview. Does not depend on the output, whose resource may be the parent. */
async function resolveValue(output: pulumi.Output<unknown>): Promise<unknown> {
  return await (output as unknown as { promise(withUnknowns: boolean): Promise<unknown> }).promise(true);
}
