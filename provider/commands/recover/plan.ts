import { secretInputsInput } from "../../common/secret-inputs";
import type { Recoverable, Recovery, RecoveryOptions } from "../../lifecycle/recovery";
import * as providers from "../../objects";
import type { Properties } from "../../values/properties";
import { secretOutputsOf } from "../../values/secrets";
import {
  containsSecret,
  invitationIdsOf,
  type Operation,
  pendingOperationsOf,
  resourceName,
  resourcesOf,
  type State,
  type StateResource,
  secretInputNames,
  toSecret,
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

/** Determines what the pending operations did, and the state without them. The state must have been exported with `--show-secrets`. */
export async function planRecovery(state: State): Promise<{ state: State; operations: RecoveredOperation[] }> {
  const ids = new Set([...resourcesOf(state).map(({ id }) => id), ...invitationIdsOf(state)]);
  const options = { isInState: (id: string) => ids.has(id) };
  const planned = await Promise.all(
    pendingOperationsOf(state).map(async (operation) => ({
      operation,
      recovery: await recoverOperation(state, operation, options),
    })),
  );
  const operations: RecoveredOperation[] = [];
  const resources = [...resourcesOf(state)];
  const handled = new Set<Operation>();
  for (const { operation, recovery } of planned) {
    const result = applyRecovery(resources, operation, recovery);
    if (result.outcome !== "unclear") handled.add(operation);
    operations.push(result);
  }
  const pending = (state.deployment.pending_operations ?? []).filter((operation) => !handled.has(operation));
  const deployment = { ...state.deployment, resources, pending_operations: pending };
  return { state: { ...state, deployment }, operations };
}

/** `undefined` for an operation that created nothing: the next refresh shows what it did. */
async function recoverOperation(
  state: State,
  { resource, type }: Operation,
  options: RecoveryOptions,
): Promise<Recovery | undefined> {
  const name = resourceName(resource) ?? "";
  // The update of a batch creates invitations, and that of an invitation may email its link.
  const isUpdate = type === "updating" && (name === "InvitationBatch" || name === "Invitation");
  if (type !== "creating" && !isUpdate) return undefined;
  const current = resourcesOf(state).find(({ urn, delete: isDeleted }) => urn === resource.urn && !isDeleted);
  // Secret is what the old or the new declaration says.
  const secretInputs = [...new Set([...secretInputNames(current?.inputs), ...secretInputNames(resource.inputs)])];
  const withSecretInputs = (properties: unknown): Properties => ({
    ...(unwrapSecrets(properties ?? {}) as Properties),
    ...(secretInputs.length > 0 ? { [secretInputsInput]: secretInputs } : {}),
  });
  const outputs = isUpdate ? withSecretInputs(current?.outputs) : undefined;
  const provider = new Map<string, Recoverable>(Object.entries(providers)).get(name);
  if (!provider) {
    return { outcome: "unclear", reason: "this version of the package does not have this kind of resource. Update it" };
  }
  const inputs = withSecretInputs(resource.inputs);
  return await provider.recover(inputs, outputs === undefined ? options : { ...options, outputs });
}

/** Applies the outcome to `resources`. */
function applyRecovery(
  resources: StateResource[],
  { resource, type: operationType }: Operation,
  recovery: Recovery | undefined,
): RecoveredOperation {
  const name = resource.urn.split("::").at(-1) ?? "";
  const type = resourceName(resource) ?? "";
  const isUpdate = operationType === "updating";
  if (recovery === undefined || (isUpdate && recovery.outcome === "not created")) {
    return {
      name,
      type,
      outcome: "removed",
      reason: `${operationType} was interrupted, the next refresh shows what it did`,
    };
  }
  if (recovery.outcome === "unclear") return { name, type, outcome: "unclear", reason: recovery.reason };
  if (recovery.outcome === "not created") return { name, type, outcome: "removed", reason: "was not created" };

  const { id } = recovery;
  if (isUpdate) {
    const index = resources.findIndex((other) => other.urn === resource.urn && !other.delete);
    const current = resources[index];
    if (current) resources[index] = { ...completeResource(current, recovery, resource), created: current.created };
    return { name, type, outcome: "recovered", id, ...(type === "Invitation" ? { reason: interruptedEmail } : {}) };
  }
  if (resources.some((other) => other.urn === resource.urn && other.id === id)) {
    return { name, type, outcome: "removed", id, reason: "is in the state already" };
  }
  const index = resources.findIndex((other) => other.urn === resource.urn && !other.delete);
  const current = resources[index];
  if (current && Date.parse(current.created ?? "") > Date.parse(recovery.created)) {
    return { name, type, outcome: "orphaned", id };
  }
  // The interrupted run replaced the current one, which the next run has to delete.
  if (current) resources[index] = { ...current, delete: true };
  resources.splice(positionFor(resources, resource, index), 0, completeResource(resource, recovery));
  return { name, type, outcome: "recovered", id };
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
    ...[resource, declared].flatMap(({ additionalSecretOutputs = [] }) => additionalSecretOutputs),
  ]);
  const isSecret = (name: string): boolean => secretOutputs.has(name) || containsSecret(resource.inputs?.[name]);
  const entries = Object.entries({ ...outputs, __provider: resource.inputs?.["__provider"] });
  return {
    ...resource,
    id,
    outputs: Object.fromEntries(entries.map(([name, value]) => [name, isSecret(name) ? toSecret(value) : value])),
    created,
    modified: created,
    // Makes the next run update the resource, although the inputs are the same: the keys that are missing have to be created.
    ...(resourceName(resource) === "InvitationBatch"
      ? { initErrors: ["the run that created it was interrupted"] }
      : {}),
  };
}
