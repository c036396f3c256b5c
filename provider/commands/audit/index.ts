import type { Client } from "../../authentik/client";
import { toPrintableJson, toPrintableLine } from "../../common/printable";
import { connect } from "../../lifecycle/connections";
import { invitations } from "../../objects/invitation/requests";
import { type Command, type OptionValues, UsageError } from "../command";
import { configureFromStack, findProject, stackOption } from "../pulumi";
import { nonEmpty, nonEmptyList, readStates } from "../states";
import { confirm, formatTable } from "../terminal";
import { findUndeclaredInvitations, type UndeclaredInvitation } from "./undeclared";

export const auditCommand: Command = {
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

Exit codes: 0 every invitation is declared (or all others were deleted), 7 some are not, 1 error, 2 invalid usage.
`,
  options: {
    stack: { type: "string", multiple: true },
    state: { type: "string", multiple: true },
    flow: { type: "string" },
    "created-by": { type: "string" },
    connection: { type: "string" },
    json: { type: "boolean" },
    delete: { type: "boolean" },
    "all-stacks": { type: "boolean" },
    yes: { type: "boolean" },
  },
  run: audit,
};

async function audit(values: OptionValues): Promise<number> {
  const stacks = nonEmptyList(values, "stack");
  const files = nonEmptyList(values, "state");
  const filters = { flowSlug: nonEmpty(values, "flow"), createdBy: nonEmpty(values, "created-by") };
  if (values["yes"] && !values["delete"]) throw new UsageError("--yes requires --delete");
  if (values["all-stacks"] && !values["delete"]) throw new UsageError("--all-stacks requires --delete");
  if (values["delete"] && !values["yes"] && !process.stdin.isTTY) {
    throw new UsageError("--delete requires --yes without a terminal");
  }
  const hasProject = findProject() !== undefined;
  if (!hasProject && stacks.length === 0 && files.length === 0) {
    throw new UsageError("run it in the folder of a Pulumi project, or set --state");
  }
  const connectionName = nonEmpty(values, "connection");
  await configureFromStack(stacks[0], connectionName);
  const connection = connect(connectionName);
  const client = connection.client.from("audit");
  try {
    const { total, undeclared, canReadEvents } = await findUndeclaredInvitations(client, filters, () =>
      readStates(hasProject, stacks, files),
    );
    if (values["json"]) printJson(undeclared);
    else if (total === 0) process.stdout.write(describeNone(Object.values(filters).some(Boolean)));
    else printTable(undeclared, total);
    if (!values["json"] && !values["delete"]) printImport(undeclared, stacks[0], connectionName);
    if (!canReadEvents) {
      process.stderr.write(
        "When and by which stack they were created is unknown, because authentik's event log could not be read (permission authentik_events.view_event, which also shows every email that authentik sends).\n",
      );
    }
    if (undeclared.length === 0) return 0;
    return values["delete"] ? await deleteAll(client, undeclared, values) : 7;
  } finally {
    await client.close();
  }
}

/** How to import what was listed. The pk stays in a pipe. */
function printImport(
  undeclared: readonly UndeclaredInvitation[],
  stack: string | undefined,
  connection: string | undefined,
): void {
  const first = undeclared.find(({ isPending }) => !isPending);
  if (first === undefined) return;
  const others = [...stackOption(stack), ...(connection === undefined ? [] : ["--connection", connection])];
  const command = ["npx pulumi-authentik-invitations export --invitation", first.id, ...others].join(" ");
  process.stderr.write(
    `
To import one of them, write its declaration, and store its pk in the stack's configuration without displaying it. For example, ${toPrintableLine(first.name)}:

  ${toPrintableLine(command)}
  ${toPrintableLine(command)} --commands | sh
`,
  );
}

function printJson(undeclared: readonly UndeclaredInvitation[]): void {
  const rows = undeclared.map(({ pk: _, ...row }) => row);
  process.stdout.write(`${toPrintableJson(rows, 2)}\n`);
}

function describeNone(isFiltered: boolean): string {
  return isFiltered ? "No invitation matches the filters.\n" : "There are no invitations.\n";
}

function describeStack({ stack, isPending, isForeign }: UndeclaredInvitation): string {
  if (isPending) return `${stack ?? ""} (interrupted, run \`recover\`)`;
  if (!isForeign) return stack ?? "";
  return stack === null ? "unknown" : `${stack} (not read)`;
}

function countInvitations(count: number): string {
  return count === 1 ? "1 invitation" : `${count} invitations`;
}

function printTable(undeclared: readonly UndeclaredInvitation[], total: number): void {
  if (undeclared.length === 0) {
    process.stdout.write(total === 1 ? "The invitation is declared.\n" : `All ${total} invitations are declared.\n`);
    return;
  }
  const header = ["ID", "NAME", "FLOW", "EXPIRES", "CREATED BY", "CREATED", "STACK"];
  const rows = undeclared.map((row) => [
    row.id,
    row.name,
    row.flow ?? "any",
    row.expires ?? "never",
    row.createdBy ?? "",
    row.created ?? "",
    describeStack(row),
  ]);
  process.stdout.write(formatTable([header, ...rows]));
  process.stdout.write(
    `\n${undeclared.length} of ${countInvitations(total)} ${undeclared.length === 1 ? "is" : "are"} not declared by any of these stacks.\n`,
  );
}

async function deleteAll(
  client: Client,
  undeclared: readonly UndeclaredInvitation[],
  values: OptionValues,
): Promise<number> {
  const pending = undeclared.filter(({ isPending }) => isPending);
  const foreign = undeclared.filter(({ isPending, isForeign }) => !isPending && isForeign && !values["all-stacks"]);
  const deletable = undeclared.filter((row) => !pending.includes(row) && !foreign.includes(row));
  const kept = pending.length + foreign.length;
  const describeKept = (count: number, what: string): string => {
    const verb = count === 1 ? "is" : "are";
    return `${countInvitations(count)} ${verb} ${what}, and ${verb} kept.`;
  };
  if (pending.length > 0) {
    process.stderr.write(`${describeKept(pending.length, "part of an interrupted run")} Run \`recover\`.\n`);
  }
  if (foreign.length > 0) {
    const stacks = [...new Set(foreign.map(({ stack }) => stack ?? "an unknown one"))].join(", ");
    process.stderr.write(
      `${toPrintableLine(`${describeKept(foreign.length, `of stacks that were not read (${stacks})`)} Read these with --stack or --state, or delete all with --all-stacks.`)}\n`,
    );
  }
  if (deletable.length === 0) return 7;
  const isConfirmed = await confirm(`Delete ${countInvitations(deletable.length)}?`, values["yes"] === true);
  if (!isConfirmed) return 7;
  let deleted = 0;
  try {
    for (const { pk } of deletable) {
      await invitations.delete(client, pk);
      deleted += 1;
    }
  } catch (error) {
    process.stderr.write(`Deleted ${deleted} of ${countInvitations(deletable.length)}.\n`);
    throw error;
  }
  process.stderr.write(`Deleted ${countInvitations(deleted)}.\n`);
  return kept > 0 ? 7 : 0;
}
