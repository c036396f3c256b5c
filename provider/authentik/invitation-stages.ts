import { z } from "zod";
import type { Client } from "./client";
import { type StoredFlow, wireFlow } from "./flows";

/** What an invitation stage is to the API, in the names of this package. `flow_set` is never sent: 2024.8 fails on it. */
export interface InvitationStageFields {
  readonly name: string;
  readonly continueFlowWithoutInvitation: boolean;
}

/** An invitation stage as the server has it. */
export interface StoredInvitationStage extends InvitationStageFields {
  readonly pk: string;
  readonly flowSet: readonly StoredFlow[];
  readonly component: string;
  readonly verboseName: string;
  readonly verboseNamePlural: string;
  readonly metaModelName: string;
}

const wireStage = z
  .object({
    pk: z.string(),
    name: z.string(),
    continue_flow_without_invitation: z.boolean(),
    flow_set: z.array(wireFlow),
    component: z.string(),
    verbose_name: z.string(),
    verbose_name_plural: z.string(),
    meta_model_name: z.string(),
  })
  .transform(
    (wire): StoredInvitationStage => ({
      pk: wire.pk,
      name: wire.name,
      continueFlowWithoutInvitation: wire.continue_flow_without_invitation,
      flowSet: wire.flow_set,
      component: wire.component,
      verboseName: wire.verbose_name,
      verboseNamePlural: wire.verbose_name_plural,
      metaModelName: wire.meta_model_name,
    }),
  );

const fieldNames = { continue_flow_without_invitation: "continueFlowWithoutInvitation" };

const path = "stages/invitation/stages/";

function toWire(fields: InvitationStageFields): Record<string, unknown> {
  return { name: fields.name, continue_flow_without_invitation: fields.continueFlowWithoutInvitation };
}

/** `POST /api/v3/stages/invitation/stages/` */
export async function createInvitationStage(
  client: Client,
  fields: InvitationStageFields,
): Promise<StoredInvitationStage> {
  return await client.send(
    {
      method: "POST",
      path,
      body: toWire(fields),
      failure: "The invitation stage could not be created",
      permission: "authentik_stages_invitation.add_invitationstage",
      fieldNames,
    },
    wireStage,
  );
}

/** `GET /api/v3/stages/invitation/stages/{pk}/` */
export async function retrieveInvitationStage(client: Client, pk: string): Promise<StoredInvitationStage> {
  return await client.send(
    {
      method: "GET",
      path: `${path}${pk}/`,
      failure: "The invitation stage could not be read",
      permission: "authentik_stages_invitation.view_invitationstage",
    },
    wireStage,
  );
}

/** `PUT /api/v3/stages/invitation/stages/{pk}/` */
export async function replaceInvitationStage(
  client: Client,
  pk: string,
  fields: InvitationStageFields,
): Promise<StoredInvitationStage> {
  return await client.send(
    {
      method: "PUT",
      path: `${path}${pk}/`,
      body: toWire(fields),
      failure: "The invitation stage could not be changed",
      permission: "authentik_stages_invitation.change_invitationstage",
      viewPermission: "authentik_stages_invitation.view_invitationstage",
      fieldNames,
    },
    wireStage,
  );
}

/** `DELETE /api/v3/stages/invitation/stages/{pk}/`; one that is gone already is no error. */
export async function deleteInvitationStage(client: Client, pk: string): Promise<void> {
  await client.delete({
    path: `${path}${pk}/`,
    failure: "The invitation stage could not be deleted",
    permission: "authentik_stages_invitation.delete_invitationstage",
    viewPermission: "authentik_stages_invitation.view_invitationstage",
  });
}

/**
 * `GET /api/v3/stages/invitation/stages/?name=` or `?stage_uuid=`. Names are unique over all kinds of stages, and case-sensitive.
 * Undefined if there is none that the token's user may see.
 */
export async function findInvitationStage(
  client: Client,
  wanted: { name: string } | { pk: string },
): Promise<StoredInvitationStage | undefined> {
  const isByName = "name" in wanted;
  const stages = await client.list(
    {
      path,
      query: isByName ? { name: wanted.name } : { stage_uuid: wanted.pk },
      failure: "The invitation stages could not be listed",
      permission: "authentik_stages_invitation.view_invitationstage",
    },
    wireStage,
  );
  return stages.find((stage) => (isByName ? stage.name === wanted.name : stage.pk === wanted.pk));
}
