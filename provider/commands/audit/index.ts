import type { Client } from "../../authentik/client";
import { toPrintableJson, toPrintableLine } from "../../common/printable";
import { invitations } from "../../objects/invitation/requests";
import { countInvitations, defineCommand, describeUnreadable, flag, string, strings, UsageError } from "../command";
import { stackOption, withConnection } from "../pulumi";
import { readStates, requireStates } from "../states";
import { confirm, formatTable, reportMissingEvents, warn } from "../terminal";
import { findUndeclaredInvitations, type UndeclaredInvitation } from "./undeclared";

/** The start of the warning about invitations that may be undeclared, because authentik cannot return them. */
export const notChecked = "Not checked.";

export const auditCommand = defineCommand({
  usage: `Usage: pulumi-authentik-invitations audit [options]

Lists the invitations in authentik that no stack declares: those that were created outside Pulumi, and those that an interrupted
run created. Reads the states of all stacks of the project; with --stack, of the current one and those. Never prints a pk or a link.

  pulumi-authentik-invitations audit
  pulumi-authentik-invitations audit --stack dev --stack prod
  pulumi stack export | pulumi-authentik-invitations audit --state -

Options:
  --stack <name>       not all stacks, but this one and the current one (repeatable)
  --state <file>       a state written by \`pulumi stack export\`, - for standard input (repeatable)
  --flow <slug>        only invitations of this flow
  --created-by <user>  only invitations that this user created
  --connection <name>  configuration namespace of the authentik server (default: authentik)
  --json               print JSON
  --delete             delete the listed invitations, except those that \`recover\` can move into a state, and those that may
                       belong to a stack that was not read
  --all-stacks         with --delete: also delete those that may belong to a stack that was not read
  --yes                delete without confirmation
  --help               print this help

The URL and token are those of the configuration of the first --stack or, without one, of the current stack. Outside a project, and
for settings that the configuration does not have, they are AUTHENTIK_URL and AUTHENTIK_TOKEN.

Invitations that have expired are not listed. Those that authentik cannot return cannot be listed: a warning says how many.

Exit codes: 0 every invitation is declared (or all others were deleted), 7 some are not, or authentik cannot return them, 1 error,
2 invalid usage.
`,
  options: {
    stack: strings,
    state: strings,
    flow: string,
    "created-by": string,
    connection: string,
    json: flag,
    delete: flag,
    "all-stacks": flag,
    yes: flag,
  },
  async run({ delete: isDeletion, yes: isConfirmed = false, "all-stacks": isForAllStacks = false, ...values }) {
    const { stack: [stack] = [], flow: flowSlug, "created-by": createdBy, connection: connectionName, json } = values;
    if (isConfirmed && !isDeletion) throw new UsageError("--yes requires --delete");
    if (isForAllStacks && !isDeletion) throw new UsageError("--all-stacks requires --delete");
    if (isDeletion && !isConfirmed && !process.stdin.isTTY) {
      throw new UsageError("--delete requires --yes without a terminal");
    }
    requireStates(values);
    return await withConnection(stack, connectionName, async (connection) => {
      const client = connection.client.from("audit");
      const filters = { flowSlug, createdBy };
      const { total, undeclared, unreadable, canReadEvents } = await findUndeclaredInvitations(client, filters, () =>
        readStates(values),
      );
      if (json) {
        const rows = undeclared.map(({ pk: _, ...row }) => row);
        process.stdout.write(`${toPrintableJson(rows, 2)}\n`);
      } else {
        process.stdout.write(format(undeclared, total, unreadable, flowSlug !== undefined || createdBy !== undefined));
        const connectionOption = connectionName === undefined ? [] : ["--connection", connectionName];
        if (!isDeletion) printImport(undeclared, [...stackOption(stack), ...connectionOption]);
      }
      if (!canReadEvents) reportMissingEvents("When and by which stack they were created");
      if (unreadable > 0) warn(`${notChecked} ${describeUnreadable(unreadable)}`);
      const code = unreadable > 0 ? 7 : 0;
      if (undeclared.length === 0) return code;
      return isDeletion ? (await deleteAll(client, undeclared, isForAllStacks, isConfirmed)) || code : 7;
    });
  },
});

