import { isDeepStrictEqual } from "node:util";

/** Whether two values are the same JSON: the order of keys does not matter, nor the sign of zero, which authentik drops. */
export function isSameJson(a: unknown, b: unknown): boolean {
  return isDeepStrictEqual(asJson(a), asJson(b));
}

/** The first keys at which two JSON objects differ. */
export function differingKeys(a: Readonly<Record<string, unknown>>, b: Readonly<Record<string, unknown>>): string[] {
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys]
    .filter((key) => !(Object.hasOwn(a, key) && Object.hasOwn(b, key) && isSameJson(a[key], b[key])))
    .sort((x, y) => (x < y ? -1 : 1));
}

function asJson(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}
