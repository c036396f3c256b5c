import { invitationId } from "../../common/pk";
import { selectInvitations } from "./invitations";
import { toLogicalName, toUniqueNames } from "./names";
import type { Snapshot } from "./snapshot";

/** A resource in the file of `pulumi import --file`. */
interface ImportedResource {
  readonly type: string;
  readonly name: string;
  readonly id: string;
}

/**
 * The file for `pulumi import --file`, with which the engine writes the program in any language. Invitations have their ids, from which the plugin
 * finds them: Pulumi would write a pk into its backups.
 *
 * Source: https://www.pulumi.com/docs/iac/guides/migration/import/#import-multiple-resources
 */
export async function toImportFile({ flows, stages, invitationsWithoutFlow }: Snapshot): Promise<{
  readonly file: string;
  readonly skipped: readonly string[];
}> {
  const groups = await Promise.all([
    ...flows.map(({ flow, invitations }) => selectInvitations(flow.slug, invitations)),
    selectInvitations(undefined, invitationsWithoutFlow),
  ]);
  const ownStages = [...stages.values()].filter((stage) => "continueFlowWithoutInvitation" in stage);
  const nameOf = (pk: string): string => toLogicalName(stages.get(pk)?.name ?? pk, "stage");
  const resources: ImportedResource[] = [
    ...flows.map(({ flow }) => ({ type: "Flow", name: flow.slug, id: flow.pk })),
    ...ownStages.map(({ pk }) => ({ type: "InvitationStage", name: nameOf(pk), id: pk })),
    ...flows.flatMap(({ flow, bindings }) =>
      bindings.map(({ pk, stage }) => ({ type: "FlowStageBinding", name: `${flow.slug}-${nameOf(stage)}`, id: pk })),
    ),
    ...groups.flatMap(({ exportable }) =>
      exportable.map(({ pk, name }) => ({
        type: "Invitation",
        name: toLogicalName(name, "invitation"),
        id: invitationId(pk),
      })),
    ),
  ];
  // Resources of different types get variables in one program.
  const names = toUniqueNames(
    resources.map(({ name }) => name),
    "-",
  );
  const named = resources.map(({ type, id }, index) => ({
    type: `authentik-invitations:index:${type}`,
    name: names[index],
    id,
  }));
  return {
    file: `${JSON.stringify({ resources: named }, null, 2)}\n`,
    skipped: groups.flatMap(({ skipped }) => skipped.map(({ object, why }) => `${object}: ${why}.`)),
  };
}
