import { defaultConnection } from "../../common/base-url";
import { configure } from "../../lifecycle/connections";
import { packageName } from "../../plugin/schema";
import { toConfiguration } from "../../plugin/settings";
import type { Properties } from "../../values/properties";
import { configureFromStack } from "../pulumi";
import { isExplicitProvider, isOfPlugin, providerOf, type State, type StateResource, unwrapSecrets } from "../state";

/** Uses the settings that a resource's run had. Only an explicit provider's are in the state alone: the program may have computed them. */
export async function configureFor(resource: StateResource, state: State, stack: string | undefined): Promise<void> {
  const provider = isOfPlugin(resource) ? providerOf(resource, state) : undefined;
  if (provider !== undefined && isExplicitProvider(provider)) {
    await configure({ config: toConfiguration((unwrapSecrets(provider.inputs) ?? {}) as Properties, provider.urn) });
  } else {
    await configureFromStack(stack, defaultConnection, isOfPlugin(resource) ? packageName : defaultConnection);
  }
}
