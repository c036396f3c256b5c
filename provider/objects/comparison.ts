import type { Properties } from "../values/properties";
import type { Declared } from "./declaration";

/** How inputs compare that are not stored as they are declared, by name. */
export type Comparisons = Readonly<Record<string, (declared: unknown) => boolean>>;

/** The names of the inputs that the API has and whose declared value differs from the stored one. An unknown value counts as different. */
export function differingInputs(
  properties: Declared,
  declared: Properties,
  stored: Properties,
  comparisons: Comparisons = {},
): string[] {
  return Object.entries(properties).flatMap(([name, { wire, isSame }]) => {
    if (wire === undefined) return [];
    const compare = comparisons[name] ?? ((value: unknown) => isSame(value, stored[name]));
    return compare(declared[name]) ? [] : [name];
  });
}

/** What the API has for each input: as configured if the values are equal. */
export function storedInputs(properties: Declared, configured: Properties, stored: Properties): Properties {
  return Object.fromEntries(
    Object.entries(properties).flatMap(([name, { wire, asConfigured }]) =>
      wire === undefined ? [] : [[name, asConfigured(configured[name], stored[name])]],
    ),
  );
}
