import type { dynamic } from "@pulumi/pulumi";

interface Checkable {
  check(olds: Record<string, unknown>, news: Record<string, unknown>): Promise<dynamic.CheckResult>;
}

/** Why the resource's `check` rejects authentik's values, if it does. */
export async function validationError(
  provider: Checkable,
  inputs: Record<string, unknown>,
  pk: string,
): Promise<string | undefined> {
  const { failures } = await provider.check({}, { ...inputs, import: pk });
  return failures && failures.length > 0 ? failures.map(({ reason }) => reason).join("; ") : undefined;
}

/** The inputs that differ from their default. */
export function omitDefaults(
  inputs: Record<string, unknown>,
  defaultValues: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(inputs).filter(([name, value]) => value !== undefined && defaultValues[name] !== value),
  );
}
