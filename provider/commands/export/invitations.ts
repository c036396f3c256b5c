import { mostFrequent } from "../../common/most-frequent";
import { invitation as invitationObject } from "../../objects/invitation/declaration";
import { invitationOperations } from "../../objects/invitation/operations";
import type { StoredInvitation } from "../../objects/invitation/requests";
import { entryProperties } from "../../objects/invitation-batch/declaration";
import { maxPrefixLength, toEntryNames } from "../../objects/invitation-batch/names";
import { hasPassed } from "../../values/instant";
import { isJsonObject, isSameJson } from "../../values/json";
import { type Properties, pick, unknownValue } from "../../values/properties";
import { reservedIdentifiers } from "./flows";
import { Source, toStringLiteral } from "./literals";
import { toIdentifier, toLogicalName, toUniqueNames } from "./names";
import { type ProgramWriter, toInputs, validationError } from "./program-writer";
import type { Snapshot } from "./snapshot";

/** The invitations of a flow or, without one, those that any flow accepts. */
interface InvitationGroup {
  /** Slug of the flow. */
  readonly slug?: string;
  readonly exportable: readonly StoredInvitation[];
  /** Why the others cannot be exported. */
  readonly skipped: readonly { readonly object: string; readonly why: string }[];
}

/** The input `flow` of an invitation: a reference to the program's flow, or a slug. Called only if an invitation needs it. */
type FlowInput = () => Source | string;

/** Writes groups of invitations. The names are unique across all groups. */
type InvitationWriter = (group: InvitationGroup, flow: FlowInput | undefined) => Promise<void>;

/** Separates the invitations that the program can import from the others: those of each flow, then those without one. */
export async function groupInvitations({ flows, invitationsWithoutFlow }: Snapshot): Promise<InvitationGroup[]> {
  return await Promise.all([
    ...flows.map(async ({ flow: { slug }, invitations }) => ({ slug, ...(await selectInvitations(invitations)) })),
    selectInvitations(invitationsWithoutFlow),
  ]);
}

async function selectInvitations(invitations: readonly StoredInvitation[]): Promise<InvitationGroup> {
  const found = await Promise.all(
    invitations.map(async (invitation) => ({ invitation, why: await findObstacle(invitation) })),
  );
  return {
    exportable: found.flatMap(({ invitation, why }) => (why === undefined ? [invitation] : [])),
    skipped: found.flatMap(({ invitation: { name }, why }) =>
      why === undefined ? [] : [{ object: `The invitation ${toStringLiteral(name)}`, why }],
    ),
  };
}

/** Why the program cannot import an invitation. The same rules apply to an entry of a batch. */
async function findObstacle(invitation: StoredInvitation): Promise<string | undefined> {
  const { expires, fixedData } = invitation;
  if (expires === null) return "it has no expiry, which authentik's API cannot set; set one, and export again";
  if (hasPassed(expires)) return `it expired at ${expires}, and authentik will delete it`;
  const { properties } = invitationObject;
  return (await validationError(properties, invitationOperations, { ...invitation })) ?? unsupportedByPulumi(fixedData);
}

/** Why Pulumi cannot pass on a value that `check` accepts. */
function unsupportedByPulumi(value: unknown): string | undefined {
  if (value === unknownValue) return "fixedData: contains Pulumi's placeholder for unknown values";
  if (typeof value !== "object" || value === null) return undefined;
  if (Object.hasOwn(value, "__proto__")) return 'fixedData: contains the key "__proto__", which Pulumi drops';
  return Object.values(value)
    .map(unsupportedByPulumi)
    .find((why) => why !== undefined);
}

