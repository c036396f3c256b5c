import { NotFoundError } from "../authentik/errors";
import { importedTwice } from "../common/imports";
import { logAbout } from "../common/log";
import { normalizeUuid } from "../common/pk";
import { capitalize } from "../common/printable";
import { breakReserved, unknownValue } from "../common/reserved-strings";
import { mapStrings } from "../values/json";
import type { Properties } from "../values/properties";
import { objectKey } from "./connections";
import { UserError } from "./user-error";

/**
 * The input that carries the resource option `import`. The engine cannot import dynamic resources, so the constructor passes the option as an
 * input, which `create` consumes.
 */
export const importInput = "import";

/** What existing resources import, as far as this process has seen them, by {@link objectKey}. */
const managed = new Set<string>();

/** Which resource imports an object, by {@link objectKey}. */
const importers = new Map<string, string>();

/** Which resource of the program has an object that is in the state, as far as the engine has asked about it. */
const owners = new Map<string, string>();

/** What the check of an import has read, for the creation that follows at once. */
const checkedImports = new Map<string, unknown>();

/**
 * Takes the option `import` out of the inputs, and validates it. `pk` is undefined if there is nothing to adopt. The option has no effect on an
 * existing resource, nor on its replacement: an option that is still in the program refers to the object that is being replaced.
 */
export function separateImport({ [importInput]: value, ...inputs }: Properties, isCreated: boolean) {
  const errors: string[] = [];
  if (value === undefined || value === unknownValue)
    return { inputs, errors, pk: isCreated && value ? unknownValue : undefined };
  const pk = typeof value === "string" ? normalizeUuid(value) : undefined;
  if (pk === undefined) return { inputs, errors: ["import: must be the pk (a UUID) of the object to import"], pk };
  const key = objectKey(pk, inputs["connection"]);
  if (!isCreated) managed.add(key);
  return { inputs, errors, pk: isCreated && !managed.has(key) ? pk : undefined };
}

/** The declared inputs as an import reads them, see {@link breakReserved}. */
export function asRead(declared: Properties): Properties {
  return mapStrings(declared, (text) => (text === unknownValue ? text : breakReserved(text))) as Properties;
}

/** How an object that the engine has imported becomes that of the program. The engine reads it without knowing the program's inputs. */
export interface Adoption {
  /** The object in messages. */
  readonly object: string;
  /** The names of the properties in which it differs from the program. */
  readonly differing: readonly string[];
  /** The state with the inputs that only the state has. */
  readonly state: Properties;
  /** The names of these inputs. */
  readonly added: readonly string[];
}

/** An object in messages, and how the object to import is read. `missing` is the error if it does not exist. */
interface Import<Stored> {
  readonly object: string;
  readonly connection: string | undefined;
  readonly missing: string;
  retrieve(): Promise<Stored>;
  compare(stored: Stored): readonly string[];
}

/** Reads an object to import: once for its check and its creation. Fails if it differs from the inputs. */
export async function readImported<Stored>(
  pk: string,
  isCheck: boolean,
  { object, connection, missing, retrieve, compare }: Import<Stored>,
): Promise<Stored> {
  const key = objectKey(pk, connection);
  const checked = isCheck ? undefined : (checkedImports.get(key) as Stored | undefined);
  checkedImports.delete(key);
  const stored =
    checked ??
    (await retrieve().catch((cause: unknown) => {
      if (!(cause instanceof NotFoundError)) throw cause;
      throw new UserError(`${capitalize(object)} cannot be imported: authentik has no ${missing}`, { cause });
    }));
  if (isCheck) checkedImports.set(key, stored);
  const differing = compare(stored);
  requireSame(object, differing);
  if (!isCheck) claimImport(object, pk, connection);
  return stored;
}

/** Fails if an object to import differs from the program in these properties. The message contains no values. */
export function requireSame(object: string, differing: readonly string[]): void {
  if (differing.length === 0) return;
  throw new UserError(
    `${capitalize(object)} cannot be imported, because it differs from the program in ${differing.join(", ")}. Nothing was changed. Declare the values that authentik has, run \`pulumi up\`, then change them.`,
  );
}

/** Notes that a resource imports an object, which no other one may do. */
export function claimImport(importer: string, pk: string, connection: string | undefined): void {
  const key = objectKey(pk, connection);
  requireOnly(importer, [importers.get(key), owners.get(key)], pk);
  importers.set(key, importer);
}

/** Notes which resource of the program has an object. Fails if another one imports it. Returns whether this one does. */
export function claimObject(owner: string, pk: string, connection: string | undefined): boolean {
  const key = objectKey(pk, connection);
  requireOnly(owner, [importers.get(key)], pk);
  owners.set(key, owner);
  return importers.has(key);
}

function requireOnly(resource: string, others: readonly (string | undefined)[], pk: string): void {
  const other = others.find((name) => name !== undefined && name !== resource);
  if (other !== undefined) throw new UserError(importedTwice(other, resource, pk));
}

/**
 * Whether a resource imports the object in this run. If another one is deleted, after a rename in the program or a forced replacement (`--replace`), the
 * object is kept.
 */
export function isAdopted(pk: string, connection: string | undefined): boolean {
  return importers.has(objectKey(pk, connection));
}

/** Like {@link isAdopted}, and says so. */
export function isAdoptedWithWarning(pk: string, connection: string | undefined, object: string): boolean {
  const isKept = isAdopted(pk, connection);
  if (isKept) logAbout(object, "warn", "not deleted, because another resource adopted it in this run.");
  return isKept;
}

/** The pk of the object to import, in the inputs after `check`. */
export function importedPk(inputs: Properties): string | undefined {
  const pk = inputs[importInput];
  return typeof pk === "string" ? pk : undefined;
}
