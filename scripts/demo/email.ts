import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Authentik } from "../../sandbox";
import { ExpectationError } from "./processes";
import type { Reporter, Scenario } from "./scenario";

const project = "email";

/**
 * Creates an invitation whose link authentik emails, in a stack of its own with the settings of the demo's. `enroll` opens
 * the link of the mail, and returns sentences that describe the result.
 */
export async function demonstrateEmail(
  folder: string,
  authentik: Authentik,
  scenario: Scenario,
  reporter: Reporter,
  enroll: (link: string) => Promise<readonly string[]>,
): Promise<void> {
  reporter.printHeading("Let authentik email a link (2026.5 and later), so that only the invitee sees it.");
  await mkdir(join(folder, project));
  const program = JSON.stringify(join(__dirname, "email-program.js"));
  await writeFile(
    join(folder, project, "Pulumi.yaml"),
    `name: ${project}\nruntime:\n  name: nodejs\n  options:\n    typescript: false\nmain: ${program}\n`,
  );
  await copyFile(join(folder, "Pulumi.demo.yaml"), join(folder, project, "Pulumi.demo.yaml"));
  const inProject = ["--cwd", project];
  await scenario.runPulumi(["stack", "init", "demo", ...inProject]);
  await scenario.runPulumi(["up", "--yes", "--skip-preview", ...inProject]);
  const [mail, ...others] = authentik.outbox;
  if (mail === undefined || others.length > 0) throw new ExpectationError("authentik did not send exactly one email.");
  reporter.printNote(`An email arrives at ${mail.to}: "${mail.subject}", with the link ${mail.link}`);
  for (const sentence of await enroll(mail.link)) reporter.printNote(sentence);
  await scenario.runPulumi(["destroy", "--yes", "--skip-preview", ...inProject]);
}
