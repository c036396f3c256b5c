import { z } from "zod";
import type { Client } from "./client";

/** What an invitation stage is to the API, in the names of this package. `flow_set` is never sent: 2024.8 fails on it. */
export interface InvitationStageFields {
  readonly name: string;
  readonly continueFlowWithoutInvitation: boolean;
}

/** A flow as a stage's answer shows it. Only what both versions of the server give, and what users use. */
export interface FlowOfStage {
  readonly pk: string;
  readonly name: string;
  readonly slug: string;
  readonly title: string;
  readonly designation: string;
  readonly policyEngineMode: string | undefined;
  readonly compatibilityMode: boolean | undefined;
  readonly layout: string | undefined;
  readonly deniedAction: string | undefined;
  readonly exportUrl: string | undefined;
}

/** An invitation stage as the server has it. */
export interface StoredInvitationStage extends InvitationStageFields {
  readonly pk: string;
  readonly flowSet: readonly FlowOfStage[];
  readonly component: string;
  readonly verboseName: string;
  readonly verboseNamePlural: string;
  readonly metaModelName: string;
}

const wireFlow = z
  .object({
    pk: z.string(),
    name: z.string(),
    slug: z.string(),
    title: z.string(),
    designation: z.string(),
    policy_engine_mode: z.string().optional(),
    compatibility_mode: z.boolean().optional(),
    layout: z.string().optional(),
    denied_action: z.string().optional(),
    export_url: z.string().optional(),
  })
  .transform(
    (wire): FlowOfStage => ({
      pk: wire.pk,
      name: wire.name,
      slug: wire.slug,
      title: wire.title,
      designation: wire.designation,
      policyEngineMode: wire.policy_engine_mode,
      compatibilityMode: wire.compatibility_mode,
      layout: wire.layout,
      deniedAction: wire.denied_action,
      exportUrl: wire.export_url,
    }),
  );

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
  });
}

/** `GET /api/v3/stages/invitation/stages/?name=`: names are unique over all kinds of stages, and case-sensitive. */
export async function findInvitationStage(client: Client, name: string): Promise<StoredInvitationStage | undefined> {
  const stages = await client.list(
    {
      path,
      query: { name },
      failure: "The invitation stages could not be listed",
      permission: "authentik_stages_invitation.view_invitationstage",
    },
    wireStage,
  );
  return stages.find((stage) => stage.name === name);
}
