import { toPrintableJson } from "../common/printable";
import { unknownValue } from "../common/reserved-strings";

export type Properties = Readonly<Record<string, unknown>>;

export function isKnownString(value: unknown): value is string {
  return typeof value === "string" && value !== unknownValue;
}

/** Whether a value is unknown, or contains one that is. */
export function containsUnknown(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return value === unknownValue;
  return Object.values(value).some(containsUnknown);
}

/** The value of a key that people choose: `constructor` is a key like any other. */
export function ownValue<Value>(record: Readonly<Record<string, Value>> | undefined, key: string): Value | undefined {
  return record !== undefined && Object.hasOwn(record, key) ? record[key] : undefined;
}

/** The properties with these names that are set. */
export function pick(properties: Properties, names: readonly string[]): Properties {
  return Object.fromEntries(names.flatMap((name) => (name in properties ? [[name, properties[name]] as const] : [])));
}

/** Removes `__provider`, and properties that are null or undefined. */
export function withoutUndefined(properties: Properties): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(properties).filter(
      ([name, value]) => name !== "__provider" && value !== undefined && value !== null,
    ),
  );
}

/** A property's path in the form in which it is written in a program: `fixedData.attributes["cost center"]`. */
export function formatPath(path: readonly PropertyKey[]): string {
  return path
    .map((step, index) => {
      if (typeof step === "number") return `[${step}]`;
      const name = String(step);
      if (!/^[A-Za-z_$][\w$]*$/.test(name) || name.length > maxKeyLength) return `[${quoteKey(name)}]`;
      return index === 0 ? name : `.${name}`;
    })
    .join("");
}

const maxKeyLength = 80;

function quoteKey(key: string): string {
  return toPrintableJson(key.length > maxKeyLength ? `${key.slice(0, maxKeyLength)}…` : key);
}
