import { groupBy } from "../../common/group-by";
import { secretInputsInput } from "../../common/secret-inputs";
import { parseUrn } from "../../common/urn";
import type { Recoverable, Recovery, RecoveryOptions } from "../../lifecycle/creation";
import * as objects from "../../objects";
import { secretOutputNames } from "../../plugin/schema";
import type { Properties } from "../../values/properties";
import { secretOutputsOf } from "../../values/secrets";
import {
  containsSecret,
  indexOfCurrent,
  invitationIdsOf,
  isOfPlugin,
  kindOf,
  type Operation,
  operationsOf,
  pendingOperationsOf,
  resourcesOf,
  type State,
  type StateResource,
  secretInputNamesInState,
  toStateSecret,
  unwrapSecrets,
} from "../state";

/** What becomes of a pending operation. */
export interface RecoveredOperation {
  /** Logical name of the resource. */
  readonly name: string;
  /** Class name of the resource. */
  readonly type: string;
  readonly outcome: "recovered" | "removed" | "orphaned" | "unclear";
  readonly id?: string;
  readonly reason?: string;
}

const interruptedEmail = "the update was interrupted; the addresses that it added are saved as emailed";

/**
 * Determines what the pending operations did, and the state without them. The state must have been exported with `--show-secrets`. `configureFor`
 * selects the settings of a resource's provider.
 */
export async function planRecovery(
  state: State,
  configureFor: (resource: StateResource) => Promise<void> = async () => {},
): Promise<{ state: State; operations: RecoveredOperation[] }> {
  const ids = new Set([...resourcesOf(state).map(({ id }) => id), ...invitationIdsOf(state)]);
  const options = { isInState: (id: string) => ids.has(id) };
  const pendingOperations = pendingOperationsOf(state);
  const recoveries = new Map<Operation, Recovery | undefined>();
  // One provider after the other, because the settings are those of the process.
  const groups = groupBy(pendingOperations, ({ resource }) =>
    // Dynamic resources select their settings by the input `connection`.
    isOfPlugin(resource) ? `plugin ${resource.provider}` : "dynamic",
  );
  for (const group of groups.values()) {
    await configureFor(group[0].resource);
    await Promise.all(
      group.map(async (operation) => recoveries.set(operation, await recoverOperation(state, operation, options))),
    );
  }
  const resources = [...resourcesOf(state)];
  const operations = pendingOperations.map((pending) => applyRecovery(resources, pending, recoveries.get(pending)));
  const handled = pendingOperations.filter((_, index) => operations[index]?.outcome !== "unclear");
  const pending = operationsOf(state).filter((operation) => !handled.includes(operation));
  return {
    state: { ...state, deployment: { ...state.deployment, resources, pending_operations: pending } },
    operations,
  };
}

/** `undefined` for an operation that created nothing: the next refresh shows what it did. */
async function recoverOperation(
  state: State,
  { resource, type }: Operation,
  options: RecoveryOptions,
): Promise<Recovery | undefined> {
  const name = kindOf(resource) ?? "";
  // The update of a batch creates invitations, and that of an invitation may email its link.
  const isUpdate = type === "updating" && (name === "InvitationBatch" || name === "Invitation");
  if (type !== "creating" && !isUpdate) return undefined;
  const current = resourcesOf(state)[indexOfCurrent(resourcesOf(state), resource)];
  // Secret is what the old or the new declaration says.
  const secretInputs = [
    ...new Set([...secretInputNamesInState(current?.inputs), ...secretInputNamesInState(resource.inputs)]),
  ];
  const withSecretInputs = (properties: unknown): Properties => ({
    ...(unwrapSecrets(properties ?? {}) as Properties),
    ...(secretInputs.length > 0 ? { [secretInputsInput]: secretInputs } : {}),
  });
  const outputs = isUpdate ? withSecretInputs(current?.outputs) : undefined;
  const operations = new Map<string, Recoverable>(Object.entries(objects)).get(name);
  if (operations === undefined) {
    return { outcome: "unclear", reason: "this version of the package does not have this kind of resource. Update it" };
  }
  const inputs = withSecretInputs(resource.inputs);
  return await operations.recover(inputs, outputs === undefined ? options : { ...options, outputs });
}

/** Applies the outcome to `resources`. */
function applyRecovery(
  resources: StateResource[],
  { resource, type: operationType }: Operation,
  recovery: Recovery | undefined,
): RecoveredOperation {
  const operation = { name: parseUrn(resource.urn).name, type: kindOf(resource) ?? "" };
  const isUpdate = operationType === "updating";
  if (recovery === undefined || (isUpdate && recovery.outcome === "not created")) {
    const reason = `${operationType} was interrupted, the next refresh shows what it did`;
    return { ...operation, outcome: "removed", reason };
  }
  if (recovery.outcome === "unclear") return { ...operation, outcome: "unclear", reason: recovery.reason };
  if (recovery.outcome === "not created") return { ...operation, outcome: "removed", reason: "was not created" };

  const { id } = recovery;
  const index = indexOfCurrent(resources, resource);
  const current = resources[index];
  if (isUpdate) {
    if (current) resources[index] = { ...completeResource(current, recovery, resource), created: current.created };
    const reason = operation.type === "Invitation" ? { reason: interruptedEmail } : {};
    return { ...operation, outcome: "recovered", id, ...reason };
  }
  if (resources.some((other) => other.urn === resource.urn && other.id === id)) {
    return { ...operation, outcome: "removed", id, reason: "is in the state already" };
  }
  if (current && Date.parse(current.created ?? "") > Date.parse(recovery.created)) {
    return { ...operation, outcome: "orphaned", id };
  }
  // The interrupted run replaced the current one, which the next run has to delete.
  if (current) resources[index] = { ...current, delete: true };
  resources.splice(positionFor(resources, resource, index), 0, completeResource(resource, recovery));
  return { ...operation, outcome: "recovered", id };
}

/** After everything that the resource depends on, and otherwise in place of the resource that it replaces. */
function positionFor(resources: readonly StateResource[], resource: StateResource, replacedIndex: number): number {
  const required = new Set([resource.parent, ...(resource.dependencies ?? [])]);
  const afterRequired = resources.findLastIndex(({ urn }) => required.has(urn)) + 1;
  return replacedIndex === -1 ? resources.length : Math.max(afterRequired, replacedIndex);
}

/** The resource as the engine would have written it after the operation. `declared` has the inputs of the interrupted run. */
function completeResource(
  resource: StateResource,
  { id, outputs, created }: Extract<Recovery, { outcome: "created" }>,
  declared = resource,
): StateResource {
  const secretOutputs = new Set([
    ...secretOutputsOf(outputs),
    ...(isOfPlugin(resource) ? secretOutputNames(resource.type) : []),
    ...[resource, declared].flatMap(({ additionalSecretOutputs = [] }) => additionalSecretOutputs),
  ]);
  const isSecret = (name: string): boolean => secretOutputs.has(name) || containsSecret(resource.inputs?.[name]);
  // The dynamic resources have their provider's source code in the state.
  const source = isOfPlugin(resource) ? {} : { __provider: resource.inputs?.["__provider"] };
  const entries = Object.entries({ ...outputs, ...source }).filter(([, value]) => value !== undefined);
  return {
    ...resource,
    id,
    outputs: Object.fromEntries(entries.map(([name, value]) => [name, isSecret(name) ? toStateSecret(value) : value])),
    created,
    modified: created,
    // Makes the next run update the resource, although the inputs are the same: the keys that are missing have to be created.
    ...(kindOf(resource) === "InvitationBatch" ? { initErrors: ["the run that created it was interrupted"] } : {}),
  };
}
