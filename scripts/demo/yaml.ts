import { copyFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Authentik } from "../../sandbox";
import { ExpectationError } from "./processes";
import type { Reporter, Scenario } from "./scenario";
import { root, type Workspace } from "./workspace";

/** Moves the demo's stack to the native plugin: replaces its program with the same one in YAML, which changes nothing. */
export async function demonstrateYaml(
  workspace: Workspace,
  authentik: Authentik,
  scenario: Scenario,
  reporter: Reporter,
): Promise<void> {
  const readLinks = async (): Promise<string> =>
    (await scenario.runPulumi(["stack", "output", "links", "--json", "--show-secrets"])).stdout;
  reporter.printHeading("Move the stack to YAML, which needs no Node.js, by the native plugin. Nothing changes.");
  const before = await readLinks();
  await copyFile(join(root, "scripts", "demo", "quick-start.yaml"), join(workspace.folder, "Pulumi.yaml"));
  await workspace.addYamlHost();
  const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { version: string };
  const file = join(root, "dist", "plugin", "main.js");
  await scenario.runPulumi(["plugin", "install", "resource", "authentik-invitations", version, "--file", file]);
  await scenario.setConfig("authentik-invitations:url", authentik.url);
  await scenario.setConfig("authentik-invitations:token", { secret: authentik.token });
  await scenario.runPulumi(["preview", "--expect-no-changes"]);
  // Without a refresh, which would run the dynamic provider once more, and the folder may no longer have its package.
  await scenario.runPulumi(["up", "--yes", "--skip-preview"]);
  await scenario.runPulumi(["preview", "--refresh", "--expect-no-changes"]);
  if ((await readLinks()) !== before) throw new ExpectationError("The links of the YAML program are others.");
  reporter.printNote("The resources, their ids and their links are the same. The plugin manages them from now on.");
}
