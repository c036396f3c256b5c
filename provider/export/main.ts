#!/usr/bin/env node
/** The command `pulumi-authentik-invitations`. */
import { parseArgs } from "node:util";
import { readAddress } from "../address";
import { AuthentikError } from "../authentik/errors";
import { connect } from "../lifecycle/connections";
import { UserError } from "../lifecycle/user-error";
import { readHeld } from "./held";
import { type Exported, writeProgram } from "./program";

const { version } = require("../../package.json") as { version: string };

const usage = `Usage: pulumi-authentik-invitations export --flow <slug> [--commands]

Writes a Pulumi program in TypeScript of what authentik has of a flow: the flow, its invitation stages, the bindings of its
stages, and its invitations. The first \`pulumi up\` of that program takes all of it over, and writes nothing.

  pulumi-authentik-invitations export --flow staff-enrollment > index.ts
  pulumi-authentik-invitations export --flow staff-enrollment --commands | sh
  pulumi up

Options:
  --flow <slug>  the flow, by what stands in its address (/if/flow/<slug>/)
  --commands     prints, instead of the program, the commands that give the stack the pks of the invitations.
                 These are secrets: who has one may enrol.
  --help         this text
  --version      the version

Environment:
  AUTHENTIK_URL       address of authentik
  AUTHENTIK_TOKEN     API token of a user with the permissions to view flows, stages, bindings and invitations
  AUTHENTIK_INSECURE  true accepts any certificate

Exit codes: 0 done, 1 authentik could not be asked, 2 wrong usage.
`;

/** How many settings stand in one command: each \`pulumi config\` takes a second, and a command line has an end. */
const settingsPerCommand = 50;

class UsageError extends Error {}

async function main(args: readonly string[]): Promise<number> {
  try {
    const { values, positionals } = parse(args);
    if (values.help) return say(process.stdout, usage);
    if (values.version) return say(process.stdout, `${version}\n`);
    const [command, ...others] = positionals;
    if (command === undefined) throw new UsageError("the command is missing: export");
    if (command !== "export") throw new UsageError(`there is no command "${command}": the only one is export`);
    if (others.length > 0) throw new UsageError(`"${others.join(" ")}" is too much: the flow is given by --flow`);
    const slug = values.flow?.trim();
    if (slug === undefined || slug === "") throw new UsageError("--flow <slug> is missing");
    const exported = await read(slug);
    return values.commands ? tellCommands(exported) : tellProgram(exported, slug);
  } catch (error) {
    if (error instanceof UsageError) {
      say(process.stderr, `pulumi-authentik-invitations: ${error.message}\n\n${usage.split("\n", 1)[0]}\n`);
      return 2;
    }
    if (error instanceof UserError || error instanceof AuthentikError) {
      say(process.stderr, `pulumi-authentik-invitations: ${error.message}\n`);
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
        flow: { type: "string" },
        commands: { type: "boolean" },
        help: { type: "boolean", short: "h" },
        version: { type: "boolean" },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message.split(". ", 1)[0] : String(error));
  }
}

async function read(slug: string): Promise<Exported> {
  for (const variable of ["AUTHENTIK_URL", "AUTHENTIK_TOKEN"]) {
    if (!process.env[variable]) throw new UserError(`${variable} is not set in the environment.`);
  }
  const { client } = connect();
  const address = readAddress(process.env["AUTHENTIK_URL"] ?? "");
  try {
    return await writeProgram(await readHeld(client, slug), "url" in address ? address.url : "");
  } finally {
    await client.close();
  }
}

function tellProgram({ program, secrets, leftOut }: Exported, slug: string): number {
  say(process.stdout, program);
  for (const text of leftOut) say(process.stderr, `Left out. ${text}\n`);
  if (secrets.size > 0) {
    say(
      process.stderr,
      `The program takes over ${count(secrets.size)} by their pks, which are secrets: who has one may enrol. It reads them from the stack's
settings. Set them, from the same environment and in the folder of the Pulumi project, without anybody seeing them:

  npx pulumi-authentik-invitations export --flow ${slug} --commands | sh
`,
    );
  }
  return 0;
}

function tellCommands({ secrets }: Exported): number {
  const settings = [...secrets].map(([key, pk]) => `--secret ${key}=${pk}`);
  for (let start = 0; start < settings.length; start += settingsPerCommand) {
    const some = settings.slice(start, start + settingsPerCommand);
    say(process.stdout, `pulumi config set-all ${some.join(" ")}\n`);
  }
  say(
    process.stderr,
    secrets.size === 0
      ? "There are no invitations whose pks have to be set.\n"
      : `These commands hold secrets, the pks of ${count(secrets.size)}: who has one may enrol. Do not keep them, nor show them in a log.\n`,
  );
  return 0;
}

function count(invitations: number): string {
  return invitations === 1 ? "1 invitation" : `${invitations} invitations`;
}

function say(stream: NodeJS.WriteStream, text: string): number {
  stream.write(text);
  return 0;
}

// `export … | head` has read enough.
process.stdout.on("error", () => process.exit(0));

main(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
