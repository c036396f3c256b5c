#!/usr/bin/env node
/** The command `pulumi-authentik-invitations`. */
import { parseArgs } from "node:util";
import { AuthentikError } from "../authentik/errors";
import { UserError } from "../lifecycle/engine/user-error";
import { type Command, UsageError } from "./command";
import { exportCommand } from "./export";

const { version } = require("../../package.json") as { version: string };

const commands: Readonly<Record<string, Command>> = { export: exportCommand };

async function main(args: readonly string[]): Promise<number> {
  try {
    const { values, positionals } = parse(args);
    const [name, ...others] = positionals;
    const command = name === undefined ? undefined : commands[name];
    if (values["help"]) return print((command ?? exportCommand).usage);
    if (values["version"]) return print(`${version}\n`);
    if (name === undefined) throw new UsageError("a command is required: export");
    if (command === undefined) throw new UsageError(`unknown command "${name}": the only one is export`);
    if (others.length > 0) throw new UsageError(`unexpected argument "${others.join(" ")}": set the flow with --flow`);
    return await command.run(values);
  } catch (error) {
    if (error instanceof UsageError) {
      const [usage] = exportCommand.usage.split("\n", 1);
      process.stderr.write(`pulumi-authentik-invitations: ${error.message}\n\n${usage}\n`);
      return 2;
    }
    if (error instanceof UserError || error instanceof AuthentikError) {
      process.stderr.write(`pulumi-authentik-invitations: ${error.message}\n`);
      return 1;
    }
    throw error;
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        ...exportCommand.options,
        help: { type: "boolean", short: "h" },
        version: { type: "boolean" },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message.split(". ", 1)[0] : String(error));
  }
}

function print(output: string): number {
  process.stdout.write(output);
  return 0;
}

// The reader of a pipe, such as `head`, may close it early.
process.stdout.on("error", () => process.exit(0));

main(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
