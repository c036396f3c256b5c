import { isJsonObject, isSameJson } from "../values/json";
import { ownValue } from "../values/properties";
import { isSecretValue } from "../values/secrets";

export interface PropertyChange {
  /** The path as the engine reads it: `fixedData.attributes["cost center"]`. */
  readonly path: string;
  /** The name of the top-level property. */
  readonly property: string;
  readonly kind: "add" | "delete" | "update";
}

/**
 * What differs between two sets of inputs, by path. Hidden inputs never differ. A secret of the new inputs differs as a whole, because the engine prints
 * the keys in a path.
 */
export function compareProperties(
  olds: Readonly<Record<string, unknown>>,
  news: Readonly<Record<string, unknown>>,
): PropertyChange[] {
  const names = [...new Set([...Object.keys(olds), ...Object.keys(news)])].filter((name) => !name.startsWith("__"));
  return names.flatMap((name) =>
    // A property that is null is one that is not set. Below, `fixedData` can have null.
    compare(ownValue(olds, name) ?? undefined, ownValue(news, name) ?? undefined, appendKey("", name)).map(
      (change) => ({
        ...change,
        property: name,
      }),
    ),
  );
}

function compare(old: unknown, current: unknown, path: string): Omit<PropertyChange, "property">[] {
  if (old === current) return [];
  if (old === undefined) return [{ path, kind: "add" }];
  if (current === undefined) return [{ path, kind: "delete" }];
  if (isSecretValue(current)) return isSameJson(old, current.value) ? [] : [{ path, kind: "update" }];
  if (isJsonObject(old) && isJsonObject(current)) {
    return [...new Set([...Object.keys(old), ...Object.keys(current)])].flatMap((key) =>
      compare(ownValue(old, key), ownValue(current, key), appendKey(path, key)),
    );
  }
  if (Array.isArray(old) && Array.isArray(current)) {
    return Array.from({ length: Math.max(old.length, current.length) }, (_, index) => index).flatMap((index) =>
      compare(old[index], current[index], `${path}[${index}]`),
    );
  }
  return isSameJson(old, current) ? [] : [{ path, kind: "update" }];
}

function appendKey(path: string, key: string): string {
  if (!/^[A-Za-z_$][\w$]*$/.test(key)) return `${path}["${key.replaceAll('"', '\\"')}"]`;
  return path === "" ? key : `${path}.${key}`;
}
