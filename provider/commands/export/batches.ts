import { mostFrequent } from "../../common/most-frequent";
import { invitation } from "../../objects/invitation/declaration";
import { maxPrefixLength, toEntryNames } from "../../objects/invitation-batch/names";
import type { ExportableInvitation, FlowInput, InvitationGroup, InvitationWriter } from "./invitations";
import { Source, toStringLiteral } from "./literals";
import { toIdentifier, toLogicalName, toUniqueNames } from "./names";
import type { ProgramWriter } from "./program-writer";
import { sharedJson, withoutShared } from "./shared-values";
import { omitDefaults, omitEqual } from "./validation";

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

interface Batch {
  /** Logical name. */
  readonly name: string;
  /** Prefix of the invitations' names. */
  readonly prefix: string;
  readonly identifier: string;
}

/** Writes one `InvitationBatch` per group. */
export class BatchWriter implements InvitationWriter {
  readonly #batches: ReadonlyMap<InvitationGroup, Batch>;
  readonly #writer: ProgramWriter;

  constructor(groups: readonly InvitationGroup[], reservedIdentifiers: readonly string[], writer: ProgramWriter) {
    const nonEmpty = groups.filter(({ exportable }) => exportable.length > 0);
    const prefixes = nonEmpty.map(toPrefix);
    const fallbacks = nonEmpty.map(({ slug }) => slug ?? "invitations");
    const names = toUniqueNames(
      prefixes.map((prefix, index) => toLogicalName(prefix ?? fallbacks[index] ?? "", "invitations")),
      "-",
    );
    const identifiers = toUniqueNames(
      names.map((name) => toIdentifier(name, "pk")),
      "",
      reservedIdentifiers,
    );
    this.#batches = new Map(
      nonEmpty.map((group, index) => {
        const name = names[index] ?? "";
        const prefix = prefixes[index] ?? shorten(fallbacks[index] ?? "");
        return [group, { name, prefix, identifier: identifiers[index] ?? "" }];
      }),
    );
    this.#writer = writer;
  }

  async write(group: InvitationGroup, flow: FlowInput | undefined): Promise<void> {
    const batch = this.#batches.get(group);
    if (batch === undefined) return;
    const { name, prefix, identifier } = batch;
    const { exportable } = group;
    const setting = `pks-${name}`;
    const shared = toSharedInputs(exportable);
    const keys = toKeys(prefix, exportable);
    const derivedNames = await toEntryNames(prefix, keys);
    const entries = exportable.map((invitation, index) => {
      const key = keys[index] ?? "";
      const own = {
        ...(derivedNames.get(key) === invitation.name ? {} : { name: invitation.name }),
        ...toOwnInputs(invitation, shared),
        import: new Source(`${identifier}(${toStringLiteral(key)})`),
      };
      return [key, own] as const;
    });
    this.#writer.secrets.set(setting, Object.fromEntries(exportable.map(({ pk }, index) => [keys[index] ?? "", pk])));
    this.#writer.line(`const ${identifier} = readPks(${toStringLiteral(setting)});`);
    this.#writer.resource({
      type: "InvitationBatch",
      name,
      inputs: {
        ...(prefix === name ? {} : { name: prefix }),
        ...(flow ? { flow: flow() } : {}),
        ...omitEmpty(omitDefaults({ ...shared }, invitation.properties)),
        invitations: Object.fromEntries(entries),
      },
    });
  }
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

function shorten(slug: string): string {
  return slug.slice(0, maxPrefixLength);
}

/** The invitations' names without the prefix, made unique. */
function toKeys(prefix: string, invitations: readonly ExportableInvitation[]): string[] {
  const start = `${prefix}-`;
  const rests = invitations.map(({ name }) => (name.startsWith(start) ? name.slice(start.length) : name));
  return toUniqueNames(
    rests.map((rest) => toLogicalName(rest, "invitation")),
    "-",
  );
}

interface SharedInputs {
  readonly expires: string | undefined;
  readonly singleUse: boolean | undefined;
  readonly fixedData: Readonly<Record<string, unknown>>;
}

function toSharedInputs(invitations: readonly ExportableInvitation[]): SharedInputs {
  return {
    expires: mostFrequent(invitations.map(({ expires }) => expires)),
    singleUse: mostFrequent(invitations.map(({ singleUse }) => singleUse)),
    // The data of a single invitation would apply to every entry that is added later.
    fixedData: invitations.length > 1 ? sharedJson(invitations.map(({ fixedData }) => fixedData)) : {},
  };
}

function toOwnInputs({ expires, singleUse, fixedData }: ExportableInvitation, shared: SharedInputs): object {
  const own = { expires, singleUse, fixedData: withoutShared(fixedData, shared.fixedData) };
  return omitEmpty(omitEqual(own, { expires: shared.expires, singleUse: shared.singleUse }));
}

function omitEmpty({ fixedData, ...others }: Record<string, unknown>): Record<string, unknown> {
  const isEmpty = typeof fixedData !== "object" || fixedData === null || Object.keys(fixedData).length === 0;
  return isEmpty ? others : { ...others, fixedData };
}
