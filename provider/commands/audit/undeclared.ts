import type { Client } from "../../authentik/client";
import { AuthentikError } from "../../authentik/errors";
import { listEvents, listObjectEvents, type ObjectEvent } from "../../authentik/events";
import { invitationId } from "../../common/pk";
import { stripWhitespace } from "../../common/whitespace";
import { listReadableInvitations } from "../../objects/invitation/readable";
import type { InvitationFilters, StoredInvitation } from "../../objects/invitation/requests";
import { entryOrigin, nextRevision } from "../../objects/invitation-batch/origin";
import { hasPassed } from "../../values/instant";
import { isJsonObject } from "../../values/json";
import {
  containsSecret,
  invitationIdsOf,
  kindOf,
  originInState,
  pendingOperationsOf,
  resourcesOf,
  type State,
  type StateResource,
} from "../state";

/** An invitation that no state declares. Without an expiry, it never expires. */
export type UndeclaredInvitation = ReturnType<typeof toUndeclared>;

/** Above this number, reading the creation events page by page takes fewer requests than one search per invitation. */
const maxSearches = 100;

/**
 * The invitations on the server that no state declares, and how many may be undeclared because authentik cannot return them. `readStates` is called
 * after the invitations are listed: a concurrent update writes an invitation that it has created to the state only later.
 */
export async function findUndeclaredInvitations(
  client: Client,
  filters: InvitationFilters,
  readStates: () => Promise<{ readonly states: readonly State[]; readonly stacks: ReadonlySet<string> }>,
): Promise<{ total: number; undeclared: UndeclaredInvitation[]; unreadable: number; canReadEvents: boolean }> {
  const { invitations: listed, unreadable } = await listReadableInvitations(client, filters);
  // authentik lists an expired invitation until its next cleanup.
  const invitations = listed.filter(({ expires }) => !expires || !hasPassed(expires));
  const { states, stacks } = await readStates();
  const declared = new Set(states.flatMap(invitationIdsOf));
  const pending = states.flatMap(pendingCreationsOf);
  const found = invitations
    .filter(({ pk }) => !declared.has(invitationId(pk)))
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  const creations = await readCreations(client, found);
  return {
    total: invitations.length + unreadable,
    unreadable,
    canReadEvents: creations !== undefined,
    undeclared: found.map((invitation) => toUndeclared(invitation, creations?.get(invitation.pk), pending, stacks)),
  };
}

function toUndeclared(
  { flowSlug, flow, createdBy, fixedData: _, ...invitation }: StoredInvitation,
  creation: ObjectEvent | undefined,
  pending: readonly PendingCreation[],
  stacks: ReadonlySet<string>,
) {
  const stack = creation?.source?.split(";", 1)[0];
  return {
    id: invitationId(invitation.pk),
    ...invitation,
    /** Slug of the flow; null if any flow accepts the invitation. */
    flow: flowSlug ?? flow,
    createdBy: createdBy ?? creation?.username ?? null,
    /** RFC 3339; null if the event log has no entry or cannot be read. */
    created: creation?.created.replace(/\.\d+/, "") ?? null,
    /** `project/stack` whose run created it; null if something else did. */
    stack: stack || null,
    /** Whether a run that created it was interrupted, so that `recover` moves it into the state. */
    isPending: pending.some((operation) => canBeCreatedBy(operation, invitation.name, creation)),
    /** Whether it may belong to a stack that was not read: another one created it, or the event log does not say what created it. */
    isForeign: creation === undefined || (stack !== undefined && !stacks.has(stack)),
  };
}

/** An invitation that an interrupted run may have created. */
interface PendingCreation {
  /** `undefined` if the name is encrypted. */
  readonly name?: string | undefined;
  /** `undefined` if an older version of this package created it. */
  readonly nonce?: string | undefined;
}

function pendingCreationsOf(state: State): PendingCreation[] {
  return pendingOperationsOf(state).flatMap(({ resource }) => {
    if (kindOf(resource) === "InvitationBatch") return pendingEntriesOf(resource, state);
    if (kindOf(resource) !== "Invitation") return [];
    const name = resource.inputs?.["name"];
    return {
      name: typeof name === "string" ? stripWhitespace(name) : undefined,
      nonce: originInState(resource)?.nonce,
    };
  });
}

function pendingEntriesOf(batch: StateResource, state: State): PendingCreation[] {
  const origin = originInState(batch);
  const invitations = batch.inputs?.["invitations"];
  // The keys of secret invitations are encrypted.
  if (!isJsonObject(invitations) || containsSecret(invitations)) return [{}];
  const current = resourcesOf(state).find(({ urn, delete: isReplaced }) => urn === batch.urn && !isReplaced);
  const revision = current?.outputs === undefined ? undefined : nextRevision(current.outputs);
  return Object.keys(invitations).map((key) => ({ nonce: entryOrigin(origin, key, revision)?.nonce }));
}

/** The nonce decides. Without it, the name has to: an invitation that `recover` would move into the state must not be deleted. */
function canBeCreatedBy(pending: PendingCreation, name: string, creation: ObjectEvent | undefined): boolean {
  if (creation?.nonce !== undefined && creation.nonce === pending.nonce) return true;
  return (!creation || pending.nonce === undefined) && (pending.name === undefined || pending.name === name);
}

/** The creation event of each invitation by pk, where the event log has one; `undefined` if it cannot be read. */
async function readCreations(
  client: Client,
  invitations: readonly StoredInvitation[],
): Promise<Map<string, ObjectEvent> | undefined> {
  try {
    const events =
      invitations.length > maxSearches
        ? await listObjectEvents(client, new Set(invitations.map(({ pk }) => pk)), {
            search: "invitation",
            action: "model_created",
          })
        : await Promise.all(
            invitations.map(
              async ({ pk, name }) =>
                [pk, await listEvents(client, pk, `invitation "${name}"`, "model_created")] as const,
            ),
          );
    return new Map([...events].flatMap(([pk, [creation]]) => (creation ? [[pk, creation] as const] : [])));
  } catch (error) {
    // Who created them is an addition; what is undeclared is known without it.
    if (error instanceof AuthentikError) return undefined;
    throw error;
  }
}