/** Writes one `Invitation` per invitation. */
export function singleInvitations(groups: readonly InvitationGroup[], writer: ProgramWriter): InvitationWriter {
  const all = groups.flatMap(({ exportable }) => exportable);
  const names = toUniqueNames(
    all.map(({ name }) => toLogicalName(name, "invitation")),
    "-",
  );
  const nameOf = new Map(all.map(({ pk }, index) => [pk, names[index] ?? ""]));
  return async ({ exportable }, flow) => {
    for (const { flow: _, ...stored } of exportable) {
      const name = nameOf.get(stored.pk) ?? "";
      const key = `pk-${name}`;
      writer.secrets.set(key, stored.pk);
      writer.resource({
        type: "Invitation",
        name,
        inputs: { ...(flow ? { flow: flow() } : {}), ...toInputs(invitationObject.properties, name, stored) },
        importSource: `config.require(${toStringLiteral(key)})`,
      });
    }
  };
}

/** The function in the program that reads a batch's pks. */
export const readPksSource = `/** Reads a batch's pks. A missing one is an error: without \`import\`, the batch would create another invitation. */
function readPks(setting: string): (key: string) => pulumi.Output<string> {
  const pks = new Map(Object.entries(config.requireObject<Record<string, string>>(setting)));
  return (key) => {
    const pk = pks.get(key);
    if (pk === undefined) throw new pulumi.RunError(\`The setting \${setting} has no pk for "\${key}".\`);
    return pulumi.secret(pk);
  };
}
`;

/** Writes one `InvitationBatch` per group. */
export function batchesOfInvitations(groups: readonly InvitationGroup[], writer: ProgramWriter): InvitationWriter {
  const nonEmpty = groups.filter(({ exportable }) => exportable.length > 0);
  const fallbackOf = ({ slug }: InvitationGroup): string => slug ?? "invitations";
  const names = toUniqueNames(
    nonEmpty.map((group) => toLogicalName(toPrefix(group) ?? fallbackOf(group), "invitations")),
    "-",
  );
  const identifiers = toUniqueNames(
    names.map((name) => toIdentifier(name, "pk")),
    "",
    reservedIdentifiers,
  );
  return async (group, flow) => {
    const index = nonEmpty.indexOf(group);
    const [name, identifier] = [names[index], identifiers[index]];
    if (name === undefined || identifier === undefined) return;
    const { exportable } = group;
    const prefix = toPrefix(group) ?? fallbackOf(group).slice(0, maxPrefixLength);
    const setting = `pks-${name}`;
    const shared = sharedInputs(exportable);
    const keys = toKeys(prefix, exportable);
    const derivedNames = await toEntryNames(prefix, keys);
    const entries = exportable.map((invitation, position) => {
      const key = keys[position] ?? "";
      const own = {
        ...(derivedNames.get(key) === invitation.name ? {} : { name: invitation.name }),
        ...withoutShared(contentOf(invitation), shared),
        import: new Source(`${identifier}(${toStringLiteral(key)})`),
      };
      return [key, own] as const;
    });
    writer.secrets.set(setting, Object.fromEntries(exportable.map(({ pk }, position) => [keys[position] ?? "", pk])));
    writer.line(`const ${identifier} = readPks(${toStringLiteral(setting)});`);
    writer.resource({
      type: "InvitationBatch",
      name,
      inputs: {
        ...(prefix === name ? {} : { name: prefix }),
        ...(flow ? { flow: flow() } : {}),
        ...toInputs(invitationObject.properties, "", shared),
        invitations: Object.fromEntries(entries),
      },
    });
  };
}

/** The common prefix of several invitations' names, so that the batch derives them from the keys; `undefined` if they have none. */
function toPrefix({ exportable }: InvitationGroup): string | undefined {
  const [first = "", ...others] = exportable.map(({ name }) => name);
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
  return toUniqueNames(
    rests.map((rest) => toLogicalName(rest, "invitation")),
    "-",
  );
}

/** What an entry of a batch can have in common with the others. */
function contentOf(invitation: StoredInvitation): Properties {
  const { name: _, flow: __, ...properties } = entryProperties;
  return pick({ ...invitation }, Object.keys(properties));
}

/** What entries have in common: the most frequent value, and the keys that all data has. */
function sharedInputs(invitations: readonly StoredInvitation[]): Properties {
  const contents = invitations.map(contentOf);
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
