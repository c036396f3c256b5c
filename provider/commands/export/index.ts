import { connect } from "../../lifecycle/engine/connections";
import { UserError } from "../../lifecycle/engine/user-error";
import { type Command, type OptionValues, UsageError } from "../command";
import { readFlow } from "./flow-snapshot";
import { type ExportedProgram, writeProgram } from "./program";

/** Settings per `pulumi config set-all`: each call takes a second, and the length of a command line is limited. */
const settingsPerCommand = 50;

export const exportCommand: Command = {
  usage: `Usage: pulumi-authentik-invitations export --flow <slug> [--commands]

Writes a Pulumi program in TypeScript that imports a flow from authentik: the flow, its invitation stages, the bindings of its
stages, and its invitations. The first \`pulumi up\` of that program imports them and changes nothing in authentik.

  pulumi-authentik-invitations export --flow staff-enrollment > index.ts
  pulumi-authentik-invitations export --flow staff-enrollment --commands | sh
  pulumi up

Options:
  --flow <slug>  the flow's slug, the part of its URL after /if/flow/
  --commands     print the commands that store the invitations' pks in the stack's configuration, instead of the program.
                 The pks are secrets: whoever has one can enroll.
  --help         print this help
  --version      print the version

Environment variables:
  AUTHENTIK_URL       authentik's URL
  AUTHENTIK_TOKEN     API token of a user that is allowed to view flows, stages, bindings and invitations
  AUTHENTIK_INSECURE  true accepts any TLS certificate

Exit codes: 0 success, 1 error, 2 invalid usage.
`,
  options: { flow: { type: "string" }, commands: { type: "boolean" } },
  run: exportFlow,
};

async function exportFlow(values: OptionValues): Promise<number> {
  const slug = typeof values["flow"] === "string" ? values["flow"].trim() : "";
  if (slug === "") throw new UsageError("--flow <slug> is required");
  for (const variable of ["AUTHENTIK_URL", "AUTHENTIK_TOKEN"]) {
    if (!process.env[variable]) throw new UserError(`The environment variable ${variable} is not set.`);
  }
  const { client, url } = connect();
  try {
    const exported = await writeProgram(await readFlow(client, slug), url);
    if (values["commands"]) printCommands(exported);
    else printProgram(exported, slug);
    return 0;
  } finally {
    await client.close();
  }
}

function printProgram({ program, secrets, skipped }: ExportedProgram, slug: string): void {
  process.stdout.write(program);
  for (const reason of skipped) process.stderr.write(`Not exported. ${reason}\n`);
  if (secrets.size > 0) {
    process.stderr.write(
      `The program imports ${countInvitations(secrets.size)} by pk. The pks are secrets (whoever has one can enroll), so the program reads them
from the stack's configuration. To set them without displaying them, run this in the Pulumi project's folder, with the same
environment variables:

  npx pulumi-authentik-invitations export --flow ${slug} --commands | sh
`,
    );
  }
}

function printCommands({ secrets }: ExportedProgram): void {
  const settings = [...secrets].map(([key, pk]) => `--secret ${key}=${pk}`);
  for (let start = 0; start < settings.length; start += settingsPerCommand) {
    process.stdout.write(`pulumi config set-all ${settings.slice(start, start + settingsPerCommand).join(" ")}\n`);
  }
  process.stderr.write(
    secrets.size === 0
      ? "The flow has no invitations, so there are no pks to set.\n"
      : `These commands contain secrets: the pks of ${countInvitations(secrets.size)}. Whoever has one can enroll. Do not save or log them.\n`,
  );
}

function countInvitations(count: number): string {
  return count === 1 ? "1 invitation" : `${count} invitations`;
}
