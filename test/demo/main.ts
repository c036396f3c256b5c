/**
 * `npm run demo`: the quick start at the root of this repository, run by the real `pulumi` against the embedded authentik, from
 * `up` to `destroy`, with somebody who changes things by hand in between. Leaves nothing behind.
 */
import { copyFile, symlink } from "node:fs/promises";
import { join } from "node:path";
import { styleText } from "node:util";
import { Authentik } from "../sandbox";
import { Admin } from "./admin";
import { runMain, Undo } from "./processes";
import { type Change, Story, type Teller } from "./story";
import { hasColors, root, Workspace } from "./workspace";

const names = { lead: "quick-start-lead", team: "quick-start-team", guest: "quick-start-guest" };

/** What an admin does in the meantime. */
const changes: readonly Change[] = [
  {
    does: `An admin edits ${names.lead}: its role becomes "admin", and the link works more than once.`,
    make: (admin) =>
      admin.change("invitations", names.lead, {
        fixed_data: { email: "lead@example.com", attributes: { team: "backend", role: "admin" } },
        single_use: false,
      }),
    values: [
      ["role", '"lead"', '"admin"'],
      ["singleUse", "true", "false"],
    ],
    repair: `update ${names.lead}`,
  },
  {
    does: `An admin moves the expiry of ${names.team} by a year.`,
    make: (admin) => admin.change("invitations", names.team, { expires: "2031-12-31T23:59:59Z" }),
    values: [["expires", '"2030-12-31T23:59:59Z"', '"2031-12-31T23:59:59Z"']],
    repair: `update ${names.team}`,
  },
  {
    does: `An admin deletes ${names.guest}.`,
    make: async (admin) => await admin.delete("invitations", (await admin.named("invitations", names.guest)).pk),
    values: [],
    repair: `create ${names.guest}`,
  },
];

class Screen implements Teller {
  readonly echo = true;
  #step = 0;

  heading(sentence: string): void {
    this.#step += 1;
    process.stdout.write(`\n${paint("bold", `${this.#step}. ${sentence}`)}\n\n`);
  }

  command(line: string): void {
    process.stdout.write(`${paint("cyan", `$ ${line}`)}\n`);
  }

  say(sentence: string): void {
    process.stdout.write(`${paint("yellow", "*")} ${sentence}\n`);
  }
}

function paint(style: "bold" | "cyan" | "yellow", text: string): string {
  return hasColors() ? styleText(style, text) : text;
}

async function main(interrupted: AbortSignal): Promise<void> {
  const start = performance.now();
  const undo = new Undo();
  try {
    const workspace = await Workspace.create(interrupted, "authentik-demo-");
    undo.later(() => workspace.remove());
    const authentik = await Authentik.start();
    undo.later(() => authentik.close());
    const admin = new Admin(authentik);
    undo.later(() => admin.close());
    // The project as it is, but in a folder where the stack's settings (Pulumi.demo.yaml) are in nobody's way.
    await copyFile(join(root, "Pulumi.yaml"), join(workspace.folder, "Pulumi.yaml"));
    await symlink(join(root, "examples"), join(workspace.folder, "examples"), "junction");
    process.stdout.write(
      `Invitations of authentik as code: the quick start of this repository, with Pulumi ${workspace.pulumiVersion}.
The authentik is an embedded one: a stand-in that answers as real servers were recorded to answer.\n`,
    );
    const story = new Story(
      {
        workspace,
        admin,
        stack: "demo",
        config: { "authentik:url": authentik.url, "authentik:token": { secret: authentik.token } },
        invitations: Object.values(names),
        stages: ["quick-start-invitation"],
        isOurs: () => true,
        changes,
        program: "examples/quick-start/index.ts",
      },
      new Screen(),
    );
    await story.tell();
    process.stdout.write(
      `\n${paint("bold", "That is the story.")} It took ${Math.round((performance.now() - start) / 1000)} s. To run the same project against your own authentik:

  pulumi stack init dev
  pulumi config set authentik:url https://authentik.example.com
  pulumi config set --secret authentik:token
  pulumi up\n`,
    );
  } finally {
    await undo.all();
  }
}

void runMain(main);
