import { defaultConnection } from "../../common/base-url";
import { hasSecretInput, type SecretInputs } from "../../common/secret-inputs";
import { parseUrn } from "../../common/urn";
import type { InvitationState } from "../../objects/invitation/state";
import { type BatchState, toInvitationStates } from "../../objects/invitation-batch/state";
import { isJsonObject } from "../../values/json";
import { isSecretValue } from "../../values/secrets";
import {
  isOfPlugin,
  kindOf,
  providerOf,
  resourcesOf,
  type State,
  type StateResource,
  stackOf,
  unwrapSecrets,
} from "../state";

/** An invitation in a stack's state. */
export interface DeclaredInvitation {
  readonly id: string;
  /** `project/stack`. */
  readonly stack: string;
  /** Logical name of the resource. */
  readonly resource: string;
  /** Key in the batch; empty for an `Invitation`. */
  readonly key: string;
  readonly isKeySecret: boolean;
  readonly isNameSecret: boolean;
  /** What the state says. A batch's state that was exported without secrets has only the status. */
  readonly state: Partial<InvitationState>;
}

/** The invitations in the states, and how many resources belong to another server than the one of this connection. */
export async function readDeclaredInvitations(
  states: readonly State[],
  connection: string | undefined,
  url: string,
): Promise<{ invitations: DeclaredInvitation[]; otherServers: number }> {
  const invitations = new Map<string, DeclaredInvitation>();
  const otherServers = new Set<string>();
  // A state may be read twice: the current stack can also be named. Ids identify its invitations, because two organizations can have the same
  // `project/stack`.
  for (const state of states) {
    for (const resource of resourcesOf(state).filter(isManagedInvitation)) {
      if (!isOnServer(resource, state, connection, url)) otherServers.add(`${resource.urn} ${resource.id}`);
      else {
        for (const declared of await toDeclared(resource, stackOf(state) ?? "")) {
          invitations.set(JSON.stringify([resource.urn, declared.key, declared.id]), declared);
        }
      }
    }
  }
  return { invitations: [...invitations.values()], otherServers: otherServers.size };
}

function isManagedInvitation(resource: StateResource): boolean {
  const kind = kindOf(resource);
  return !resource.external && !resource.delete && (kind === "Invitation" || kind === "InvitationBatch");
}

/** The plugin's resources have no connection, but a provider with a URL. */
function isOnServer(
  resource: StateResource,
  state: State,
  connection: string = defaultConnection,
  url: string,
): boolean {
  if (!isOfPlugin(resource)) return (resource.inputs?.["connection"] ?? defaultConnection) === connection;
  const providerUrl = unwrapSecrets(providerOf(resource, state)?.inputs?.["url"]);
  if (typeof providerUrl !== "string" || !URL.canParse(providerUrl)) return true;
  return new URL(providerUrl).host === new URL(url).host;
}

async function toDeclared(resource: StateResource, stack: string): Promise<DeclaredInvitation[]> {
  const common = { stack, resource: parseUrn(resource.urn).name };
  const outputs = unwrapSecrets(resource.outputs ?? {});
  const isNameSecret = isSecret(resource, "name");
  if (kindOf(resource) === "Invitation") {
    const state = outputs as Partial<InvitationState>;
    return [{ ...common, id: resource.id ?? "", key: "", isKeySecret: false, isNameSecret, state }];
  }
  const batch = outputs as Partial<BatchState>;
  const hasDetails = isJsonObject(batch.__invitations) && isJsonObject(batch.__common);
  const states = hasDetails ? await toInvitationStates(batch as BatchState) : undefined;
  const isKeySecret = isSecret(resource, "invitations");
  return Object.entries(isJsonObject(batch.ids) ? batch.ids : {}).map(([key, id]) => ({
    ...common,
    id: String(id),
    key,
    isKeySecret,
    isNameSecret: isKeySecret || isNameSecret || isSecret(resource, "invitations.name"),
    state: states?.get(key) ?? { status: batch.statuses?.[key], retiredAt: batch.retiredAt?.[key] },
  }));
}

/** Whether an input itself is a secret, not only something in it. */
function isSecret({ inputs = {} }: StateResource, name: string): boolean {
  return hasSecretInput(unwrapSecrets(inputs) as SecretInputs, name) || isSecretValue(inputs[name]);
}
