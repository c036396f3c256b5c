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

/** The invitations in a state, and how many resources belong to another server than the one of this connection. */
export async function readDeclaredInvitations(
  state: State,
  connection: string | undefined,
  url: string,
): Promise<{ invitations: DeclaredInvitation[]; otherServers: number }> {
  const managed = resourcesOf(state).filter((resource) => {
    const kind = kindOf(resource);
    return !resource.external && !resource.delete && (kind === "Invitation" || kind === "InvitationBatch");
  });
  const own = managed.filter((resource) => isOnServer(resource, state, connection, url));
  const stack = stackOf(state) ?? "";
  const invitations = await Promise.all(
    own.map((resource) =>
      kindOf(resource) === "Invitation" ? [toInvitation(resource, stack)] : toEntries(resource, stack),
    ),
  );
  return { invitations: invitations.flat(), otherServers: managed.length - own.length };
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

function toInvitation(resource: StateResource, stack: string): DeclaredInvitation {
  const state = unwrapSecrets(resource.outputs ?? {}) as Partial<InvitationState>;
  return {
    id: resource.id ?? "",
    stack,
    resource: parseUrn(resource.urn).name,
    key: "",
    isKeySecret: false,
    isNameSecret: isSecret(resource, "name"),
    state,
  };
}

async function toEntries(resource: StateResource, stack: string): Promise<DeclaredInvitation[]> {
  const batch = unwrapSecrets(resource.outputs ?? {}) as Partial<BatchState>;
  const { ids, statuses, retiredAt } = batch;
  if (!isJsonObject(ids)) return [];
  const states: ReadonlyMap<string, Partial<InvitationState>> = isJsonObject(batch.__invitations) &&
  isJsonObject(batch.__common)
    ? await toInvitationStates(batch as BatchState)
    : new Map();
  const isKeySecret = isSecret(resource, "invitations");
  return Object.entries(ids).map(([key, id]) => ({
    id: String(id),
    stack,
    resource: parseUrn(resource.urn).name,
    key,
    isKeySecret,
    isNameSecret: isKeySecret || isSecret(resource, "name") || isSecret(resource, "invitations.name"),
    state: states.get(key) ?? withoutDetails(statuses?.[key], retiredAt?.[key]),
  }));
}

function withoutDetails(
  status: InvitationState["status"] | undefined,
  retiredAt: string | undefined,
): Partial<InvitationState> {
  return { ...(status ? { status } : {}), ...(retiredAt ? { retiredAt } : {}) };
}

/** Whether an input itself is a secret, not only something in it. */
function isSecret({ inputs = {} }: StateResource, name: string): boolean {
  return hasSecretInput(unwrapSecrets(inputs) as SecretInputs, name) || isSecretValue(inputs[name]);
}
