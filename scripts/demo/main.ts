/**
 * `npm run demo`: runs the quick start at the root of this repository with the real `pulumi` and the embedded authentik, from
 * `up` to `destroy`, with an enrollment, changes outside Pulumi, an emailed link and a move to YAML in between. Leaves nothing behind.
 */
import { randomBytes } from "node:crypto";
import { copyFile, symlink } from "node:fs/promises";
import { join } from "node:path";
import { styleText } from "node:util";
import { Authentik } from "../../sandbox";
import { Admin } from "./admin";
import { demonstrateEmail } from "./email";
import { enroll } from "./invitee";
import { CleanupStack, ExpectationError, runMain } from "./processes";
import { type ManualChange, type Reporter, Scenario } from "./scenario";
import { hasColors, root, Workspace } from "./workspace";
import { demonstrateYaml } from "./yaml";

const names = { lead: "quick-start-lead", team: "quick-start-team", guest: "quick-start-guest" };

const changes: readonly ManualChange[] = [
  {
    description: `An admin edits ${names.lead}: the role becomes "admin", and the link can be used more than once.`,
    apply: (admin) =>
      admin.update("invitations", names.lead, {
        fixed_data: { email: "lead@example.com", attributes: { team: "backend", role: "admin" } },
        single_use: false,
      }),
    values: [
      ["role", '"lead"', '"admin"'],
      ["singleUse", "true", "false"],
    ],
    plannedOperation: `update ${names.lead}`,
  },
  {
    description: `An admin extends ${names.team} by one year.`,
    apply: (admin) => admin.update("invitations", names.team, { expires: "2031-12-31T23:59:59Z" }),
    values: [["expires", '"2030-12-31T23:59:59Z"', '"2031-12-31T23:59:59Z"']],
    plannedOperation: `update ${names.team}`,
  },
  {
    description: `An admin deletes ${names.guest}.`,
    apply: async (admin) => await admin.delete("invitations", (await admin.getByName("invitations", names.guest)).pk),
    values: [],
    plannedOperation: `create ${names.guest}`,
  },
];

/** Opens a link as an invitee who chooses this username, and verifies the team of the new account. */
async function enrollWithLink(
  authentik: Authentik,
  link: string,
  { whose, username, team }: { readonly whose: string; readonly username: string; readonly team: string },
): Promise<readonly string[]> {
  const password = randomBytes(16).toString("hex");
  await enroll(link, { username, password, password_repeat: password });
  const { body } = await authentik.request("GET", `/api/v3/core/users/?username=${username}`);
  const [user] = (body as { results: { attributes: { team?: string } }[] }).results;
  if (user?.attributes.team !== team) throw new ExpectationError("The new account lacks the invitation's data.");
  return [
    `${whose} link opens. The invitee chooses the username ${username} and a password.`,
    `authentik creates the account ${username}, with the data of the invitation: team "${team}".`,
  ];
}

class TerminalReporter implements Reporter {
  readonly echo = true;
  #step = 0;

  printHeading(title: string): void {
    this.#step += 1;
    process.stdout.write(`\n${colorize("bold", `${this.#step}. ${title}`)}\n\n`);
  }

  printCommand(line: string): void {
    process.stdout.write(`${colorize("cyan", `$ ${line}`)}\n`);
  }

  printNote(sentence: string): void {
    process.stdout.write(`${colorize("yellow", "*")} ${sentence}\n`);
  }
}

function colorize(style: "bold" | "cyan" | "yellow", text: string): string {
  return hasColors() ? styleText(style, text) : text;
}

async function main(interrupted: AbortSignal): Promise<void> {
  const start = performance.now();
  const cleanup = new CleanupStack();
  try {
    const workspace = await Workspace.create(interrupted, "authentik-demo-");
    cleanup.defer(() => workspace.remove());
    const authentik = await Authentik.start();
    cleanup.defer(() => authentik.close());
    const admin = new Admin(authentik);
    cleanup.defer(() => admin.close());
    // The unchanged project, but in a folder of its own, so that Pulumi.demo.yaml is not written to the work tree.
    await copyFile(join(root, "Pulumi.yaml"), join(workspace.folder, "Pulumi.yaml"));
    await symlink(join(root, "examples"), join(workspace.folder, "examples"), "junction");
    process.stdout.write(
      `This demo runs the quick start (examples/quick-start) with Pulumi ${workspace.pulumiVersion} and an embedded authentik,
a stand-in that is tested against recorded responses of real servers.\n`,
    );
    const reporter = new TerminalReporter();
    const scenario = new Scenario(
      {
        workspace,
        admin,
        stack: "demo",
        config: { "authentik:url": authentik.url, "authentik:token": { secret: authentik.token } },
        invitations: Object.values(names),
        stages: ["quick-start-invitation"],
        flows: ["quick-start"],
        // The other two work only once.
        enroll: (links) =>
          enrollWithLink(authentik, String(links["team"]), { whose: "The team's", username: "sam", team: "backend" }),
        isOurs: () => true,
        changes,
        program: "examples/quick-start/index.ts",
      },
      reporter,
    );
    await scenario.run(async () => {
      await demonstrateEmail(workspace.folder, authentik, scenario, reporter, (link) =>
        enrollWithLink(authentik, link, { whose: "The emailed", username: "alex", team: "frontend" }),
      );
      await demonstrateYaml(workspace, authentik, scenario, reporter);
    });
    const seconds = Math.round((performance.now() - start) / 1000);
    process.stdout.write(
      `\n${colorize("bold", "Demo completed")} in ${seconds} s. To run this project on your own authentik, from the root of this repository:

  pulumi stack init dev
  pulumi config set authentik:url https://authentik.example.com
  pulumi config set --secret authentik:token   # prompts for it
  pulumi up\n`,
    );
  } finally {
    await cleanup.run();
  }
}

void runMain(main);
