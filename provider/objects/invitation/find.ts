import { invitationId, normalizeUuid } from "../../common/pk";
import { connect } from "../../lifecycle/connections";
import { UserError } from "../../lifecycle/user-error";
import { listInvitations } from "./requests";

/**
 * The pk of the invitation with this id or pk. An import by the id keeps the pk out of the command line, and out of the pending
 * operation that the engine writes to the state during an import.
 */
export async function findInvitationPk(id: string): Promise<string> {
  const pk = normalizeUuid(id);
  if (pk !== undefined) return pk;
  if (!/^[0-9a-f]{16}$/.test(id)) {
    throw new UserError(
      "The id of an invitation has 16 hexadecimal digits. Pass the id, which getInvitations and the command audit return, or the pk, a UUID.",
    );
  }
  const invitations = await listInvitations(connect().client, {});
  const found = invitations.find((invitation) => invitationId(invitation.pk) === id);
  if (found !== undefined) return found.pk;
  throw new UserError(
    `authentik has no invitation with the id ${id} that the token's user is allowed to view (permission authentik_stages_invitation.view_invitation).`,
  );
}
