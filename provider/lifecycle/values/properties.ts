import { toPrintableJson } from "../../authentik/printable";

/** Pulumi's placeholder for a value that is unknown at preview, whatever its type and at any depth. */
export const unknownValue = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

export type Properties = Readonly<Record<string, unknown>>;

export function isKnownString(value: unknown): value is string {
  return typeof value === "string" && value !== unknownValue;
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

/** Long keys are shortened. */
function quoteKey(key: string): string {
  return toPrintableJson(key.length > maxKeyLength ? `${key.slice(0, maxKeyLength)}…` : key);
}
