import { normalizeUuid } from "../common/pk";
import { type Properties, unknownValue } from "../values/properties";
import { capitalize } from "../values/strings";

/**
 * The input that carries the resource option `import`. The engine cannot import dynamic resources, so the constructor passes the option as an
 * input, which `create` consumes.
 */
export const importInput = "import";

/** Pks of resources in the state, as far as this process has seen them. */
const managed = new Set<string>();

/** Pks that this process has adopted. */
const adopted = new Set<string>();

export interface ImportValidation {
  /** The pk to adopt; `undefined` if there is nothing to adopt. */
  readonly pk: string | undefined;
  readonly errors: readonly string[];
}

/**
 * Validates the option `import`. It has no effect on an existing resource, nor on its replacement: an option that is still in the program
 * refers to the object that is being replaced.
 */
export function validateImport(value: unknown, isCreated: boolean): ImportValidation {
  if (value === undefined || value === unknownValue)
    return { pk: isCreated && value ? unknownValue : undefined, errors: [] };
  const pk = typeof value === "string" ? normalizeUuid(value) : undefined;
  if (pk === undefined) return { pk: undefined, errors: ["import: must be the pk (a UUID) of the object to import"] };
  if (!isCreated) managed.add(pk);
  return { pk: isCreated && !managed.has(pk) ? pk : undefined, errors: [] };
}

/** What the check of an import has read, for the creation that follows at once. */
const checkedImports = new Map<string, unknown>();

/** Reads the object to import: once for its check and its creation. */
export async function retrieveImported<Stored>(
  pk: string,
  isCheck: boolean,
  retrieve: () => Promise<Stored>,
): Promise<Stored> {
  const checked = checkedImports.get(pk) as Stored | undefined;
  checkedImports.delete(pk);
  if (checked !== undefined && !isCheck) return checked;
  const stored = await retrieve();
  if (isCheck) checkedImports.set(pk, stored);
  return stored;
}

export function recordAdoption(pk: string): void {
  adopted.add(pk);
}

/**
 * Whether to skip the deletion of an object, because another resource adopted it in this run: after a rename in the program, or a forced
 * replacement (`--replace`).
 */
export function isAdopted(pk: string): boolean {
  return adopted.has(pk);
}

/** The error for an object that differs from the program. It names the properties, never their values. */
export function formatImportMismatch(object: string, properties: readonly string[]): string {
  return `${capitalize(object)} cannot be imported, because it differs from the program in ${properties.join(", ")}. Nothing was changed. Declare the values that authentik has, run \`pulumi up\`, then change them.`;
}

export function importedPk(inputs: Properties): string | undefined {
  const pk = inputs[importInput];
  return typeof pk === "string" ? pk : undefined;
}