function format(
  undeclared: readonly UndeclaredInvitation[],
  total: number,
  unreadable: number,
  isFiltered: boolean,
): string {
  if (total === 0) return isFiltered ? "No invitation matches the filters.\n" : "There are no invitations.\n";
  const count = undeclared.length;
  if (count === 0 && unreadable > 0) {
    const declared = total - unreadable;
    return `${declared} of ${countInvitations(total)} ${declared === 1 ? "is" : "are"} declared.\n`;
  }
  if (count === 0) return total === 1 ? "The invitation is declared.\n" : `All ${total} invitations are declared.\n`;
  const table = formatTable(toTable(undeclared.map((row) => ({ ...row, stack: describeStack(row) }))));
  const verb = count === 1 ? "is" : "are";
  return `${table}\n${count} of ${countInvitations(total)} ${verb} not declared by any of these stacks.\n`;
}

/** How to import what was listed. The pk stays in a pipe. */
function printImport(undeclared: readonly UndeclaredInvitation[], options: readonly string[]): void {
  const first = undeclared.find(({ isPending }) => !isPending);
  if (first === undefined) return;
  const args = ["export", "--invitation", first.id, ...options];
  const command = toPrintableLine(`npx pulumi-authentik-invitations ${args.join(" ")}`);
  process.stderr.write(
    `
To import one of them, write its declaration, and store its pk in the stack's configuration without displaying it. For example, ${toPrintableLine(first.name)}:

  ${command}
  ${command} --commands | sh
`,
  );
}

type Row = Readonly<Partial<Record<"id" | "name" | "flow" | "expires" | "createdBy" | "created" | "stack", unknown>>>;

/** The header and the cells of a table with rows of the output of `audit --json`. */
export function toTable(rows: readonly Row[]): string[][] {
  const cells = rows.map(({ id, name, flow, expires, createdBy, created, stack }) =>
    [id, name, flow ?? "any", expires ?? "never", createdBy, created, stack].map((cell) => String(cell ?? "")),
  );
  return [["ID", "NAME", "FLOW", "EXPIRES", "CREATED BY", "CREATED", "STACK"], ...cells];
}

function describeStack({ stack, isPending, isForeign }: UndeclaredInvitation): string {
  if (isPending) return `${stack ?? ""} (interrupted, run \`recover\`)`;
  if (!isForeign) return stack ?? "";
  return stack === null ? "unknown" : `${stack} (not read)`;
}

async function deleteAll(
  client: Client,
  undeclared: readonly UndeclaredInvitation[],
  isForAllStacks: boolean,
  isConfirmed: boolean,
): Promise<number> {
  const pending = undeclared.filter(({ isPending }) => isPending);
  const foreign = undeclared.filter(({ isPending, isForeign }) => !isPending && isForeign && !isForAllStacks);
  const deletable = undeclared.filter((row) => !pending.includes(row) && !foreign.includes(row));
  const reportKept = (kept: readonly UndeclaredInvitation[], what: string, advice: string): void => {
    const verb = kept.length === 1 ? "is" : "are";
    if (kept.length === 0) return;
    warn(`${countInvitations(kept.length)} ${verb} ${what}, and ${verb} kept. ${advice}`);
  };
  const stacks = [...new Set(foreign.map(({ stack }) => stack ?? "an unknown one"))].join(", ");
  reportKept(pending, "part of an interrupted run", "Run `recover`.");
  reportKept(
    foreign,
    `of stacks that were not read (${stacks})`,
    "Read these with --stack or --state, or delete all with --all-stacks.",
  );
  if (deletable.length === 0) return 7;
  if (!(await confirm(`Delete ${countInvitations(deletable.length)}?`, isConfirmed))) return 7;
  let deleted = 0;
  try {
    for (const { pk } of deletable) {
      await invitations.delete(client, pk);
      deleted += 1;
    }
  } catch (error) {
    warn(`Deleted ${deleted} of ${countInvitations(deletable.length)}.`);
    throw error;
  }
  warn(`Deleted ${countInvitations(deleted)}.`);
  return pending.length + foreign.length > 0 ? 7 : 0;
}
