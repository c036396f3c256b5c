import { Authentik } from "../../sandbox";
import { Project, type Run } from "../engine/project";
import type { Failure } from "./failures";
import { normalize } from "./messages";
import { withTrustedCa } from "./run";
import { startFailingServer } from "./servers";

export interface PluginRun extends Run {
  /** The error of each failure, in the same form as those of the matrix. */
  readonly messages: Readonly<Record<string, string>>;
}

/** Runs `pulumi up` with an explicit provider for each failure, which every request meets, and an invitation below it. */
export async function runExplicitProviders(failures: readonly Failure[]): Promise<PluginRun> {
  return await withTrustedCa((env) => runUp(failures, env));
}

async function runUp(failures: readonly Failure[], env: Record<string, string>): Promise<PluginRun> {
  const server = await Authentik.start();
  const failing = await Promise.all(failures.map((failure) => startFailingServer(failure, server)));
  const project = await Project.create("", {
    plugin: true,
    config: { token: { secret: server.token } },
    env,
  });
  try {
    await Promise.all(failing.map(({ arm }) => arm()));
    const resources = failing.map(
      ({ url }, index) => `
  provider${index}:
    type: pulumi:providers:authentik-invitations
    properties: { url: "${url}", token: "\${token}" }
  invitation${index}:
    type: authentik-invitations:Invitation
    properties: { name: jane, expires: "2035-01-01T00:00:00Z" }
    options: { provider: "\${provider${index}}" }`,
    );
    await project.writeYaml(`config: { token: { type: string, secret: true } }\nresources:${resources.join("")}\n`);
    const { code, output } = await project.pulumi(
      "up",
      "--yes",
      "--skip-preview",
      "--suppress-progress",
      "--continue-on-error",
    );
    const messages = failures.map(({ title }, index) => {
      const [, message = ""] = new RegExp(`\\(invitation${index}\\):\\n\\s+error: (.*)`).exec(output) ?? [];
      const settingName = new RegExp(`\\bthe property (\\w+) of provider "provider${index}"`, "g");
      return [title, normalize(message, failing[index]?.url ?? "", settingName)];
    });
    return { code, output, messages: Object.fromEntries(messages) };
  } finally {
    await project.remove();
    await Promise.all(failing.map(({ close }) => close()));
    await server.close();
  }
}
