import { stringify } from "csv-stringify/sync";
import type { Client } from "../../authentik/client";
import { PermissionError } from "../../authentik/errors";
import { type Activity, listActivities } from "../../authentik/events";
import { groupBy } from "../../common/group-by";
import { invitationId } from "../../common/pk";
import { toPrintableLine } from "../../common/printable";
import { listReadableInvitations } from "../../objects/invitation/readable";
import { defineCommand, describeUnreadable, flag, string, strings } from "../command";
import { withConnection } from "../pulumi";
import { readStates, requireStates } from "../states";
import { formatTable, reportMissingEvents, warn } from "../terminal";
import { matchAccounts } from "./accounts";
import { type CurrentStatus, currentStatus } from "./current-status";
import { type DeclaredInvitation, readDeclaredInvitations } from "./declared";

export const reportCommand = defineCommand({
  usage: `Usage: pulumi-authentik-invitations report [options]

Lists the invitations in the stacks' states with their current status in authentik, and the account that enrolled with each. Reads
the states of all stacks of the project; with --stack, of the current one and those. Never prints a pk, a link or a token.

  pulumi-authentik-invitations report
  pulumi-authentik-invitations report --stack prod --csv > invitations.csv
  pulumi stack export --show-secrets | pulumi-authentik-invitations report --state -

Options:
  --stack <name>       not all stacks, but this one and the current one (repeatable)
  --state <file>       a state written by \`pulumi stack export\`, - for standard input (repeatable)
  --connection <name>  configuration namespace of the authentik server (default: authentik)
  --csv                print CSV
  --show-secrets       print the keys and names that the program declares as secrets
  --help               print this help

The status is pending, used, expired, or deleted (outside Pulumi), or unknown if authentik cannot return some invitations, and this may
be one of them. authentik records no connection between an invitation and an account. The account is the one that was created in the
same flow, by the same browser or with the invitation's email address, within a day after the use. The column is empty if there is
none, or more than one invitation fits.

The URL and token are those of the configuration of the first --stack or, without one, of the current stack. Outside a project, and
for settings that the configuration does not have, they are AUTHENTIK_URL and AUTHENTIK_TOKEN. Accounts require the permission
authentik_events.view_event.

Exit codes: 0 success, 1 error, 2 invalid usage.
`,
  options: { stack: strings, state: strings, connection: string, csv: flag, "show-secrets": flag },
  async run({ connection: connectionName, csv: isCsv, "show-secrets": showsSecrets = false, ...selection }) {
    requireStates(selection);
    return await withConnection(selection.stack?.[0], connectionName, async ({ client, url }) => {
      // The program's secrets are read because a batch's details are among them.
      const { states } = await readStates(selection, true);
      const { invitations, otherServers } = await readDeclaredInvitations(states, connectionName, url);
      const rows = toRows(await addStatus(client.from("report"), invitations), showsSecrets);
      if (isCsv) process.stdout.write(formatCsv([header, ...rows]));
      else if (rows.length === 0) process.stdout.write("There are no invitations in the state.\n");
      else process.stdout.write(formatTable([header.map((title) => title.toUpperCase()), ...rows]));
      if (otherServers > 0) {
        const resources = otherServers === 1 ? "1 resource is" : `${otherServers} resources are`;
        const alternative = "or, outside the project, with AUTHENTIK_URL and AUTHENTIK_TOKEN";
        warn(`${resources} of another server. Select its settings with --connection, ${alternative}.`);
      }
      return 0;
    });
  },
});

type ReportedInvitation = DeclaredInvitation & CurrentStatus & { readonly accounts: readonly string[] };

/** The states are read before the invitations are listed, so that an invitation that is created meanwhile does not look deleted. */
async function addStatus(client: Client, declared: readonly DeclaredInvitation[]): Promise<ReportedInvitation[]> {
  const { invitations, unreadable } = await listReadableInvitations(client, {});
  const stored = new Map(invitations.map((invitation) => [invitationId(invitation.pk), invitation]));
  const activities = await readActivities(client, declared);
  if (unreadable > 0) warn(`Not read. ${describeUnreadable(unreadable)}`);
  if (activities === undefined && declared.length > 0) reportMissingEvents("Which accounts enrolled");
  const accounts = matchAccounts(declared, activities ?? []);
  const activitiesById = groupBy(activities ?? [], ({ pk }) => pk && invitationId(pk));
  return declared.map((invitation) => ({
    ...invitation,
    ...currentStatus(
      invitation,
      stored.get(invitation.id),
      activities && (activitiesById.get(invitation.id) ?? []),
      unreadable > 0,
    ),
    accounts: accounts.get(invitation.id) ?? [],
  }));
}

/** What happened since the first invitation was issued; `undefined` without the permission. */
async function readActivities(
  client: Client,
  declared: readonly DeclaredInvitation[],
): Promise<Activity[] | undefined> {
  if (declared.length === 0) return [];
  const issued = declared.map(({ state: { issuedAt } }) => Date.parse(issuedAt ?? ""));
  const since = issued.some(Number.isNaN) ? undefined : new Date(issued.reduce((a, b) => Math.min(a, b)));
  try {
    const actions = ["invitation_used", "model_deleted", "user_write"] as const;
    return (await Promise.all(actions.map((action) => listActivities(client, action, since)))).flat();
  } catch (error) {
    if (error instanceof PermissionError) return undefined;
    throw error;
  }
}

const header = ["stack", "resource", "key", "name", "status", "issued", "expires", "retired", "account"];

function toRows(reported: readonly ReportedInvitation[], showsSecrets: boolean): string[][] {
  const show = (value: string, isSecret: boolean): string => (isSecret && !showsSecrets ? "[secret]" : value);
  return reported.map((row) => [
    row.stack,
    row.resource,
    show(row.key, row.isKeySecret),
    show(row.state.name ?? "", row.isNameSecret),
    row.status,
    row.state.issuedAt?.replace(/\.\d+/, "") ?? "",
    row.expires ?? "",
    row.retiredAt ?? "",
    row.accounts.join(", "),
  ]);
}

/** Names and usernames come from other people, and a spreadsheet evaluates formulas. */
function formatCsv(rows: readonly string[][]): string {
  return stringify(
    rows.map((row) => row.map(toPrintableLine)),
    { escape_formulas: true },
  );
}
