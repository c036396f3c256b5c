import * as z from "zod";
import type { originInput } from "../../common/origin";
import { normalizeUuid } from "../../common/pk";
import { stripWhitespace } from "../../common/whitespace";
import { formatIssue, validate } from "../engine/validation";
import { type InvitationInputs, invitationProperties, validateExpiry, validateReissue } from "../invitation/inputs";
import { isJsonObject, mergeJson } from "../values/json";
import { formatPath, type Properties, unknownValue, withoutUndefined } from "../values/properties";
import { maxPrefixLength, toEntryNames } from "./names";

/** What an entry of a batch sets itself. */
export type EntryInputs = Partial<Omit<InvitationInputs, "connection" | typeof originInput>> & {
  /** The pk of an existing invitation to import. */
  readonly import?: string;
};

/** A batch's inputs after `check`, as configured. Everything but `name` and `invitations` is a default for the entries. */
export interface BatchInputs extends Partial<Omit<InvitationInputs, "name">> {
  readonly name: string;
  readonly invitations: Readonly<Record<string, EntryInputs>>;
}

const { name: optionalName, connection, ...sharedProperties } = invitationProperties;
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
  import: z.string("must be the pk (a UUID) of the invitation to import").optional(),
});

/** Errors that a message lists before it only counts the rest. */
const maxErrors = 20;

/** Validates a batch. `isIssued` says whether an entry is about to be issued, so that an expiry in the past is an error. */
export function validateBatch(inputs: Properties, isIssued: (key: string) => boolean): string[] {
  const batchErrors = validate(batchSchema, inputs);
  const entries = isJsonObject(inputs["invitations"]) ? Object.entries(inputs["invitations"]) : [];
  const errors = [
    ...batchErrors,
    ...entries.flatMap(([key, entry]) => validateEntry(inputs, key, entry, isIssued(key))),
  ];
  if (errors.length <= maxErrors) return errors;
  return [...errors.slice(0, maxErrors), `${errors.length - maxErrors} more errors`];
}

function validateEntry(batch: Properties, key: string, entry: unknown, isIssued: boolean): string[] {
  const path = ["invitations", key];
  if (entry === unknownValue) return [];
  if (key.trim() === "") return ["invitations: a key must not be empty"];
  if (!isJsonObject(entry)) return [`${formatPath(path)}: must be an object`];
  const own = withoutUndefined(entry);
  const prefix = (error: string): string => {
    const [property = "", ...message] = error.split(": ");
    return `${formatPath(path)}.${property}: ${message.join(": ")}`;
  };
  const properties = validateWithPath(own, path);
  const importedPk = own["import"];
  const importErrors =
    typeof importedPk === "string" && importedPk !== unknownValue && normalizeUuid(importedPk) === undefined
      ? [`${formatPath([...path, "import"])}: must be the pk (a UUID) of the invitation to import`]
      : [];
  const effective = { ...withoutUndefined(expiryOf(batch, own)), onRetired: own["onRetired"] ?? batch["onRetired"] };
  return [
    ...properties,
    ...importErrors,
    ...validateExpiry(effective, isIssued && importedPk === undefined).map(prefix),
    ...validateReissue(effective).map(prefix),
  ];
}

/** Like {@link validate}, with paths from the batch. */
function validateWithPath(entry: Properties, path: readonly PropertyKey[]): string[] {
  const known = Object.fromEntries(Object.entries(entry).filter(([, value]) => value !== unknownValue));
  const names = Object.keys(entrySchema.shape);
  const issues = entrySchema.safeParse(known).error?.issues ?? [];
  return issues.flatMap((issue) => formatIssue({ ...issue, path: [...path, ...issue.path] }, names, path));
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
  return new Map(keys.map((key) => [key, mergeEntry(batch, batch.invitations[key] ?? {}, names.get(key) ?? "")]));
}

function mergeEntry(batch: BatchInputs, entry: EntryInputs, name: string): InvitationInputs {
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
  }) as unknown as InvitationInputs;
}

function mergeFixedData(shared: unknown, own: unknown): unknown {
  if (shared === unknownValue || own === unknownValue) return unknownValue;
  return mergeJson(shared ?? {}, own ?? {});
}
