import * as z from "zod";
import type { Client } from "../../authentik/client";
import { NotFoundError, ServerError } from "../../authentik/errors";
import { listFlowStageBindings, type StoredFlowStageBinding } from "../../authentik/flow-stage-bindings";
import { findFlow, type StoredFlow } from "../../authentik/flows";
import { findInvitationStage, type StoredInvitationStage } from "../../authentik/invitation-stages";
import { listInvitations, retrieveInvitation, type StoredInvitation } from "../../authentik/invitations";
import { retrieveStage, type StoredStage } from "../../authentik/stages";
import { UserError } from "../../lifecycle/engine/user-error";

/** A flow with everything in it that this package manages. */
export interface FlowSnapshot {
  readonly flow: StoredFlow;
  /** Sorted by their order in the flow. */
  readonly bindings: readonly StoredFlowStageBinding[];
  /** The bound stages by pk; invitation stages with all their fields. */
  readonly stages: ReadonlyMap<string, StoredInvitationStage | StoredStage>;
  /** Sorted by name, then expiry. */
  readonly invitations: readonly StoredInvitation[];
  /** How many invitations authentik cannot return (500), because their data is nested too deeply or contains too large a number. */
  readonly unreadable: number;
}

const invitationStageModel = "authentik_stages_invitation.invitationstage";

/** Reads a flow. Sends only GET requests. */
export async function readFlow(client: Client, slug: string): Promise<FlowSnapshot> {
  const flow = await findFlow(client, slug);
  if (flow === undefined) {
    const others = await enrollmentSlugs(client);
    throw new UserError(
      `authentik has no flow with the slug "${slug}" that the token's user is allowed to view (permission authentik_flows.view_flow). The slug is the part of its URL after /if/flow/.${others.length > 0 ? ` Existing enrollment flows: ${others.join(", ")}.` : ""}`,
    );
  }
  const [bindings, { invitations, unreadable }] = await Promise.all([
    listFlowStageBindings(client, flow.pk),
    readInvitations(client, slug),
  ]);
  const stages = new Map<string, StoredInvitationStage | StoredStage>();
  for (const pk of new Set(bindings.map(({ stage }) => stage))) {
    const stage = await findStage(client, pk);
    if (stage) stages.set(pk, stage);
  }
  const sorted = [...invitations].sort(
    (a, b) => compare(a.name, b.name) || compare(a.expires ?? "", b.expires ?? "") || compare(a.pk, b.pk),
  );
  return { flow, bindings, stages, invitations: sorted, unreadable };
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

/** `undefined` for a stage that the token's user is not allowed to view. */
async function findStage(client: Client, pk: string): Promise<StoredInvitationStage | StoredStage | undefined> {
  try {
    const stage = await retrieveStage(client, pk);
    return stage.metaModelName === invitationStageModel
      ? ((await findInvitationStage(client, { pk })) ?? stage)
      : stage;
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    return undefined;
  }
}

async function readInvitations(
  client: Client,
  flowSlug: string,
): Promise<{ invitations: StoredInvitation[]; unreadable: number }> {
  try {
    return { invitations: await listInvitations(client, { flowSlug }), unreadable: 0 };
  } catch (error) {
    if (!(error instanceof ServerError) || error.request.status !== 500) throw error;
    return await readOneByOne(client, flowSlug);
  }
}

/** One unreadable invitation breaks every list page that contains it (case `expiry.deep.list`). Pages with one row find the others. */
async function readOneByOne(
  client: Client,
  flowSlug: string,
): Promise<{ invitations: StoredInvitation[]; unreadable: number }> {
  const invitations: StoredInvitation[] = [];
  let unreadable = 0;
  for (let page = 1; ; page++) {
    try {
      const { results } = await client.send(
        {
          method: "GET",
          path: "stages/invitation/invitations/",
          query: { flow__slug: flowSlug, ordering: "pk", page_size: "1", page: String(page) },
          failure: "Could not list the invitations",
          permission: "authentik_stages_invitation.view_invitation",
        },
        z.object({ results: z.array(z.object({ pk: z.string() })) }),
      );
      for (const { pk } of results) invitations.push(await retrieveInvitation(client, pk));
      if (results.length === 0) return { invitations, unreadable };
    } catch (error) {
      if (error instanceof NotFoundError) return { invitations, unreadable };
      if (!(error instanceof ServerError) || error.request.status !== 500) throw error;
      unreadable++;
      // A server that fails on every page would never reach the last one.
      if (unreadable > 100 && invitations.length === 0) throw error;
    }
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
