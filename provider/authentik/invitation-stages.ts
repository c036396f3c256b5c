import * as z from "zod";
import type { Client } from "./client";
import { type FlowSummary, wireFlowSummary } from "./flows";
import { wireObject, wirePk } from "./wire";

/** The fields of an invitation stage that this package sets. `flow_set` is never sent: authentik 2024.8 fails on it. */
export interface InvitationStageFields {
  readonly name: string;
  readonly continueFlowWithoutInvitation: boolean;
}

/** An invitation stage as authentik returns it. */
export interface StoredInvitationStage extends InvitationStageFields {
  readonly pk: string;
  readonly flowSet: readonly FlowSummary[];
}

const wireStage = z
  .object({
    pk: wirePk,
    name: z.string(),
    continue_flow_without_invitation: z.boolean(),
    flow_set: z.array(wireFlowSummary).optional().catch(undefined),
  })
  .transform(
    (wire): StoredInvitationStage => ({
      pk: wire.pk,
      name: wire.name,
      continueFlowWithoutInvitation: wire.continue_flow_without_invitation,
      flowSet: wire.flow_set ?? [],
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
  return await client.create(
    {
      path,
      body: toWire(fields),
      failure: "Could not create the invitation stage",
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
      failure: "Could not read the invitation stage",
      permission: "authentik_stages_invitation.view_invitationstage",
    },
    wireObject(wireStage, pk),
  );
}

/** `PUT /api/v3/stages/invitation/stages/{pk}/` */
export async function updateInvitationStage(
  client: Client,
  pk: string,
  fields: InvitationStageFields,
): Promise<StoredInvitationStage> {
  return await client.send(
    {
      method: "PUT",
      path: `${path}${pk}/`,
      body: toWire(fields),
      failure: "Could not update the invitation stage",
      permission: "authentik_stages_invitation.change_invitationstage",
      viewPermission: "authentik_stages_invitation.view_invitationstage",
      fieldNames,
    },
    wireObject(wireStage, pk),
  );
}

/** `DELETE /api/v3/stages/invitation/stages/{pk}/`; succeeds if it does not exist. */
export async function deleteInvitationStage(client: Client, pk: string): Promise<void> {
  await client.delete({
    path: `${path}${pk}/`,
    failure: "Could not delete the invitation stage",
    permission: "authentik_stages_invitation.delete_invitationstage",
    viewPermission: "authentik_stages_invitation.view_invitationstage",
  });
}

/**
 * `GET /api/v3/stages/invitation/stages/?name=` or `?stage_uuid=`. Names are case-sensitive, and unique across all kinds of stages.
 * `undefined` if there is none that the token's user is allowed to view.
 */
export async function findInvitationStage(
  client: Client,
  criteria: { name: string } | { pk: string },
): Promise<StoredInvitationStage | undefined> {
  const isByName = "name" in criteria;
  const stages = await client.list(
    {
      path,
      query: isByName ? { name: criteria.name } : { stage_uuid: criteria.pk },
      failure: "Could not list the invitation stages",
      permission: "authentik_stages_invitation.view_invitationstage",
    },
    wireStage,
  );
  return stages.find((stage) => (isByName ? stage.name === criteria.name : stage.pk === criteria.pk));
}

/** `GET /api/v3/stages/invitation/stages/`: the slugs of the flows that have an invitation stage, once for each stage. */
export async function listInvitationStageFlows(client: Client): Promise<string[]> {
  const stages = await client.list(
    {
      path,
      failure: "Could not list the invitation stages",
      permission: "authentik_stages_invitation.view_invitationstage",
    },
    z.object({ flow_set: z.array(z.object({ slug: z.string() })) }),
  );
  return stages.flatMap((stage) => stage.flow_set.map(({ slug }) => slug));
}
