import { isJsonObject, isSameJson } from "../../values/json";

type JsonObject = Readonly<Record<string, unknown>>;

/** What all objects have in common, at any depth. Merging it with what {@link withoutShared} leaves of an object results in that object. */
export function sharedJson([first = {}, ...others]: readonly JsonObject[]): JsonObject {
  const entries = Object.entries(first).flatMap(([key, value]) => {
    if (others.some((other) => !Object.hasOwn(other, key))) return [];
    const values = others.map((other) => other[key]);
    if (values.every((other) => isSameJson(other, value))) return [[key, value] as const];
    if (!isJsonObject(value) || !values.every(isJsonObject)) return [];
    const nested = sharedJson([value, ...values]);
    return Object.keys(nested).length > 0 ? [[key, nested] as const] : [];
  });
  return Object.fromEntries(entries);
}

/** What an object has besides the shared values. */
export function withoutShared(object: JsonObject, shared: JsonObject): JsonObject {
  const entries = Object.entries(object).flatMap(([key, value]) => {
    const other = Object.hasOwn(shared, key) ? shared[key] : undefined;
    if (isSameJson(value, other)) return [];
    const isPartlyShared = isJsonObject(value) && isJsonObject(other);
    return [[key, isPartlyShared ? withoutShared(value, other) : value] as const];
  });
  return Object.fromEntries(entries);
}
