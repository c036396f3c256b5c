import { isDeepStrictEqual } from "node:util";

/** Whether two values are the same JSON. Ignores the order of keys and the sign of zero, neither of which authentik keeps. */
export function isSameJson(a: unknown, b: unknown): boolean {
  // Nearly all comparisons end here, and a batch has ten for each invitation.
  if (a === b) return true;
  return isDeepStrictEqual(asJson(a), asJson(b));
}

/** Merges two JSON values. Objects are merged recursively; any other value of `b` replaces that of `a`. */
export function mergeJson(a: unknown, b: unknown): unknown {
  if (!isJsonObject(a) || !isJsonObject(b)) return b;
  const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])];
  // As own properties, whatever their names.
  return Object.fromEntries(
    keys.map((key) => {
      if (!Object.hasOwn(b, key)) return [key, a[key]];
      return [key, Object.hasOwn(a, key) ? mergeJson(a[key], b[key]) : b[key]];
    }),
  );
}

/** A JSON value with each of its strings and keys mapped. */
export function mapStrings(value: unknown, map: (text: string) => string): unknown {
  if (typeof value === "string") return map(value);
  if (Array.isArray(value)) return value.map((item) => mapStrings(item, map));
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [map(key), mapStrings(item, map)]));
}

export function isJsonObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The top-level keys whose values differ, sorted. */
export function differingKeys(a: Readonly<Record<string, unknown>>, b: Readonly<Record<string, unknown>>): string[] {
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys]
    .filter((key) => !(Object.hasOwn(a, key) && Object.hasOwn(b, key) && isSameJson(a[key], b[key])))
    .sort((x, y) => (x < y ? -1 : 1));
}

function asJson(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}

/**
 * Maximum depth. Every recorded version returns case `body.deep-200` correctly. At about 300 levels authentik saves data that it cannot read back,
 * which breaks every list page that contains it (case `expiry.deep.list`).
 */
export const maxDepth = 200;

export const tooDeep = `must not be nested more than ${maxDepth} levels deep, because authentik could not read it back`;

/** Half of a surrogate pair. */
export const unpairedSurrogate = /\p{Surrogate}/u;

export const hasUnpairedSurrogate = "must not contain an unpaired surrogate, which is not valid Unicode";
