import { importedTwice } from "../../common/imports";
import { limitLines } from "../../common/limit-lines";
import { normalizeUuid } from "../../common/pk";
import { toPrintableLine } from "../../common/printable";
import { unknownValue } from "../../common/reserved-strings";
import { type SecretInputs, secretInputsInput, secretInputsOf } from "../../common/secret-inputs";
import { validate } from "../../lifecycle/validation";
import { isJsonObject, mergeJson } from "../../values/json";
import { formatPath, isKnownString, ownValue, type Properties, pick, withoutUndefined } from "../../values/properties";
import { connectionProperty, defaultsOf, inputSchema } from "../declaration";
import { invitation } from "../invitation/declaration";
import { validateEmail } from "../invitation/email";
import { type InvitationInputs, validateExpiry, validateReissue } from "../invitation/inputs";
import { connectionInput } from "../property";
import { type EntryInputs, entryProperties, invitationBatch, sharedNames } from "./declaration";
import { entryPath, toEntryNames } from "./names";

/** A batch's inputs after `check`, as configured. Everything but `name` and `invitations` is a default for the entries. */
export interface BatchInputs extends Partial<Omit<InvitationInputs, "name" | "email">> {
  readonly name: string;
  readonly invitations: Readonly<Record<string, EntryInputs>>;
}

const batchSchema = inputSchema({
  ...invitationBatch.properties,
  [connectionInput]: connectionProperty(invitationBatch.noun),
});
const entrySchema = inputSchema(entryProperties);

/**
 * Validates a batch. `isIssued` says whether an entry is about to be issued, so that an expiry in the past is an error. `places` are file and line of
 * entries by key.
 */
export function validateBatch(
  inputs: Properties,
  isIssued: (key: string) => boolean,
  places: Properties = {},
): string[] {
  const batchErrors = validate(batchSchema, inputs);
  const entries = isJsonObject(inputs["invitations"]) ? Object.entries(inputs["invitations"]) : [];
  const importers = new Map<string, string>();
  const errors = entries.flatMap(([key, entry]) => {
    const place = ownValue(places, key);
    const prefix = typeof place === "string" ? `${toPrintableLine(place)}: ` : "";
    const entryErrors = validateEntry(inputs, key, entry, isIssued(key));
    const imported = isJsonObject(entry) ? entry["import"] : undefined;
    const pk = isKnownString(imported) ? normalizeUuid(imported) : undefined;
    const importer = importers.get(pk ?? "");
    if (pk !== undefined) importers.set(pk, importer ?? key);
    const twice = importer === undefined ? [] : [importedTwice(entryPath(importer), entryPath(key), pk ?? "")];
    return [...entryErrors, ...twice].map((error) => `${prefix}${error}`);
  });
  return limitLines([...batchErrors, ...errors], "errors");
}

function validateEntry(batch: Properties, key: string, entry: unknown, isIssued: boolean): string[] {
  const path = ["invitations", key];
  if (entry === unknownValue) return [];
  if (key.trim() === "") return ["invitations: a key must not be empty"];
  if (!isJsonObject(entry)) return [`${formatPath(path)}: must be an object`];
  const own = withoutUndefined(entry);
  const effective = { ...withoutUndefined(expiryOf(batch, own)), onRetired: own["onRetired"] ?? batch["onRetired"] };
  const effectiveErrors = [
    ...validateExpiry(effective, isIssued && own["import"] === undefined),
    ...validateReissue(effective),
    ...validateEmail(own["email"], own["flow"] ?? batch["flow"]),
  ];
  return [...validate(entrySchema, own, path), ...effectiveErrors.map((error) => `${formatPath(path)}.${error}`)];
}

/** The expiry that applies to an entry: its own, or the batch's. */
function expiryOf(batch: Properties, entry: Properties): Pick<Properties, "expires" | "validFor"> {
  const hasOwn = entry["expires"] !== undefined || entry["validFor"] !== undefined;
  const { expires, validFor } = hasOwn ? entry : batch;
  return { expires, validFor };
}

/** An entry that is unknown at preview counts as an update, because nothing says that it is a reissue. */
const unknownEntry: Properties = { fixedData: unknownValue };

/** The inputs of each invitation by key, with the batch's defaults. */
export async function toInvitationInputs(batch: BatchInputs): Promise<Map<string, InvitationInputs>> {
  const keys = Object.keys(batch.invitations);
  const names = await toEntryNames(batch.name, keys);
  const secretInputs = entrySecretInputs(batch);
  return new Map(
    keys.map((key) => {
      const entry: unknown = ownValue(batch.invitations, key) ?? {};
      const own = (entry === unknownValue ? unknownEntry : entry) as EntryInputs;
      return [key, mergeEntry(batch, own, names.get(key) ?? "", secretInputs)];
    }),
  );
}

function mergeEntry(
  batch: BatchInputs,
  entry: EntryInputs,
  name: string,
  secretInputs: readonly string[] | undefined,
): InvitationInputs {
  const keepers = withoutUndefined({ batch: batch.keepers, entry: entry.keepers });
  const { import: _, ...own } = withoutUndefined({ ...entry });
  return withoutUndefined({
    ...defaultsOf(invitation.properties),
    ...withoutUndefined(pick({ ...batch }, sharedNames)),
    ...own,
    name: entry.name ?? (batch.name === unknownValue ? unknownValue : name),
    ...expiryOf({ ...batch }, { ...entry }),
    fixedData: mergeFixedData(batch.fixedData, entry.fixedData),
    keepers: Object.keys(keepers).length > 0 ? keepers : undefined,
    connection: batch.connection,
    [secretInputsInput]: secretInputs,
  }) as unknown as InvitationInputs;
}

function mergeFixedData(shared: unknown, own: unknown): unknown {
  if (shared === unknownValue || own === unknownValue) return unknownValue;
  return mergeJson(shared ?? {}, own ?? {});
}

const entryInputPrefix = "invitations.";

/** The names of the inputs of an entry that contain secrets: if one entry's does, that of every entry. `undefined` if none does. */
export function entrySecretInputs(batch: SecretInputs): readonly string[] | undefined {
  const names = secretInputsOf(batch).flatMap((name) => {
    if (name === "invitations") return Object.keys(entrySchema.shape);
    return name.startsWith(entryInputPrefix) ? name.slice(entryInputPrefix.length) : name;
  });
  return names.length > 0 ? [...new Set(names)] : undefined;
}
