import * as z from "zod";
import type { Client, ClientRequest, ListPage } from "../../authentik/client";
import { NotFoundError, PermissionError, ServerError } from "../../authentik/errors";
import { wireSlug } from "../../authentik/wire";
import { invitationId } from "../../common/pk";
import { withoutUndefined } from "../../values/properties";
import { type FieldsOf, permission, responseSchema } from "../declaration";
import { requestsOf } from "../requests";
import { invitation } from "./declaration";
import type { EmailInputs } from "./email";

/** The fields of an invitation that this package sets. Without `expires`, authentik sets its default, which is 30 minutes from now. */
export type InvitationFields = FieldsOf<typeof invitation.properties>;

/** An invitation in a response. */
export const storedInvitation = responseSchema(invitation.properties, {
  flow_obj: z.object({ slug: wireSlug }).nullish(),
  created_by: z.object({ username: z.string() }).nullish().catch(undefined),
}).transform(({ flow_obj, created_by, ...fields }) => ({
  ...fields,
  flowSlug: flow_obj?.slug,
  createdBy: created_by?.username,
}));

export type StoredInvitation = z.output<typeof storedInvitation>;

/** The path of one invitation, redacted to its opaque id. */
function itemRequest(pk: string): Pick<ClientRequest, "path" | "redactedPath" | "secrets"> {
  return {
    path: `${invitation.path}${pk}/`,
    redactedPath: `${invitation.path}<${invitationId(pk)}>/`,
    secrets: [pk, pk.replaceAll("-", "")],
  };
}

export const invitations = requestsOf(invitation, storedInvitation, { item: itemRequest });

/** Filters that authentik supports. It ignores unknown ones and would return all invitations. */
export interface InvitationFilters {
  /** Words anywhere in the name, the username, the flow's slug and the expiry. */
  readonly search?: string;
  readonly name?: string;
  readonly flowSlug?: string;
  readonly createdBy?: string;
  readonly expires?: string;
}

/** All pages of the list. Strings match exactly, `expires` as an instant. */
export async function listInvitations(
  client: Client,
  filters: InvitationFilters,
  first?: ListPage<StoredInvitation>,
): Promise<StoredInvitation[]> {
  return await client.list(listRequest(filters), storedInvitation, first);
}

/** The first page of {@link listInvitations}. */
export async function listFirstInvitations(client: Client): Promise<ListPage<StoredInvitation>> {
  return await client.listPage(listRequest({}), storedInvitation, 1);
}

export function listRequest({
  search,
  name,
  flowSlug,
  createdBy,
  expires,
}: InvitationFilters): Omit<ClientRequest, "method"> {
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
export function isUnreadable(error: unknown): error is ServerError {
  return error instanceof ServerError && error.request.status === 500;
}

const nilUuid = "00000000-0000-0000-0000-000000000000";

/** `POST /api/v3/stages/invitation/invitations/{pk}/send_email/` */
function emailRequest(pk: string): Omit<ClientRequest, "failure"> {
  const { path, redactedPath, secrets } = itemRequest(pk);
  return {
    method: "POST",
    path: `${path}send_email/`,
    redactedPath: `${redactedPath}send_email/`,
    secrets,
    permission: permission(invitation, "add"),
    viewPermission: permission(invitation, "view"),
  };
}

/**
 * Asks authentik (2026.5 and later) to email an invitation's link, which has the host of `publicUrl`. Not idempotent: each request sends the emails, one to each
 * address in `to`, with all of `cc` and `bcc`. A success means that the emails are queued (case `email.send.one`).
 */
export async function sendInvitationEmail(
  client: Client,
  pk: string,
  { to, cc, bcc, template }: EmailInputs,
  publicUrl: string,
): Promise<void> {
  await client.sendForNoContent({
    ...emailRequest(pk),
    body: { email_addresses: to, cc_addresses: cc, bcc_addresses: bcc, template },
    failure: "Could not email the invitation",
    fieldNames: {
      email_addresses: "email.to",
      cc_addresses: "email.cc",
      bcc_addresses: "email.bcc",
      template: "email.template",
    },
    publicUrl,
  });
}

/**
 * Whether authentik can send invitations by email: it then has no invitation with the nil UUID (404, case `email.send.unknown`). Older versions
 * respond to any pk with 405.
 */
export async function canSendInvitationEmails(client: Client): Promise<boolean> {
  try {
    await client.sendForNoContent({
      ...emailRequest(nilUuid),
      body: { email_addresses: [] },
      isReadOnly: true,
      failure: "Could not determine whether authentik sends invitations by email",
    });
    return true;
  } catch (error) {
    // A missing permission shows that the endpoint exists, and may be granted for single invitations.
    if (error instanceof NotFoundError || error instanceof PermissionError) return true;
    if (error instanceof ServerError && error.request.status === 405) return false;
    throw error;
  }
}
