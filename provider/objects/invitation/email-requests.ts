import type { Client, ClientRequest } from "../../authentik/client";
import { NotFoundError, PermissionError, ServerError } from "../../authentik/errors";
import { itemRequest } from "./requests";

/** An email with an invitation's link. */
export interface InvitationEmail {
  /** Each address gets an email of its own, with all of `cc` and `bcc`. */
  readonly to: readonly string[];
  readonly cc?: readonly string[] | undefined;
  readonly bcc?: readonly string[] | undefined;
  /** authentik's name of the template. */
  readonly template?: string | undefined;
}

const permissions = {
  permission: "authentik_stages_invitation.add_invitation",
  viewPermission: "authentik_stages_invitation.view_invitation",
};

const fieldNames = {
  email_addresses: "email.to",
  cc_addresses: "email.cc",
  bcc_addresses: "email.bcc",
  template: "email.template",
};

/**
 * Asks authentik (2026.5 and later) to email an invitation's link. Not idempotent: each request sends the emails. A success means that the emails are
 * queued (case `email.send.one`).
 *
 * `POST /api/v3/stages/invitation/invitations/{pk}/send_email/`
 *
 * @param publicUrl the URL whose host the link has
 */
export async function sendInvitationEmail(
  client: Client,
  pk: string,
  email: InvitationEmail,
  publicUrl: string,
): Promise<void> {
  const request = sendRequest(pk);
  await client.sendForNoContent({
    ...request,
    ...permissions,
    body: {
      email_addresses: email.to,
      cc_addresses: email.cc,
      bcc_addresses: email.bcc,
      template: email.template,
    },
    failure: "Could not email the invitation",
    fieldNames,
    publicUrl,
  });
}

/** No invitation has this pk. */
const nilUuid = "00000000-0000-0000-0000-000000000000";

/**
 * Whether authentik can send invitations by email: it then has no invitation with the nil UUID (404, case `email.send.unknown`). Older versions
 * respond to any pk with 405.
 *
 * `POST /api/v3/stages/invitation/invitations/{pk}/send_email/`
 */
export async function canSendInvitationEmails(client: Client): Promise<boolean> {
  try {
    await client.sendForNoContent({
      ...sendRequest(nilUuid),
      ...permissions,
      body: { email_addresses: [] },
      isReadOnly: true,
      failure: "Could not determine whether authentik sends invitations by email",
    });
    return true;
  } catch (error) {
    if (error instanceof NotFoundError) return true;
    // The endpoint exists. The permission may be granted for single invitations.
    if (error instanceof PermissionError) return true;
    if (error instanceof ServerError && error.request.status === 405) return false;
    throw error;
  }
}

function sendRequest(pk: string): Pick<ClientRequest, "method" | "path" | "redactedPath" | "secrets"> {
  const { path, redactedPath, secrets } = itemRequest(pk);
  return { method: "POST", path: `${path}send_email/`, redactedPath: `${redactedPath}send_email/`, secrets };
}
