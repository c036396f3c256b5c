import { invitation as invitationObject } from "../../objects/invitation/declaration";
import { invitationProvider } from "../../objects/invitation/provider";
import type { StoredInvitation } from "../../objects/invitation/requests";
import { hasPassed } from "../../values/instant";
import { unknownValue } from "../../values/properties";
import { type Source, toStringLiteral } from "./literals";
import { toLogicalName, toUniqueNames } from "./names";
import type { ProgramWriter } from "./program-writer";
import { omitDefaults, validationError } from "./validation";

/** The invitations of a flow or, without one, those that any flow accepts. */
export interface InvitationGroup {
  /** Slug of the flow. */
  readonly slug?: string;
  readonly exportable: readonly ExportableInvitation[];
  /** Why the others cannot be exported. */
  readonly skipped: readonly { readonly object: string; readonly why: string }[];
}

export type ExportableInvitation = StoredInvitation & { readonly expires: string };

/** The input `flow` of an invitation: a reference to the program's flow, or a slug. Called only if an invitation needs it. */
export type FlowInput = () => Source | string;

/** Writes groups of invitations. The names are unique across all groups. */
export interface InvitationWriter {
  write(group: InvitationGroup, flow: FlowInput | undefined): Promise<void>;
}

/** Separates the invitations that the program can import from the others. */
export async function selectInvitations(
  slug: string | undefined,
  invitations: readonly StoredInvitation[],
): Promise<InvitationGroup> {
  const exportable: ExportableInvitation[] = [];
  const skipped: { object: string; why: string }[] = [];
  for (const invitation of invitations) {
    const { expires, ...others } = invitation;
    const object = `The invitation ${toStringLiteral(invitation.name)}`;
    if (expires === null) {
      skipped.push({ object, why: "it has no expiry, which authentik's API cannot set; set one, and export again" });
      continue;
    }
    const why = await findObstacle({ ...others, expires });
    if (why === undefined) exportable.push({ ...others, expires });
    else skipped.push({ object, why });
  }
  return { ...(slug === undefined ? {} : { slug }), exportable, skipped };
}

/** Why the program cannot import an invitation. The same rules apply to an entry of a batch. */
async function findObstacle(invitation: ExportableInvitation): Promise<string | undefined> {
  const { name, flow, expires, fixedData, singleUse } = invitation;
  if (hasPassed(expires)) return `it expired at ${expires}, and authentik will delete it`;
  const inputs = { name, expires, fixedData, singleUse, ...(flow === null ? {} : { flow }) };
  return (await validationError(invitationProvider, inputs)) ?? unsupportedByPulumi(fixedData);
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
export class SingleInvitationWriter implements InvitationWriter {
  readonly #names: ReadonlyMap<string, string>;
  readonly #writer: ProgramWriter;

  constructor(groups: readonly InvitationGroup[], writer: ProgramWriter) {
    const all = groups.flatMap(({ exportable }) => exportable);
    const names = toUniqueNames(
      all.map(({ name }) => toLogicalName(name, "invitation")),
      "-",
    );
    this.#names = new Map(all.map(({ pk }, index) => [pk, names[index] ?? ""]));
    this.#writer = writer;
  }

  async write({ exportable }: InvitationGroup, flow: FlowInput | undefined): Promise<void> {
    for (const { pk, name: storedName, expires, singleUse, fixedData } of exportable) {
      const name = this.#names.get(pk) ?? "";
      const key = `pk-${name}`;
      this.#writer.secrets.set(key, pk);
      this.#writer.resource({
        type: "Invitation",
        name,
        inputs: {
          ...(flow ? { flow: flow() } : {}),
          ...(storedName === name ? {} : { name: storedName }),
          ...omitDefaults({ expires, singleUse }, invitationObject.properties),
          ...(Object.keys(fixedData).length === 0 ? {} : { fixedData }),
        },
        importSource: `config.require(${toStringLiteral(key)})`,
      });
    }
  }
}
