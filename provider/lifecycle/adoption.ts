import { canonicalUuid } from "../pk";
import { type Properties, unknownValue } from "./check";

/**
 * Taking over what exists. The engine cannot import dynamic resources, so the constructor passes the option `import` on as an
 * input of this name, which lives until the resource is in the state.
 */
export const importInput = "import";

/** Pks that a resource in the state has, as far as this process has seen. */
const managed = new Set<string>();

/** Pks that this process has adopted. */
const adopted = new Set<string>();

export interface ImportCheck {
  /** The pk to adopt; undefined if nothing is to be adopted. */
  readonly pk: string | undefined;
  readonly faults: readonly string[];
}

/**
 * What check makes of the option. A resource that exists adopts nothing, and neither does what replaces it: the option that is
 * still in the code means the object that is just being replaced.
 */
export function checkImport(value: unknown, toBeCreated: boolean): ImportCheck {
  if (value === undefined || value === unknownValue)
    return { pk: toBeCreated && value ? unknownValue : undefined, faults: [] };
  const pk = typeof value === "string" ? canonicalUuid(value) : undefined;
  if (pk === undefined)
    return { pk: undefined, faults: ["import: must be the pk (a UUID) of what is to be taken over"] };
  if (!toBeCreated) managed.add(pk);
  return { pk: toBeCreated && !managed.has(pk) ? pk : undefined, faults: [] };
}

export function noteAdoption(pk: string): void {
  adopted.add(pk);
}

/**
 * Whether a deletion must be left out: in this same run another resource adopted the object, because its code was renamed
 * or because it was replaced by force (`--replace`).
 */
export function isAdopted(pk: string): boolean {
  return adopted.has(pk);
}

/** The message for what cannot be adopted as it is, like Pulumi's own for an import that does not match. */
export function mismatch(what: string, properties: readonly string[]): string {
  return `${what} cannot be imported: it differs from the code in ${properties.join(", ")}. Write in the code what authentik has (nothing was changed), import it, then change it.`;
}

export function givenImport(inputs: Properties): string | undefined {
  const pk = inputs[importInput];
  return typeof pk === "string" ? pk : undefined;
}
