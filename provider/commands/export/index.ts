import { countInvitations, defineCommand, flag, string, strings, UsageError } from "../command";
import { stackOption, withConnection } from "../pulumi";
import { type ExportedProgram, writeProgram } from "./program";
import { toImportFile } from "./resources";
import { readSnapshot } from "./snapshot";
import type { SecretSetting } from "./writer";

export const exportCommand = defineCommand({
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
    flow: strings,
    all: flag,
    invitation: strings,
    "invitations-only": flag,
    batch: flag,
    commands: flag,
    "import-file": flag,
    stack: string,
    connection: string,
  },
  async run({ commands: printsCommands, ...values }) {
    const { all, flow, invitation, batch: isBatch = false, "import-file": isImportFile, stack, connection } = values;
    const selections = [all, flow, invitation].filter(Boolean).length;
    if (selections === 0) throw new UsageError("--flow <slug>, --invitation <name> or --all is required");
    if (selections > 1) throw new UsageError("set only one of --flow, --invitation and --all");
    if (isImportFile && (isBatch || printsCommands)) {
      throw new UsageError("--import-file cannot be set together with --batch or --commands");
    }
    const invalid = Object.entries({ stack, connection }).find(([, name]) => name && !/^\w[\w./-]*$/.test(name));
    if (invalid) throw new UsageError(`--${invalid[0]} is not a valid name`);
    const onlyInvitations = values["invitations-only"] === true || invitation !== undefined;
    return await withConnection(stack, connection, async ({ client, url }) => {
      const kind = all ? "all" : flow ? "flows" : "invitations";
      const snapshot = await readSnapshot(client, kind, [...new Set(flow ?? invitation)], onlyInvitations);
      if (isImportFile) {
        const { file, skipped } = await toImportFile(snapshot, onlyInvitations);
        printWithSkipped(file, skipped);
      } else {
        const exported = await writeProgram(snapshot, { isBatch, onlyInvitations, baseUrl: url, connection });
        if (printsCommands) printCommands(exported, stack);
        else printProgram(exported, formatOptions(values));
      }
      return 0;
    });
  },
});

/** The options as the user can repeat them in a shell. */
function formatOptions(values: Readonly<Record<string, string | boolean | readonly string[] | undefined>>): string {
  const options = Object.entries(values).flatMap(([name, value]) =>
    [value].flat().map((item) => (item === true ? `--${name}` : `--${name} ${quoteForShell(String(item))}`)),
  );
  return [...new Set(options)].join(" ");
}

function quoteForShell(word: string): string {
  return /^[\w./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function printWithSkipped(output: string, skipped: readonly string[]): void {
  process.stdout.write(output);
  for (const reason of skipped) process.stderr.write(`Not exported. ${reason}\n`);
}

function printProgram({ program, secrets, skipped }: ExportedProgram, options: string): void {
  printWithSkipped(program, skipped);
  if (secrets.size === 0) return;
  process.stderr.write(
    `The program imports ${countPks(secrets)} by pk. The pks are secrets (whoever has one can enroll), so the program reads them
from the stack's configuration. To set them without displaying them, run this in the Pulumi project's folder, with the same
settings:

  npx pulumi-authentik-invitations export ${options} --commands | sh
`,
  );
}

function printCommands({ secrets }: ExportedProgram, stack: string | undefined): void {
  for (const [key, setting] of secrets) {
    const value = typeof setting === "string" ? setting : JSON.stringify(setting, undefined, 2);
    const options = [...stackOption(stack), key].map(quoteForShell).join(" ");
    // Standard input, because other users of the machine can list the arguments of its processes. The quoted delimiter keeps the shell from
    // expanding anything.
    process.stdout.write(`pulumi config set --secret ${options} <<'END'\n${value}\nEND\n`);
  }
  process.stderr.write(
    secrets.size === 0
      ? "There are no invitations to import, so there are no pks to set.\n"
      : `These commands contain secrets: the pks of ${countPks(secrets)}. Whoever has one can enroll. Do not save or log them.\n`,
  );
}

function countPks(secrets: ReadonlyMap<string, SecretSetting>): string {
  const settings = [...secrets.values()].map((setting) =>
    typeof setting === "string" ? [setting] : Object.values(setting),
  );
  return countInvitations(settings.flat().length);
}
