import { groupBy } from "../../common/group-by";
import { mostFrequent } from "../../common/most-frequent";
import { invitation as invitationObject } from "../../objects/invitation/declaration";
import type { StoredInvitation } from "../../objects/invitation/requests";
import { entryProperties } from "../../objects/invitation-batch/declaration";
import { maxPrefixLength, toEntryNames } from "../../objects/invitation-batch/names";
import { isJsonObject, isSameJson } from "../../values/json";
import { type Properties, pick } from "../../values/properties";
import { type ExportedObject, toInputs } from "./resources";
import type { Snapshot } from "./snapshot";
import { reservedIdentifiers, Source, toIdentifier, toLogicalName, toStringLiteral, toUniqueNames } from "./typescript";
import type { ProgramWriter } from "./writer";

/** Writes an `InvitationBatch` for the invitations of each flow, and one for those that have none. */
export async function writeBatches(snapshot: Snapshot, objects: readonly ExportedObject[], writer: ProgramWriter) {
  const exported = new Set(objects.flatMap(({ stored, skipped }) => (skipped === undefined ? stored.pk : [])));
  const byFlow = groupBy(
    snapshot.invitations.filter(({ pk }) => exported.has(pk)),
    ({ flow }) => flow,
  );
  const groups = [...snapshot.flows, undefined].flatMap((flow) => {
    const invitations = byFlow.get(flow?.pk ?? null);
    return invitations
      ? { flow, invitations, prefix: commonPrefix(invitations), slug: flow?.slug ?? "invitations" }
      : [];
  });
  const names = toUniqueNames(groups.map(({ prefix, slug }) => toLogicalName(prefix ?? slug, "invitations")));
  const variables = names.map((name) => toIdentifier(name, "pk"));
  const uniqueVariables = toUniqueNames(variables, "", reservedIdentifiers);
  for (const [index, { flow, invitations, prefix, slug }] of groups.entries()) {
    const [name = "", variable = ""] = [names[index], uniqueVariables[index]];
    const namePrefix = prefix ?? slug.slice(0, maxPrefixLength);
    const keys = toKeys(namePrefix, invitations);
    const derivedNames = await toEntryNames(namePrefix, keys);
    const shared = sharedInputs(invitations.map(contentOf));
    const entries = invitations.map((invitation, position) => {
      const key = keys[position] ?? "";
      const ownName = derivedNames.get(key) === invitation.name ? {} : { name: invitation.name };
      const pkSource = new Source(`${variable}(${toStringLiteral(key)})`);
      return [key, { ...ownName, ...withoutShared(contentOf(invitation), shared), import: pkSource }] as const;
    });
    const setting = `pks-${name}`;
    writer.secrets.set(setting, Object.fromEntries(invitations.map(({ pk }, position) => [keys[position], pk])));
    writer.add(`const ${variable} = readPks(${toStringLiteral(setting)});`);
    writer.addResource("InvitationBatch", name, {
      ...(namePrefix === name ? {} : { name: namePrefix }),
      ...(flow && { flow: writer.references.get(flow.pk) }),
      ...toInputs(invitationObject.properties, "", shared),
      invitations: Object.fromEntries(entries),
    });
  }
}

/** The common prefix of several invitations' names, so that the batch derives them from the keys; `undefined` if they have none. */
function commonPrefix(invitations: readonly StoredInvitation[]): string | undefined {
  const [first = "", ...others] = invitations.map(({ name }) => name);
  if (others.length === 0) return undefined;
  let length = 0;
  while (length <= maxPrefixLength && others.every((other) => other[length] === first[length])) length += 1;
  const prefix = first.slice(0, Math.max(0, first.slice(0, length).lastIndexOf("-")));
  return /\w/.test(prefix) ? prefix : undefined;
}

/** The invitations' names without the prefix, made unique. */
function toKeys(prefix: string, invitations: readonly StoredInvitation[]): string[] {
  const start = `${prefix}-`;
  const rests = invitations.map(({ name }) => (name.startsWith(start) ? name.slice(start.length) : name));
  return toUniqueNames(rests.map((rest) => toLogicalName(rest, "invitation")));
}

/** What an entry of a batch can have in common with the others. */
function contentOf(invitation: StoredInvitation): Properties {
  const { name: _, flow: __, ...properties } = entryProperties;
  return pick({ ...invitation }, Object.keys(properties));
}

/** What entries have in common: the most frequent value, and the keys that all data has. */
function sharedInputs(contents: readonly Properties[]): Properties {
  const shared = Object.keys(contents[0] ?? {}).map((name) => {
    const values = contents.map((content) => content[name]);
    if (!values.every(isJsonObject)) return [name, mostFrequent(values)];
    // The data of a single invitation would apply to every entry that is added later.
    return [name, values.length > 1 ? sharedJson(values) : {}];
  });
  return Object.fromEntries(shared);
}

/** What all objects have in common, at any depth. Merging it with what {@link withoutShared} leaves of an object results in that object. */
export function sharedJson([first = {}, ...others]: readonly Properties[]): Properties {
  const entries = Object.entries(first).flatMap(([key, value]) => {
    if (others.some((other) => !Object.hasOwn(other, key))) return [];
    const values = others.map((other) => other[key]);
    if (values.every((other) => isSameJson(other, value))) return [[key, value] as const];
    if (!isJsonObject(value) || !values.every(isJsonObject)) return [];
    const nested = sharedJson([value, ...values]);
    return Object.keys(nested).length > 0 ? [[key, nested] as const] : [];
  });
  return Object.fromEntries(entries);
}

/** What an object has besides the shared values. */
export function withoutShared(object: Properties, shared: Properties): Properties {
  const entries = Object.entries(object).flatMap(([key, value]) => {
    const other = Object.hasOwn(shared, key) ? shared[key] : undefined;
    if (isSameJson(value, other)) return [];
    const isPartlyShared = isJsonObject(value) && isJsonObject(other);
    return [[key, isPartlyShared ? withoutShared(value, other) : value] as const];
  });
  return Object.fromEntries(entries);
}
