#!/usr/bin/env node
/** The command `pulumi-authentik-invitations`. */
import { AuthentikError } from "../authentik/errors";
import { toPrintableLine } from "../common/printable";
import { UserError } from "../lifecycle/user-error";
import { auditCommand } from "./audit";
import { ciCommand } from "./ci";
import { type Command, print, UsageError, version } from "./command";
import { exportCommand } from "./export";
import { recoverCommand } from "./recover";
import { reportCommand } from "./report";

const commands = new Map<string, Command>([
  ["audit", auditCommand],
  ["ci", ciCommand],
  ["export", exportCommand],
  ["recover", recoverCommand],
  ["report", reportCommand],
]);

const usage = `Usage: pulumi-authentik-invitations <command> [options]

Commands:
  audit    list the invitations in authentik that no stack declares
  ci       run Pulumi in a CI pipeline, and report the result on GitHub, GitLab, Gitea or Forgejo
  export   write a Pulumi program that imports flows with their invitations
  recover  repair a stack's state after a run that was killed
  report   list a stack's invitations with their status and the accounts that enrolled

Run \`pulumi-authentik-invitations <command> --help\` for the options of a command, or --version for the version.
`;

async function main([name, ...args]: readonly string[]): Promise<number> {
  const command = commands.get(name ?? "");
  try {
    return command === undefined ? runWithoutCommand(name) : await command.run(args);
  } catch (error) {
    if (error instanceof UsageError) {
      const [line] = (command?.usage ?? usage).split("\n", 1);
      process.stderr.write(`pulumi-authentik-invitations: ${toPrintableLine(error.message)}\n\n${line}\n`);
      return 2;
    }
    if (error instanceof UserError || error instanceof AuthentikError) {
      process.stderr.write(`pulumi-authentik-invitations: ${error.message}\n`);
      return 1;
    }
    throw error;
  }
}

function runWithoutCommand(name: string | undefined): number {
  if (name === "--version") return print(`${version}\n`);
  if (name === "--help" || name === "-h") return print(usage);
  const names = [...commands.keys()].join(", ");
  if (name === undefined) throw new UsageError(`a command is required: ${names}`);
  if (name.startsWith("-")) throw new UsageError(`the command must come first: ${names}`);
  throw new UsageError(`unknown command "${name}": the commands are ${names}`);
}

// The reader of a pipe, such as `head`, may close it early.
process.stdout.on("error", () => process.exit(0));

main(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
