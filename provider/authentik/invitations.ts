import { z } from "zod";
import { invitationId } from "../pk";
import type { Client, ClientRequest } from "./client";

/** What an invitation is to the API, in the names of this package. */
export interface InvitationFields {
  readonly name: string;
  /** RFC 3339. Always sent: left out or null, the server makes it its default, half an hour. */
  readonly expires: string;
  readonly fixedData: Readonly<Record<string, unknown>>;
  readonly singleUse: boolean;
  /** UUID of the flow; null = any flow. */
  readonly flow: string | null;
}

/** An invitation as the server has it. */
export interface StoredInvitation extends Omit<InvitationFields, "expires"> {
  readonly pk: string;
  /** Null where somebody made it unlimited past the API. */
  readonly expires: string | null;
  readonly flowSlug: string | undefined;
  readonly createdBy: string | undefined;
}

const wireInvitation = z
  .object({
    pk: z.string(),
    name: z.string(),
    expires: z.string().nullable(),
    fixed_data: z.record(z.string(), z.unknown()).nullish(),
    single_use: z.boolean(),
    flow: z.string().nullable(),
    flow_obj: z.object({ slug: z.string() }).nullish(),
    created_by: z.object({ username: z.string() }).nullish(),
  })
  .transform(
    (wire): StoredInvitation => ({
      pk: wire.pk,
      name: wire.name,
      expires: wire.expires,
      fixedData: wire.fixed_data ?? {},
      singleUse: wire.single_use,
      flow: wire.flow,
      flowSlug: wire.flow_obj?.slug,
      createdBy: wire.created_by?.username,
    }),
  );

const fieldNames = { fixed_data: "fixedData", single_use: "singleUse" };

const path = "stages/invitation/invitations/";

function toWire(fields: InvitationFields): Record<string, unknown> {
  return {
    name: fields.name,
    expires: fields.expires,
    fixed_data: fields.fixedData,
    single_use: fields.singleUse,
    flow: fields.flow,
  };
}

/** An invitation's own address, shown by its opaque id. */
function one(pk: string): Pick<ClientRequest, "path" | "shownPath" | "secrets"> {
  return {
    path: `${path}${pk}/`,
    shownPath: `${path}<${invitationId(pk)}>/`,
    secrets: [pk, pk.replaceAll("-", "")],
  };
}

/** `POST /api/v3/stages/invitation/invitations/` */
export async function createInvitation(client: Client, fields: InvitationFields): Promise<StoredInvitation> {
  return await client.send(
    {
      method: "POST",
      path,
      body: toWire(fields),
      failure: "The invitation could not be created",
      permission: "authentik_stages_invitation.add_invitation",
      fieldNames,
    },
    wireInvitation,
  );
}

/** `GET /api/v3/stages/invitation/invitations/{pk}/` */
export async function retrieveInvitation(client: Client, pk: string): Promise<StoredInvitation> {
  return await client.send(
    {
      method: "GET",
      ...one(pk),
      failure: "The invitation could not be read",
      permission: "authentik_stages_invitation.view_invitation",
    },
    wireInvitation,
  );
}

/** `PUT /api/v3/stages/invitation/invitations/{pk}/` */
export async function replaceInvitation(
  client: Client,
  pk: string,
  fields: InvitationFields,
): Promise<StoredInvitation> {
  return await client.send(
    {
      method: "PUT",
      ...one(pk),
      body: toWire(fields),
      failure: "The invitation could not be changed",
      permission: "authentik_stages_invitation.change_invitation",
      viewPermission: "authentik_stages_invitation.view_invitation",
      fieldNames,
    },
    wireInvitation,
  );
}

/** `DELETE /api/v3/stages/invitation/invitations/{pk}/`; one that is gone already is no error. */
export async function deleteInvitation(client: Client, pk: string): Promise<void> {
  await client.delete({
    ...one(pk),
    failure: "The invitation could not be deleted",
    permission: "authentik_stages_invitation.delete_invitation",
    viewPermission: "authentik_stages_invitation.view_invitation",
  });
}

/** What a list of invitations can be narrowed by. The server ignores filters that it does not know, and would give all. */
export interface InvitationFilters {
  readonly name?: string;
  readonly flowSlug?: string;
  readonly createdBy?: string;
  readonly expires?: string;
}

/** `GET /api/v3/stages/invitation/invitations/`, all pages. Texts are compared to the letter, `expires` as an instant. */
export async function listInvitations(client: Client, filters: InvitationFilters): Promise<StoredInvitation[]> {
  const query = {
    name: filters.name,
    flow__slug: filters.flowSlug,
    created_by__username: filters.createdBy,
    expires: filters.expires,
  };
  return await client.list(
    {
      path,
      query: Object.fromEntries(
        Object.entries(query).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
      ),
      failure: "The invitations could not be listed",
      permission: "authentik_stages_invitation.view_invitation",
    },
    wireInvitation,
  );
}
