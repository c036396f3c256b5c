import * as z from "zod";
import type { Client, ClientRequest, ListPage } from "../../authentik/client";
import { ServerError } from "../../authentik/errors";
import { wireSlug } from "../../authentik/wire";
import { invitationId } from "../../common/pk";
import { withoutUndefined } from "../../values/properties";
import { type FieldsOf, permission, responseSchema } from "../declaration";
import { requestsOf } from "../requests";
import { invitation } from "./declaration";

/** The fields of an invitation that this package sets. Without `expires`, authentik sets its default, which is 30 minutes from now. */
export type InvitationFields = FieldsOf<typeof invitation.properties>;

const response = responseSchema(invitation.properties, {
  flow_obj: z.object({ slug: wireSlug }).nullish(),
  created_by: z.object({ username: z.string() }).nullish().catch(undefined),
}).transform(({ flow_obj, created_by, ...fields }) => ({
  ...fields,
  flowSlug: flow_obj?.slug,
  createdBy: created_by?.username,
}));

/** An invitation as authentik returns it. */
export type StoredInvitation = z.output<typeof response>;

/** The path of one invitation, redacted to its opaque id. */
export function itemRequest(pk: string): Pick<ClientRequest, "path" | "redactedPath" | "secrets"> {
  return {
    path: `${invitation.path}${pk}/`,
    redactedPath: `${invitation.path}<${invitationId(pk)}>/`,
    secrets: [pk, pk.replaceAll("-", "")],
  };
}

export const invitations = requestsOf(invitation, response, { item: itemRequest });

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

/** All pages of the list. Strings match exactly, `expires` as an instant. */
export async function listInvitations(
  client: Client,
  filters: InvitationSearch,
  first?: ListPage<StoredInvitation>,
): Promise<StoredInvitation[]> {
  return await client.list(listRequest(filters), response, first);
}

/** The first page of {@link listInvitations}. */
export async function listFirstInvitations(
  client: Client,
  filters: InvitationSearch,
): Promise<ListPage<StoredInvitation>> {
  return await client.listPage(listRequest(filters), response, 1);
}

function listRequest({ search, name, flowSlug, createdBy, expires }: InvitationSearch): Omit<ClientRequest, "method"> {
  const query = { search, name, flow__slug: flowSlug, created_by__username: createdBy, expires };
  return {
    path: invitation.path,
    query: withoutUndefined(query) as Record<string, string>,
    failure: "Could not list the invitations",
    permission: permission(invitation, "view"),
  };
}

/**
 * Whether listing or reading failed because of an invitation that authentik saved and cannot return. It breaks every list page that contains it
 * (case `expiry.deep.list`).
 */
export function isUnreadable(error: unknown): boolean {
  return error instanceof ServerError && error.request.status === 500;
}
