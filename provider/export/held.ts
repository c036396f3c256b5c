import { z } from "zod";
import type { Client } from "../authentik/client";
import { NotFoundError, ServerError } from "../authentik/errors";
import { listFlowStageBindings, type StoredFlowStageBinding } from "../authentik/flow-stage-bindings";
import { findWholeFlow, type StoredWholeFlow } from "../authentik/flows";
import { findInvitationStage, type StoredInvitationStage } from "../authentik/invitation-stages";
import { listInvitations, retrieveInvitation, type StoredInvitation } from "../authentik/invitations";
import { retrieveStage, type StoredStage } from "../authentik/stages";
import { UserError } from "../lifecycle/user-error";

/** What authentik has of a flow, as far as this package goes. */
export interface Held {
  readonly flow: StoredWholeFlow;
  /** In the flow's order. */
  readonly bindings: readonly StoredFlowStageBinding[];
  /** The bound stages by pk, of invitation stages all that they are. */
  readonly stages: ReadonlyMap<string, StoredInvitationStage | StoredStage>;
  /** Sorted by name, and of the same name by expiry. */
  readonly invitations: readonly StoredInvitation[];
  /** How many invitations authentik has that it cannot show (500), for their data are too deep or too large. */
  readonly unreadable: number;
}

const invitationStageModel = "authentik_stages_invitation.invitationstage";

/** Reads all that authentik has of the flow. It only asks. */
export async function readHeld(client: Client, slug: string): Promise<Held> {
  const flow = await findWholeFlow(client, slug);
  if (flow === undefined) {
    const others = await enrollmentSlugs(client);
    throw new UserError(
      `authentik has no flow with the slug "${slug}" that the token's user may see (permission authentik_flows.view_flow). The slug is what stands in its address: /if/flow/…/.${others.length > 0 ? ` For enrollment it has ${others.join(", ")}.` : ""}`,
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

/** What could have been meant. That it cannot be told must not hide that the flow does not exist. */
async function enrollmentSlugs(client: Client): Promise<string[]> {
  const flows = await client
    .list(
      {
        path: "flows/instances/",
        query: { designation: "enrollment" },
        failure: "The flows could not be listed",
        permission: "authentik_flows.view_flow",
      },
      z.object({ slug: z.string() }),
    )
    .catch(() => []);
  return flows.map(({ slug }) => slug).sort();
}

/** Undefined for a stage that the token's user may not see. */
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

/** A single invitation that cannot be read breaks each page that holds it (case `expiry.deep.list`): by pages of one the others are found. */
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
          failure: "The invitations could not be listed",
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
      // A server that fails on everything has no last page.
      if (unreadable > 100 && invitations.length === 0) throw error;
    }
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
