import { invitationId } from "../../common/pk";
import { groupInvitations } from "./invitations";
import { toLogicalName, toUniqueNames } from "./names";
import type { Snapshot } from "./snapshot";

/**
 * The file for `pulumi import --file`, with which the engine writes the program in any language. Invitations have their ids, from which the plugin
 * finds them: Pulumi would write a pk into its backups.
 *
 * Source: https://www.pulumi.com/docs/iac/guides/migration/import/#import-multiple-resources
 */
export async function toImportFile(snapshot: Snapshot): Promise<{
  readonly file: string;
  readonly skipped: readonly string[];
}> {
  const { flows, stages } = snapshot;
  const groups = await groupInvitations(snapshot);
  const ownStages = [...stages.values()].filter((stage) => "continueFlowWithoutInvitation" in stage);
  const nameOf = (pk: string): string => toLogicalName(stages.get(pk)?.name ?? pk, "stage");
  const resources = [
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
