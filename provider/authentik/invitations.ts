import * as z from "zod";
import { invitationId } from "../common/pk";
import type { Client, ClientRequest, ListPage } from "./client";
import { ServerError } from "./errors";
import { wireInstant, wireObject, wirePk, wireSlug } from "./wire";

/** The fields of an invitation that this package sets. */
export interface InvitationFields {
  readonly name: string;
  /** RFC 3339. Always sent: if omitted or null, authentik sets its default, which is 30 minutes from now. */
  readonly expires: string;
  readonly fixedData: Readonly<Record<string, unknown>>;
  readonly singleUse: boolean;
  /** UUID of the flow; null for any flow. */
  readonly flow: string | null;
}

/** An invitation as authentik returns it. */
export interface StoredInvitation extends Omit<InvitationFields, "expires"> {
  readonly pk: string;
  /** Null if it never expires, which cannot be set through the API. */
  readonly expires: string | null;
  readonly flowSlug: string | undefined;
  readonly createdBy: string | undefined;
}

const wireInvitation = z
  .object({
    pk: wirePk,
    name: z.string(),
    expires: wireInstant.nullable(),
    // z.record would drop a key `__proto__`.
    fixed_data: z
      .custom<Readonly<Record<string, unknown>>>(
        (value) => typeof value === "object" && value !== null && !Array.isArray(value),
        "must be an object",
      )
      .nullish(),
    single_use: z.boolean(),
    flow: wirePk.nullable(),
    flow_obj: z.object({ slug: wireSlug }).nullish(),
    created_by: z.object({ username: z.string() }).nullish().catch(undefined),
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

/** The path of one invitation, redacted to its opaque id. */
export function itemRequest(pk: string): Pick<ClientRequest, "path" | "redactedPath" | "secrets"> {
  return {
    path: `${path}${pk}/`,
    redactedPath: `${path}<${invitationId(pk)}>/`,
    secrets: [pk, pk.replaceAll("-", "")],
  };
}

/** `POST /api/v3/stages/invitation/invitations/` */
export async function createInvitation(client: Client, fields: InvitationFields): Promise<StoredInvitation> {
  return await client.create(
    {
      path,
      body: toWire(fields),
      failure: "Could not create the invitation",
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
      ...itemRequest(pk),
      failure: "Could not read the invitation",
      permission: "authentik_stages_invitation.view_invitation",
    },
    wireObject(wireInvitation, pk),
  );
}

/** `PUT /api/v3/stages/invitation/invitations/{pk}/` */
export async function updateInvitation(
  client: Client,
  pk: string,
  fields: InvitationFields,
): Promise<StoredInvitation> {
  return await client.send(
    {
      method: "PUT",
      ...itemRequest(pk),
      body: toWire(fields),
      failure: "Could not update the invitation",
      permission: "authentik_stages_invitation.change_invitation",
      viewPermission: "authentik_stages_invitation.view_invitation",
      fieldNames,
    },
    wireObject(wireInvitation, pk),
  );
}

/** `DELETE /api/v3/stages/invitation/invitations/{pk}/`; succeeds if it does not exist. */
export async function deleteInvitation(client: Client, pk: string): Promise<void> {
  await client.delete({
    ...itemRequest(pk),
    failure: "Could not delete the invitation",
    permission: "authentik_stages_invitation.delete_invitation",
    viewPermission: "authentik_stages_invitation.view_invitation",
  });
}

/** Words that the list's search looks for, anywhere in the name, the username, the flow's slug and the expiry. */
interface InvitationSearch extends InvitationFilters {
  readonly search?: string;
}

/** Filters that authentik supports. It ignores unknown ones and would return all invitations. */
export interface InvitationFilters {
  readonly name?: string;
  readonly flowSlug?: string;
  readonly createdBy?: string;
  readonly expires?: string;
}

/** `GET /api/v3/stages/invitation/invitations/`, all pages. Strings match exactly, `expires` as an instant. */
export async function listInvitations(
  client: Client,
  filters: InvitationSearch,
  first?: ListPage<StoredInvitation>,
): Promise<StoredInvitation[]> {
  return await client.list(listRequest(filters), wireInvitation, first);
}

/**
 * Whether listing or reading failed because of an invitation that authentik saved and cannot return. It breaks every list page that contains it
 * (case `expiry.deep.list`).
 */
export function isUnreadable(error: unknown): boolean {
  return error instanceof ServerError && error.request.status === 500;
}

/** The first page of {@link listInvitations}. */
export async function listFirstInvitations(
  client: Client,
  filters: InvitationSearch,
): Promise<ListPage<StoredInvitation>> {
  return await client.listPage(listRequest(filters), wireInvitation, 1);
}

function listRequest(filters: InvitationSearch): Omit<ClientRequest, "method"> {
  const query = {
    search: filters.search,
    name: filters.name,
    flow__slug: filters.flowSlug,
    created_by__username: filters.createdBy,
    expires: filters.expires,
  };
  return {
    path,
    query: Object.fromEntries(
      Object.entries(query).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
    ),
    failure: "Could not list the invitations",
    permission: "authentik_stages_invitation.view_invitation",
  };
}
