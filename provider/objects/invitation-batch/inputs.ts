import * as z from "zod";
import { limitLines } from "../../common/limit-lines";
import type { originInput } from "../../common/origin";
import { normalizeUuid } from "../../common/pk";
import { toPrintableLine } from "../../common/printable";
import { type SecretInputs, secretInputsInput, secretInputsOf } from "../../common/secret-inputs";
import { stripWhitespace } from "../../common/whitespace";
import { validate } from "../../lifecycle/validation";
import { isJsonObject, mergeJson } from "../../values/json";
import { formatPath, ownValue, type Properties, unknownValue, withoutUndefined } from "../../values/properties";
import { validateEmail } from "../invitation/email";
import { type InvitationInputs, invitationProperties, validateExpiry, validateReissue } from "../invitation/inputs";
import { maxPrefixLength, toEntryNames } from "./names";

/** What an entry of a batch sets itself. */
export type EntryInputs = Partial<Omit<InvitationInputs, "connection" | typeof originInput | keyof SecretInputs>> & {
  /** The pk of an existing invitation to import. */
  readonly import?: string;
};

/** A batch's inputs after `check`, as configured. Everything but `name` and `invitations` is a default for the entries. */
export interface BatchInputs extends Partial<Omit<InvitationInputs, "name" | "email">> {
  readonly name: string;
  readonly invitations: Readonly<Record<string, EntryInputs>>;
}

const { name: optionalName, connection, email, ...sharedProperties } = invitationProperties;
const nameProperty = optionalName.unwrap();

const batchSchema = z.strictObject({
  name: nameProperty.refine(
    (name) => stripWhitespace(name).length <= maxPrefixLength,
    `must be at most ${maxPrefixLength} characters, because it is the prefix of the invitations' names`,
  ),
  connection,
  ...sharedProperties,
  invitations: z.record(z.string(), z.unknown(), "must be an object that maps a key to what is different for it"),
});

const entrySchema = z.strictObject({
  name: nameProperty.optional(),
  ...sharedProperties,
  email,
  import: z
    .unknown()
    .refine(
      (pk) => typeof pk === "string" && normalizeUuid(pk) !== undefined,
      "must be the pk (a UUID) of the invitation to import",
    )
    .optional(),
});

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
  const errors = entries.flatMap(([key, entry]) => {
    const place = ownValue(places, key);
    const prefix = typeof place === "string" ? `${toPrintableLine(place)}: ` : "";
    return validateEntry(inputs, key, entry, isIssued(key)).map((error) => `${prefix}${error}`);
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

/** The inputs of each invitation by key, with the batch's defaults. An unknown entry has only unknown values. */
export async function toInvitationInputs(batch: BatchInputs): Promise<Map<string, InvitationInputs>> {
  const keys = Object.keys(batch.invitations);
  const names = await toEntryNames(batch.name, keys);
  const secretInputs = entrySecretInputs(batch);
  return new Map(
    keys.map((key) => [
      key,
      mergeEntry(batch, ownValue(batch.invitations, key) ?? {}, names.get(key) ?? "", secretInputs),
    ]),
  );
}

function mergeEntry(
  batch: BatchInputs,
  entry: EntryInputs,
  name: string,
  secretInputs: readonly string[] | undefined,
): InvitationInputs {
  const keepers = withoutUndefined({ batch: batch.keepers, entry: entry.keepers });
  return withoutUndefined({
    name: entry.name ?? (batch.name === unknownValue ? unknownValue : name),
    ...expiryOf({ ...batch }, { ...entry }),
    fixedData: mergeFixedData(batch.fixedData, entry.fixedData),
    singleUse: entry.singleUse ?? batch.singleUse ?? false,
    flow: entry.flow ?? batch.flow,
    onRetired: entry.onRetired ?? batch.onRetired,
    keepers: Object.keys(keepers).length > 0 ? keepers : undefined,
    connection: batch.connection,
    email: entry.email,
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
