import { invitationId } from "../../common/pk";
import { toPrintableLine } from "../../common/printable";
import { unknownValue } from "../../common/reserved-strings";
import { Flow, FlowStageBinding, Invitation, InvitationStage } from "../../objects";
import { apiNames, type Declaration, type Declared, defaultsOf, namedDefaults } from "../../objects/declaration";
import { flow, type StoredFlow } from "../../objects/flow";
import { flowStageBinding } from "../../objects/flow-stage-binding";
import { invitation } from "../../objects/invitation/declaration";
import { invitationStage } from "../../objects/invitation-stage";
import { pluginType } from "../../plugin/schema";
import { hasPassed } from "../../values/instant";
import { type Properties, pick } from "../../values/properties";
import type { Snapshot } from "./snapshot";
import { reservedIdentifiers, toIdentifier, toLogicalName, toStringLiteral, toUniqueNames } from "./typescript";

export type Stored = Properties & { readonly pk: string };

/** An object in authentik that a resource imports. */
export interface ExportedObject {
  /** Undefined for a stage of another kind, which is only looked up. */
  readonly declaration?: Declaration | undefined;
  readonly stored: Stored;
  /** The logical name of the resource. */
  readonly name: string;
  /** The variable of an object to which others refer. */
  readonly variable?: string | undefined;
  /** Why it is not exported. */
  readonly skipped?: string | undefined;
}

/** The objects in the order of the program. The logical names are unique among the resources of a type. */
export async function listObjects(snapshot: Snapshot, onlyInvitations: boolean): Promise<ExportedObject[]> {
  const { flows, bindings, stages, invitations } = snapshot;
  const stageName = (pk: string): string => toLogicalName(stages.get(pk)?.name ?? pk, "stage");
  const listInvitations = (flowPk: string | null): ExportedObject[] =>
    invitations
      .filter((stored) => stored.flow === flowPk)
      .map((stored) => ({ declaration: invitation, stored, name: toLogicalName(stored.name, "invitation") }));
  const listFlow = (stored: StoredFlow): ExportedObject[] => {
    const { pk, slug } = stored;
    const ownBindings = bindings.filter(({ target }) => target === pk);
    const variable = flows.length === 1 ? "flow" : toIdentifier(slug, "flow");
    return [
      ...(onlyInvitations ? [] : [{ declaration: flow, stored, name: slug, variable }]),
      ...ownBindings
        .flatMap(({ stage }) => stages.get(stage) ?? [])
        .map((stage) => ({
          declaration: "continueFlowWithoutInvitation" in stage ? invitationStage : undefined,
          stored: stage,
          name: stageName(stage.pk),
          variable: toIdentifier(stage.name, "stage"),
        })),
      ...ownBindings.map((binding) => ({
        declaration: flowStageBinding,
        stored: binding,
        name: `${slug}-${stageName(binding.stage)}`,
      })),
      ...listInvitations(pk),
    ];
  };
  const list = [...flows.flatMap(listFlow), ...listInvitations(null)];
  // The first flow that has a stage declares it.
  const distinct = [...new Map(list.map((object) => [object.stored, object])).values()];
  const explained = await Promise.all(
    distinct.map(async (object) => ({ ...object, skipped: await explainSkipped(object) })),
  );
  const identifiers = distinct.flatMap(({ variable }) => variable ?? []);
  const variables = toUniqueNames(identifiers, "", reservedIdentifiers);
  // What is not exported takes no name: authentik soon deletes an expired invitation, and `--commands` has to find the same names.
  const exported = explained.filter(({ skipped }) => skipped === undefined);
  const names = toUniqueNames(exported.map(({ declaration, name }) => `${declaration?.name} ${name}`));
  return explained.map((object) => ({
    ...object,
    name: object.skipped === undefined ? (names.shift()?.replace(/^\w+ /, "") ?? "") : object.name,
    variable: object.variable && variables.shift(),
  }));
}

/** One line, because a line separator in a name from authentik would end the comment. */
export function formatSkipped(object: string, why: string): string {
  return toPrintableLine(`${object}: ${why}.`);
}

async function explainSkipped({ declaration, stored, variable }: ExportedObject): Promise<string | undefined> {
  const why = declaration && (await findObstacle(declaration, stored));
  if (why === undefined) return undefined;
  const [name = "pk", ...others] = declaration?.identity ?? [];
  const object = `The ${declaration?.noun} ${toStringLiteral(String(others.length === 0 ? stored[name] : stored.pk))}`;
  return formatSkipped(variable === undefined ? object : `${object} is referenced, but not managed`, why);
}

const checks = new Map<string, Pick<typeof Flow, "check">>(
  Object.entries({ Flow, FlowStageBinding, Invitation, InvitationStage }),
);

/** Why an object cannot be imported. For an invitation, the same rules apply to an entry of a batch. */
async function findObstacle({ name, properties }: Declaration, stored: Properties): Promise<string | undefined> {
  const { expires, fixedData } = stored;
  if (expires === null) return "it has no expiry, which authentik's API cannot set; set one, and export again";
  if (typeof expires === "string" && hasPassed(expires))
    return `it expired at ${expires}, and authentik will delete it`;
  const names = apiNames(properties).filter((input) => stored[input] !== null);
  // An unknown import: what already exists may have expired, and was just read, so that comparing it again would only cost requests.
  const inputs = { ...pick(stored, names), import: unknownValue };
  const { failures = [] } = (await checks.get(name)?.check({}, inputs)) ?? {};
  return failures.map(({ reason }) => reason).join("; ") || unsupportedByPulumi(fixedData);
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

/** The inputs of a resource with this logical name for what authentik has: those that differ from their defaults. */
export function toInputs(properties: Declared, logicalName: string, stored: Properties): Properties {
  const names = Object.entries(properties).flatMap(([name, { wire, isSame }]) => {
    const value = stored[name] ?? undefined;
    if (wire === undefined || value === undefined) return [];
    const omitted = { ...stored, [name]: undefined };
    const defaults: Properties = { ...defaultsOf(properties), ...namedDefaults(properties, logicalName, omitted) };
    return isSame(defaults[name], value) ? [] : [name];
  });
  return pick(stored, names);
}

/**
 * The file for `pulumi import --file`, with which the engine writes the program in any language. Invitations have their ids, from which the plugin
 * finds them: Pulumi would write a pk into its backups.
 *
 * Source: https://www.pulumi.com/docs/iac/guides/migration/import/#import-multiple-resources
 */
export async function toImportFile(
  snapshot: Snapshot,
  onlyInvitations: boolean,
): Promise<{ file: string; skipped: string[] }> {
  const objects = await listObjects(snapshot, onlyInvitations);
  // Pulumi can import a flow whose settings a program could not have.
  const isOmitted = ({ declaration, skipped }: ExportedObject) => declaration === invitation && skipped !== undefined;
  const imported = objects.filter((object) => object.declaration && !isOmitted(object));
  // Resources of different types get variables in one program.
  const names = toUniqueNames(imported.map(({ name }) => name));
  const resources = imported.map(({ declaration, stored }, index) => ({
    type: pluginType(declaration?.name ?? ""),
    name: names[index],
    id: declaration?.hasSecretPk ? invitationId(stored.pk) : stored.pk,
  }));
  return {
    file: `${JSON.stringify({ resources }, null, 2)}\n`,
    skipped: objects.filter(isOmitted).flatMap(({ skipped }) => skipped ?? []),
  };
}
