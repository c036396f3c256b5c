import * as pulumi from "@pulumi/pulumi";
import { defaultConnection } from "../common/base-url";
import { hasStack } from "../common/run";
import { whenKnown } from "./inputs";

const environmentVariables: Readonly<Record<string, string>> = { url: "AUTHENTIK_URL", token: "AUTHENTIK_TOKEN" };

/**
 * Throws if a resource has an explicit provider without a setting that the stack's configuration has. Pulumi passes the configuration only to the
 * default provider, so the provider process would report that it is not set.
 */
export function requireSettings(
  resource: string,
  provider: pulumi.ProviderResource | undefined,
  connection: pulumi.Input<string> | undefined,
): void {
  if (provider === undefined || !hasStack()) return;
  const require = (namespace: string = defaultConnection): void => {
    const missing = Object.entries(environmentVariables)
      .filter(([, variable]) => namespace !== defaultConnection || !process.env[variable])
      .map(([name]) => `${namespace}:${name}`)
      // The SDK makes a property of each of the provider's inputs.
      .filter((setting) => pulumi.runtime.getConfig(setting) !== undefined && !(setting in provider));
    if (missing.length === 0) return;
    throw new pulumi.RunError(
      `${resource} has an explicit provider without ${missing.join(" and ")}. An explicit provider does not have the stack's configuration. Pass these settings to the provider as inputs: see "Explicit providers" in docs/configuration.md.`,
    );
  };
  whenKnown(connection, require);
}
