import type { Activity } from "../../authentik/events";
import { toAddressKey } from "../../common/email-address";
import { invitationId } from "../../common/pk";
import type { DeclaredInvitation } from "./declared";

/** Milliseconds within which an enrollment is finished. */
const maxDuration = 24 * 60 * 60 * 1000;

/**
 * The usernames of the accounts that enrolled, by the invitation's id. authentik's log connects no account with an invitation: the use is logged in
 * the first request of an enrollment, and the account in a later one (`events/signals.py`). So an account belongs to the invitation with its
 * email address that was used in the same flow shortly before, or to the only one that the same browser used there. If several fit, to none.
 */
export function matchAccounts(
  declared: readonly DeclaredInvitation[],
  activities: readonly Activity[],
): Map<string, readonly string[]> {
  const addresses = new Map(declared.map((invitation) => [invitation.id, addressesOf(invitation)]));
  const ofAction = (action: Activity["action"]): Activity[] =>
    activities
      .filter((activity) => activity.action === action)
      .sort((a, b) => Date.parse(a.created) - Date.parse(b.created));
  // Uses of undeclared invitations count, so that their accounts are not taken for those of declared ones.
  let uses = ofAction("invitation_used").flatMap((activity) =>
    activity.pk === undefined ? [] : [{ ...activity, id: invitationId(activity.pk) }],
  );
  const accounts = new Map<string, string[]>();
  let writes = ofAction("user_write").filter(({ isNewUser, username }) => isNewUser && username !== undefined);
  const assign = (findUses: (write: Activity) => typeof uses): void => {
    writes = writes.filter((write) => {
      const candidates = findUses(write);
      const [id, ...others] = new Set(candidates.map((use) => use.id));
      if (id === undefined || others.length > 0) return true;
      accounts.set(id, [...(accounts.get(id) ?? []), write.username ?? ""]);
      uses = uses.filter((use) => use !== candidates.at(-1));
      return false;
    });
  };
  const isBefore = (use: Activity, write: Activity): boolean => {
    const elapsed = Date.parse(write.created) - Date.parse(use.created);
    return use.path === write.path && elapsed >= 0 && elapsed <= maxDuration;
  };
  assign((write) => {
    const address = write.email && toAddressKey(write.email);
    return address ? uses.filter((use) => isBefore(use, write) && addresses.get(use.id)?.includes(address)) : [];
  });
  assign((write) => uses.filter((use) => isBefore(use, write) && use.client === write.client));
  return accounts;
}

/** The addresses that the invitation is for: its key, and the `email` of its data. */
function addressesOf({ key, state: { fixedData } }: DeclaredInvitation): string[] {
  return [key, fixedData?.["email"]].flatMap((value) =>
    typeof value === "string" && value.includes("@") ? [toAddressKey(value)] : [],
  );
}
