import { defaultConnection } from "../../common/base-url";
import { toPrintableLine } from "../../common/printable";
import { configure } from "../../lifecycle/connections";
import { UserError } from "../../lifecycle/user-error";
import { packageName } from "../../plugin/schema";
import { toConfiguration } from "../../plugin/settings";
import type { Properties } from "../../values/properties";
import { defineCommand, flag, print, string, UsageError } from "../command";
import { configureFromStack, exportStack, runPulumi, stackOption } from "../pulumi";
import {
  isExplicitProvider,
  isOfPlugin,
  kindOf,
  type Operation,
  operationsOf,
  parseState,
  pendingOperationsOf,
  providerOf,
  type State,
  type StateResource,
  unwrapSecrets,
} from "../state";
import { findCode, rejectedExitCode, reportCode } from "../state-code";
import { confirm, warn } from "../terminal";
import { withReadableBackend } from "./attributes";
import { planRecovery, type RecoveredOperation } from "./plan";

export const recoverCommand = defineCommand({
  usage: `Usage: pulumi-authentik-invitations recover [--stack <name>] [--yes | --dry-run | --check] [--strict]

Repairs a stack's state after a run of \`pulumi up\` that was killed. For each creation that was under way, looks up in authentik's
event log whether it was carried out. Moves what was created into the state, as if the run had completed it, and removes the
pending operation of what was not. If Pulumi cannot read its backend in a folder because of an empty file .attrs, removes that
file first. Removes pending updates and deletions: the next refresh shows what they did. Changes nothing
in authentik.

First checks that the state contains no code that someone else has put there: Pulumi would run it with the credentials of the next
run. If it does, nothing else is done.

  pulumi cancel                               # if the killed run left a lock
  npx pulumi-authentik-invitations recover
  pulumi up --refresh

Options:
  --stack <name>  the stack (default: the current one)
  --yes           change the state without confirmation
  --dry-run       only print what would change
  --check         only check the state; sends no requests to authentik
  --strict        also reject code and URLs in the state that other packages may have put there, instead of a warning
  --help          print this help

The URL and token are those of the stack's configuration, or AUTHENTIK_URL and AUTHENTIK_TOKEN. For resources of the plugin that have
an explicit provider, they are the provider's.

Exit codes: 0 no operation of this package is pending any more (with --dry-run: would be), 1 something is unclear or an error
occurred, 2 invalid usage, 3 the state contains code of someone else.
`,
  options: { stack: string, yes: flag, "dry-run": flag, check: flag, strict: flag },
  async run({ stack, yes: isConfirmed = false, "dry-run": isDryRun = false, check: isCheck = false, strict = false }) {
    if (isCheck && (isDryRun || isConfirmed)) throw new UsageError("--check cannot be used with --yes or --dry-run");
    if (!isCheck && !isDryRun && !isConfirmed && !process.stdin.isTTY) {
      throw new UsageError("--yes or --dry-run is required without a terminal");
    }
    const options = { isDryRun: isDryRun || isCheck, isConfirmed };
    const output = await withReadableBackend(() => exportStack(stack, true), options);
    const state = parseState(output, "The state");
    if (!reportCode(await findCode(state, stack), stack, strict)) return rejectedExitCode;
    if (isCheck) return 0;
    if (pendingOperationsOf(state).length === 0) return print("No operation of this package is pending.\n");
    const plan = await planRecovery(state, (resource) => configureFor(resource, state, stack));
    for (const operation of plan.operations) print(`${toPrintableLine(describe(operation))}\n`);
    const isUnclear = plan.operations.some(({ outcome }) => outcome === "unclear" || outcome === "orphaned");
    const isChanged = plan.operations.some(({ outcome }) => outcome !== "unclear");
    // `pulumi stack import` removes every pending operation, also those that it is given.
    const others = operationsOf(state).filter(({ resource }) => kindOf(resource) === undefined);
    const otherCreations = others.filter(({ type }) => type === "creating");
    if (isChanged && otherCreations.length > 0) {
      throw new UserError(
        `The state cannot be changed, because \`pulumi stack import\` would also remove the pending creations of other packages: ${listUrns(otherCreations)}. Resolve these first with \`pulumi refresh\`, which asks about each.`,
      );
    }
    if (isDryRun || !isChanged) return isUnclear ? 1 : 0;
    if (!(await confirm("Change the state?", isConfirmed))) return 1;
    // The import would overwrite what another run has written meanwhile.
    if ((await exportStack(stack, true)) !== output) {
      throw new UserError("The state was changed by another run meanwhile. Run `recover` again after that run.");
    }
    await runPulumi(["stack", "import", ...stackOption(stack)], JSON.stringify(plan.state));
    if (others.length > 0) {
      warn(
        `Pulumi also removed the pending operations of other packages: ${listUrns(others)}. The next refresh shows what they did.`,
      );
    }
    print("The state was changed. Run `pulumi up --refresh`.\n");
    return isUnclear ? 1 : 0;
  },
});

/** Uses the settings that a resource's run had. Only an explicit provider's are in the state alone: the program may have computed them. */
async function configureFor(resource: StateResource, state: State, stack: string | undefined): Promise<void> {
  const provider = isOfPlugin(resource) ? providerOf(resource, state) : undefined;
  if (provider !== undefined && isExplicitProvider(provider)) {
    await configure({ config: toConfiguration((unwrapSecrets(provider.inputs) ?? {}) as Properties, provider.urn) });
  } else {
    await configureFromStack(stack, defaultConnection, isOfPlugin(resource) ? packageName : defaultConnection);
  }
}

function listUrns(operations: readonly Operation[]): string {
  return operations.map(({ type, resource }) => `${type} ${resource.urn}`).join(", ");
}

function describe({ name, type, outcome, id, reason }: RecoveredOperation): string {
  const resource = `${type} "${name}":`;
  switch (outcome) {
    case "recovered":
      return `${resource} ${reason ?? `was created (id ${id}). It will be added to the state`}`;
    case "orphaned":
      return `${resource} was created (id ${id}), but the state has another one, which a later run created. Its pending operation will be removed. To delete it, run \`audit --delete\``;
    case "removed":
      return `${resource} ${reason}. Its pending operation will be removed`;
    case "unclear":
      return `${resource} unclear: ${reason}. Its pending operation will also be removed if the state changes`;
  }
}
