import { invitationId, normalizeUuid } from "../../common/pk";
import { connect } from "../../lifecycle/connections";
import { listInvitations } from "./requests";

/**
 * The pk of the invitation with this id or pk; `undefined` if there is none. An import by the id keeps the pk out of the command line, and out of the pending
 * operation that the engine writes to the state during an import.
 */
export async function findInvitationPk(id: string): Promise<string | undefined> {
  const pk = normalizeUuid(id);
  if (pk !== undefined) return pk;
  if (!/^[0-9a-f]{16}$/.test(id)) return undefined;
  const invitations = await listInvitations(connect().client, {});
  return invitations.find((invitation) => invitationId(invitation.pk) === id)?.pk;
}
