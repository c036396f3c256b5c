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
  /** The bound stages by pk; invitation stages with all their fields. */
  readonly stages: ReadonlyMap<string, StoredInvitationStage | StoredStage>;
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

export interface SnapshotOptions {
  /** Leaves out the flows' bindings and stages, which then need no permission. */
  readonly onlyInvitations: boolean;
}

/** Reads the flows with these slugs. Sends only GET requests. */
export async function readFlows(client: Client, slugs: readonly string[], options: SnapshotOptions): Promise<Snapshot> {
  const flows = await Promise.all(slugs.map(async (slug) => await requireFlow(client, slug)));
  const { invitations, unreadable } = await readInvitations(client, slugs);
  return {
    ...(await readContents(client, flows, sort(invitations), options)),
    invitationsWithoutFlow: [],
    unreadable,
    hidden: { flows: [], invitations: 0 },
  };
}

/** Reads all flows that have an invitation stage or an invitation, and the invitations without a flow. Sends only GET requests. */
export async function readEverything(client: Client, options: SnapshotOptions): Promise<Snapshot> {
  const [slugsWithStage, { invitations, unreadable }] = await Promise.all([
    listInvitationStageFlows(client),
    readInvitations(client, "all"),
  ]);
  if (slugsWithStage.length + invitations.length + unreadable === 0) {
    throw new UserError(
      "There is nothing to export: authentik has no invitations, and no flow with an invitation stage, that the token's user is allowed to view.",
    );
  }
  const slugs = [...new Set([...slugsWithStage, ...invitations.flatMap(({ flowSlug }) => flowSlug ?? [])])].sort();
  const found = await Promise.all(slugs.map(async (slug) => ({ slug, flow: await findFlow(client, slug) })));
  const flows = found.flatMap(({ flow }) => flow ?? []);
  const pks = new Set(flows.map(({ pk }) => pk));
  const sorted = sort(invitations);
  return {
    ...(await readContents(client, flows, sorted, options)),
    invitationsWithoutFlow: sorted.filter(({ flow }) => flow === null),
    unreadable,
    hidden: {
      flows: found.flatMap(({ slug, flow }) => (flow ? [] : slug)),
      invitations: sorted.filter(({ flow }) => flow !== null && !pks.has(flow)).length,
    },
  };
}

/** Reads the invitations with these names or ids, which refer to their flows. Sends only GET requests. */
export async function readSelected(client: Client, selection: readonly string[]): Promise<Snapshot> {
  const { invitations } = await readInvitations(client, "all");
  const isSelected = ({ name, pk }: StoredInvitation, selected: string): boolean =>
    selected === name || selected === invitationId(pk);
  const missing = selection.find((selected) => !invitations.some((invitation) => isSelected(invitation, selected)));
  if (missing !== undefined) {
    throw new UserError(
      `authentik has no invitation with the name or id "${missing}" that the token's user is allowed to view (permission authentik_stages_invitation.view_invitation).`,
    );
  }
  const found = sort(
    invitations.filter((invitation) => selection.some((selected) => isSelected(invitation, selected))),
  );
  const slugs = [...new Set(found.flatMap(({ flowSlug }) => flowSlug ?? []))].sort();
  const flows = await Promise.all(slugs.map(async (slug) => await requireFlow(client, slug)));
  return {
    ...(await readContents(client, flows, found, { onlyInvitations: true })),
    invitationsWithoutFlow: found.filter(({ flow }) => flow === null),
    unreadable: 0,
    hidden: { flows: [], invitations: 0 },
  };
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
  { onlyInvitations }: SnapshotOptions,
): Promise<Pick<Snapshot, "flows" | "stages">> {
  const snapshots = await Promise.all(
    flows.map(async (flow) => ({
      flow,
      bindings: onlyInvitations ? [] : await listFlowStageBindings(client, flow.pk),
      invitations: invitations.filter((invitation) => invitation.flow === flow.pk),
    })),
  );
  const pks = snapshots.flatMap(({ bindings }) => bindings.map(({ stage }) => stage));
  return { flows: snapshots, stages: await readStages(client, new Set(pks)) };
}

/** In the order of the pks, without the stages that the token's user is not allowed to view. */
async function readStages(
  client: Client,
  pks: ReadonlySet<string>,
): Promise<Map<string, StoredInvitationStage | StoredStage>> {
  const stages = await Promise.all([...pks].map(async (pk) => await findStage(client, pk)));
  return new Map(stages.flatMap((stage) => (stage ? [[stage.pk, stage] as const] : [])));
}

async function findStage(client: Client, pk: string): Promise<StoredInvitationStage | StoredStage | undefined> {
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
