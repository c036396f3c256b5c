import * as z from "zod";
import type { Client } from "../../authentik/client";
import { ifFound } from "../../authentik/errors";
import { invitationId } from "../../common/pk";
import { UserError } from "../../lifecycle/user-error";
import { findFlow, type StoredFlow } from "../../objects/flow";
import { listFlowStageBindings, type StoredFlowStageBinding } from "../../objects/flow-stage-binding";
import type { StoredInvitation } from "../../objects/invitation/requests";
import {
  findInvitationStage,
  listInvitationStageFlows,
  type StoredInvitationStage,
} from "../../objects/invitation-stage";
import { retrieveStage, type StoredStage } from "../../objects/stage";
import { readInvitations } from "./invitation-list";

/** Flows with everything in them that this package manages. */
export interface Snapshot {
  readonly flows: readonly FlowSnapshot[];
  /** The bound stages by pk, without those that the token's user is not allowed to view. */
  readonly stages: ReadonlyMap<string, Stage>;
  /** The invitations without a flow, if they were read. Sorted by name, then expiry. */
  readonly invitationsWithoutFlow: readonly StoredInvitation[];
  /** How many invitations authentik cannot return (500), because their data is nested too deeply or contains too large a number. */
  readonly unreadable: number;
  /** What the token's user is not allowed to view. */
  readonly hidden: { readonly flows: readonly string[]; readonly invitations: number };
}

export interface FlowSnapshot {
  readonly flow: StoredFlow;
  /** Sorted by their order in the flow. */
  readonly bindings: readonly StoredFlowStageBinding[];
  /** Sorted by name, then expiry. */
  readonly invitations: readonly StoredInvitation[];
}

const invitationStageModel = "authentik_stages_invitation.invitationstage";

/** A stage of any kind; an invitation stage with all its fields. */
export type Stage = StoredInvitationStage | StoredStage;

/** What to export: everything, the flows with these slugs, or the invitations with these names or ids. */
export interface Selection {
  readonly kind: "all" | "flows" | "invitations";
  readonly names: readonly string[];
}

/**
 * Reads the flows with these slugs; all flows that have an invitation stage or an invitation, and the invitations without a flow; or the selected
 * invitations, which refer to their flows. `onlyInvitations` leaves out bindings and stages, which then need no permission. Sends only GET
 * requests.
 */
export async function readSnapshot(
  client: Client,
  { kind, names }: Selection,
  onlyInvitations: boolean,
): Promise<Snapshot> {
  const isAll = kind === "all";
  const requested = kind === "flows" ? await requireFlows(client, names) : [];
  const [slugsWithStage, { invitations, unreadable }] = await Promise.all([
    isAll ? listInvitationStageFlows(client) : [],
    readInvitations(client, kind === "flows" ? names : "all"),
  ]);
  if (isAll && slugsWithStage.length + invitations.length + unreadable === 0) {
    throw new UserError(
      "There is nothing to export: authentik has no invitations, and no flow with an invitation stage, that the token's user is allowed to view.",
    );
  }
  const selected = sort(kind === "invitations" ? select(invitations, names) : invitations);
  const slugs = [...new Set([...slugsWithStage, ...selected.flatMap(({ flowSlug }) => flowSlug ?? [])])].sort();
  const found = isAll ? await Promise.all(slugs.map((slug) => findFlow(client, slug))) : [];
  const named = kind === "invitations" ? await requireFlows(client, slugs) : requested;
  const flows = [...named, ...found.flatMap((flow) => flow ?? [])];
  const pks = new Set<unknown>(flows.map(({ pk }) => pk));
  return {
    ...(await readContents(client, flows, selected, onlyInvitations)),
    invitationsWithoutFlow: kind === "flows" ? [] : selected.filter(({ flow }) => flow === null),
    unreadable: kind === "invitations" ? 0 : unreadable,
    hidden: {
      flows: slugs.filter((_slug, index) => isAll && found[index] === undefined),
      invitations: isAll ? selected.filter(({ flow }) => flow !== null && !pks.has(flow)).length : 0,
    },
  };
}

function select(invitations: readonly StoredInvitation[], names: readonly string[]): StoredInvitation[] {
  const isSelected = ({ name, pk }: StoredInvitation, selected: string): boolean =>
    selected === name || selected === invitationId(pk);
  const missing = names.find((selected) => !invitations.some((invitation) => isSelected(invitation, selected)));
  if (missing === undefined)
    return invitations.filter((invitation) => names.some((selected) => isSelected(invitation, selected)));
  throw new UserError(
    `authentik has no invitation with the name or id "${missing}" that the token's user is allowed to view (permission authentik_stages_invitation.view_invitation).`,
  );
}

async function requireFlows(client: Client, slugs: readonly string[]): Promise<StoredFlow[]> {
  return await Promise.all(slugs.map((slug) => requireFlow(client, slug)));
}

async function requireFlow(client: Client, slug: string): Promise<StoredFlow> {
  const flow = await findFlow(client, slug);
  if (flow) return flow;
  const others = await enrollmentSlugs(client);
  throw new UserError(
    `authentik has no flow with the slug "${slug}" that the token's user is allowed to view (permission authentik_flows.view_flow). The slug is the part of its URL after /if/flow/.${others.length > 0 ? ` Existing enrollment flows: ${others.join(", ")}.` : ""}`,
  );
}

/** The slugs to suggest. A failing list must not hide that the flow does not exist. */
async function enrollmentSlugs(client: Client): Promise<string[]> {
  const flows = await client
    .list(
      {
        path: "flows/instances/",
        query: { designation: "enrollment" },
        failure: "Could not list the flows",
        permission: "authentik_flows.view_flow",
      },
      z.object({ slug: z.string() }),
    )
    .catch(() => []);
  return flows.map(({ slug }) => slug).sort();
}

/** The bindings, stages and invitations of flows. A stage that several of them have is read once. */
async function readContents(
  client: Client,
  flows: readonly StoredFlow[],
  invitations: readonly StoredInvitation[],
  onlyInvitations: boolean,
): Promise<Pick<Snapshot, "flows" | "stages">> {
  const snapshots = await Promise.all(
    flows.map(async (flow) => ({
      flow,
      bindings: onlyInvitations ? [] : await listFlowStageBindings(client, flow.pk),
      invitations: invitations.filter((invitation) => invitation.flow === flow.pk),
    })),
  );
  const pks = new Set(snapshots.flatMap(({ bindings }) => bindings.map(({ stage }) => stage)));
  const stages = await Promise.all([...pks].map((pk) => findStage(client, pk)));
  return { flows: snapshots, stages: new Map(stages.flatMap((stage) => (stage ? [[stage.pk, stage] as const] : []))) };
}

/** `undefined` if the token's user is not allowed to view it. */
async function findStage(client: Client, pk: string): Promise<Stage | undefined> {
  const stage = await ifFound(retrieveStage(client, pk));
  if (stage?.metaModelName !== invitationStageModel) return stage;
  return (await findInvitationStage(client, { pk })) ?? stage;
}

function sort(invitations: readonly StoredInvitation[]): StoredInvitation[] {
  return [...invitations].sort(
    (a, b) => compare(a.name, b.name) || compare(a.expires ?? "", b.expires ?? "") || compare(a.pk, b.pk),
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
