import { connect } from "../../lifecycle/connections";
import { type Command, type OptionValues, UsageError } from "../command";
import { configureFromStack, stackOption } from "../pulumi";
import { toImportFile } from "./import-file";
import { countInvitations, type ExportedProgram, writeProgram } from "./program";
import type { SecretSetting } from "./program-writer";
import { readSnapshot, type Selection } from "./snapshot";

export const exportCommand: Command = {
  usage: `Usage: pulumi-authentik-invitations export (--flow <slug> | --all | --invitation <name>)
       [--invitations-only] [--batch] [--commands | --import-file] [--stack <name>] [--connection <name>]

Writes a Pulumi program in TypeScript that imports flows from authentik: the flows, their invitation stages, the bindings of their
stages, and their invitations. The first \`pulumi up\` of that program imports them and changes nothing in authentik.

  pulumi-authentik-invitations export --flow staff-enrollment > index.ts
  pulumi-authentik-invitations export --flow staff-enrollment --commands | sh
  pulumi up

Options:
  --flow <slug>  the flow's slug, the part of its URL after /if/flow/ (repeatable)
  --all          all flows that have an invitation stage or an invitation, and the invitations without a flow
  --invitation <name>
                 one invitation by its name, or by the id that \`audit\` prints (repeatable); implies --invitations-only
  --invitations-only
                 write only the invitations, which refer to their flows by slug, for flows that Terraform or a blueprint manages
  --batch        write the invitations of each flow as one InvitationBatch, and those without a flow as another one
  --commands     print the commands that store the invitations' pks in the stack's configuration, instead of the program.
                 The pks are secrets: whoever has one can enroll. Set the other options as for the program.
  --import-file  print the file for \`pulumi import --file\`, which imports everything for the native plugin, and writes the program
                 in any language. It has no pk of an invitation
  --stack <name> the stack whose configuration has the settings (default: the current one)
  --connection <name>
                 configuration namespace of the authentik server (default: authentik)
  --help         print this help
  --version      print the version

The settings are those of the stack's configuration (authentik:url, authentik:token, authentik:headers and so on), then
AUTHENTIK_URL, AUTHENTIK_TOKEN and AUTHENTIK_INSECURE. The token's user has to be allowed to view flows, stages, bindings and
invitations.

Exit codes: 0 success, 1 error, 2 invalid usage.
`,
  options: {
    flow: { type: "string", multiple: true },
    all: { type: "boolean" },
    invitation: { type: "string", multiple: true },
    "invitations-only": { type: "boolean" },
    batch: { type: "boolean" },
    commands: { type: "boolean" },
    "import-file": { type: "boolean" },
    stack: { type: "string" },
    connection: { type: "string" },
  },
  run: exportProgram,
};

async function exportProgram(values: OptionValues): Promise<number> {
  const selection = parseSelection(values);
  const isBatch = values["batch"] === true;
  const isImportFile = values["import-file"] === true;
  if (isImportFile && (isBatch || values["commands"])) {
    throw new UsageError("--import-file cannot be set together with --batch or --commands");
  }
  const onlyInvitations = values["invitations-only"] === true || selection.kind === "invitations";
  const stack = parseName(values, "stack");
  const connection = parseName(values, "connection");
  await configureFromStack(stack, connection);
  const { client, url } = connect(connection);
  try {
    const snapshot = await readSnapshot(client, selection, onlyInvitations);
    if (isImportFile) {
      const { file, skipped } = await toImportFile(snapshot);
      process.stdout.write(file);
      for (const reason of skipped) process.stderr.write(`Not exported. ${reason}\n`);
      return 0;
    }
    const exported = await writeProgram(snapshot, { isBatch, onlyInvitations, baseUrl: url, connection });
    if (values["commands"]) printCommands(exported, stack);
    else {
      printProgram(exported, [
        ...selectionOptions(selection),
        ...(values["invitations-only"] ? ["--invitations-only"] : []),
        ...(isBatch ? ["--batch"] : []),
        ...stackOption(stack),
        ...(connection === undefined ? [] : ["--connection", connection]),
      ]);
    }
    return 0;
  } finally {
    await client.close();
  }
}

function parseSelection(values: OptionValues): Selection {
  const selections: readonly Selection[] = [
    ...(values["all"] ? [{ kind: "all", names: [] } as const] : []),
    ...toSelections("flows", parseList(values, "flow")),
    ...toSelections("invitations", parseList(values, "invitation")),
  ];
  const [selection, other] = selections;
  if (selection === undefined) throw new UsageError("--flow <slug>, --invitation <name> or --all is required");
  if (other !== undefined) throw new UsageError("set only one of --flow, --invitation and --all");
  return selection;
}

function toSelections(kind: Selection["kind"], names: readonly string[]): readonly Selection[] {
  return names.length > 0 ? [{ kind, names }] : [];
}

/** The values of a repeatable option, each once. */
function parseList(values: OptionValues, option: string): string[] {
  const list = values[option];
  const names = Array.isArray(list) ? list.map((name) => String(name).trim()) : [];
  if (names.includes("")) throw new UsageError(`--${option} must not be empty`);
  return [...new Set(names)];
}

/** A name that a command line can contain. */
function parseName(values: OptionValues, option: string): string | undefined {
  const value = values[option];
  if (value === undefined) return undefined;
  if (typeof value !== "string" || !/^\w[\w./-]*$/.test(value)) throw new UsageError(`--${option} is not a valid name`);
  return value;
}

function selectionOptions({ kind, names }: Selection): string[] {
  if (kind === "all") return ["--all"];
  return names.map((name) => `--${kind === "flows" ? "flow" : "invitation"} ${quoteForShell(name)}`);
}

function quoteForShell(name: string): string {
  return /^[\w.-]+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`;
}

function printProgram({ program, secrets, skipped }: ExportedProgram, options: readonly string[]): void {
  process.stdout.write(program);
  for (const reason of skipped) process.stderr.write(`Not exported. ${reason}\n`);
  if (secrets.size > 0) {
    process.stderr.write(
      `The program imports ${countInvitations(countPks(secrets))} by pk. The pks are secrets (whoever has one can enroll), so the program reads them
from the stack's configuration. To set them without displaying them, run this in the Pulumi project's folder, with the same
settings:

  npx pulumi-authentik-invitations export ${options.join(" ")} --commands | sh
`,
    );
  }
}

function printCommands({ secrets }: ExportedProgram, stack: string | undefined): void {
  for (const [key, value] of secrets) process.stdout.write(toCommand(key, value, stackOption(stack)));
  process.stderr.write(
    secrets.size === 0
      ? "There are no invitations to import, so there are no pks to set.\n"
      : `These commands contain secrets: the pks of ${countInvitations(countPks(secrets))}. Whoever has one can enroll. Do not save or log them.\n`,
  );
}

/** Passes pks on standard input, because other users of the machine can list the arguments of its processes. */
function toCommand(key: string, setting: SecretSetting, options: readonly string[]): string {
  const value = typeof setting === "string" ? setting : JSON.stringify(setting, undefined, 2);
  // The quoted delimiter keeps the shell from expanding anything.
  return `pulumi config set --secret ${[...options, key].join(" ")} <<'END'\n${value}\nEND\n`;
}

function countPks(secrets: ReadonlyMap<string, SecretSetting>): number {
  return [...secrets.values()]
    .map((setting) => (typeof setting === "string" ? 1 : Object.keys(setting).length))
    .reduce((sum, count) => sum + count, 0);
}
