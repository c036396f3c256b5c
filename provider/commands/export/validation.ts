import type { dynamic } from "@pulumi/pulumi";
import { type Declared, defaultsOf } from "../../objects/declaration";
import { unknownValue } from "../../values/properties";

interface Checkable {
  check(olds: Record<string, unknown>, news: Record<string, unknown>): Promise<dynamic.CheckResult>;
}

/** Why the resource's `check` rejects authentik's values, if it does. */
export async function validationError(
  provider: Checkable,
  inputs: Record<string, unknown>,
): Promise<string | undefined> {
  // An unknown import: what already exists may have expired, and was just read, so that comparing it again would only cost requests.
  const { failures } = await provider.check({}, { ...inputs, import: unknownValue });
  return failures && failures.length > 0 ? failures.map(({ reason }) => reason).join("; ") : undefined;
}

/** The inputs of an object that differ from their defaults. */
export function omitDefaults(inputs: Record<string, unknown>, properties: Declared): Record<string, unknown> {
  const defaultValues: Readonly<Record<string, unknown>> = defaultsOf(properties);
  return omitEqual(inputs, defaultValues);
}

/** The inputs that differ from these values. */
export function omitEqual(
  inputs: Record<string, unknown>,
  values: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(inputs).filter(([name, value]) => value !== undefined && values[name] !== value),
  );
}
