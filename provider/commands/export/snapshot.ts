import type { Client } from "../../authentik/client";
import { ifFound } from "../../authentik/errors";
import { invitationId } from "../../common/pk";
import { UserError } from "../../lifecycle/user-error";
import { permission } from "../../objects/declaration";
import { findFlow, flow, flows, type StoredFlow } from "../../objects/flow";
import { listFlowStageBindings } from "../../objects/flow-stage-binding";
import { invitation } from "../../objects/invitation/declaration";
import { type InvitationList, ifReadable, listReadableInvitations } from "../../objects/invitation/readable";
import {
  type InvitationFilters,
  listFirstInvitations,
  listInvitations,
  type StoredInvitation,
} from "../../objects/invitation/requests";
import {
  findInvitationStage,
  invitationStage,
  listInvitationStageFlows,
  type StoredInvitationStage,
} from "../../objects/invitation-stage";
import { retrieveStage, type StoredStage } from "../../objects/stage";

/** Flows with everything in them that this package manages. */
export type Snapshot = Awaited<ReturnType<typeof readSnapshot>>;

/** A stage of any kind; an invitation stage with all its fields. */
export type Stage = StoredInvitationStage | StoredStage;

/**
 * Reads the flows with these slugs; all flows that have an invitation stage or an invitation, and the invitations without a flow; or the
 * invitations with these names or ids, which refer to their flows. `onlyInvitations` leaves out bindings and stages, which then need no
 * permission. Sends only GET requests.
 */
export async function readSnapshot(
  client: Client,
  kind: "all" | "flows" | "invitations",
  names: readonly string[],
  onlyInvitations: boolean,
) {
  const isAll = kind === "all";
  const requested = kind === "flows" ? await requireFlows(client, names) : [];
  const [slugsWithStage, list] = await Promise.all([
    isAll ? listInvitationStageFlows(client) : [],
    readInvitations(client, kind === "flows" ? names : "all"),
  ]);
  if (isAll && slugsWithStage.length + list.invitations.length + list.unreadable === 0) {
    throw new UserError(
      "There is nothing to export: authentik has no invitations, and no flow with an invitation stage, that the token's user is allowed to view.",
    );
  }
  const selected = sort(kind === "invitations" ? select(list.invitations, names) : list.invitations);
  const slugs = [...new Set([...slugsWithStage, ...selected.flatMap(({ flowSlug }) => flowSlug ?? [])])].sort();
  const found = isAll ? await Promise.all(slugs.map((slug) => findFlow(client, slug))) : [];
  const named = kind === "invitations" ? await requireFlows(client, slugs) : requested;
  const flows = [...named, ...found.filter((flow) => flow !== undefined)];
  const lists = onlyInvitations ? [] : flows.map(({ pk }) => listFlowStageBindings(client, pk));
  const bindings = (await Promise.all(lists)).flat();
  const pks = new Set<unknown>([...flows.map(({ pk }) => pk), ...(kind === "flows" ? [] : [null])]);
  const invitations = selected.filter(({ flow }) => pks.has(flow));
  return {
    flows,
    /** Sorted by their order in each flow. */
    bindings,
    /** The bound stages by pk, without those that the token's user is not allowed to view. */
    stages: await readStages(client, new Set(bindings.map(({ stage }) => stage))),
    /** Those of the flows and those that any flow accepts, sorted by name, then expiry. */
    invitations,
    /** How many invitations authentik cannot return. */
    unreadable: kind === "invitations" ? 0 : list.unreadable,
    /** What the token's user is not allowed to view. */
    hidden: {
      flows: slugs.filter((_slug, index) => isAll && found[index] === undefined),
      invitations: isAll ? selected.length - invitations.length : 0,
    },
  };
}

function select(listed: readonly StoredInvitation[], names: readonly string[]): StoredInvitation[] {
  const isSelected = ({ name, pk }: StoredInvitation, selected: string): boolean =>
    selected === name || selected === invitationId(pk);
  const missing = names.find((selected) => !listed.some((stored) => isSelected(stored, selected)));
  if (missing === undefined) return listed.filter((stored) => names.some((selected) => isSelected(stored, selected)));
  throw new UserError(
    `authentik has no invitation with the name or id "${missing}" that the token's user is allowed to view (permission ${permission(invitation, "view")}).`,
  );
}

function sort(listed: readonly StoredInvitation[]): StoredInvitation[] {
  // NUL, which no name contains, comes before all other characters.
  const key = ({ name, expires, pk }: StoredInvitation): string => [name, expires ?? "", pk].join("\0");
  return listed.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
}

async function requireFlows(client: Client, slugs: readonly string[]): Promise<StoredFlow[]> {
  return await Promise.all(
    slugs.map(async (slug) => {
      const found = await findFlow(client, slug);
      if (found) return found;
      // A failing list must not hide that the flow does not exist.
      const others = await flows.list(client, { designation: "enrollment" }).catch(() => []);
      const otherSlugs = others.map((other) => other.slug).sort();
      const hint = others.length > 0 ? ` Existing enrollment flows: ${otherSlugs.join(", ")}.` : "";
      throw new UserError(
        `authentik has no flow with the slug "${slug}" that the token's user is allowed to view (permission ${permission(flow, "view")}). The slug is the part of its URL after /if/flow/.${hint}`,
      );
    }),
  );
}

/** A stage that several flows have is read once. */
async function readStages(client: Client, pks: ReadonlySet<string>): Promise<ReadonlyMap<string, Stage>> {
  const stages = await Promise.all(
    [...pks].map(async (pk) => {
      const stage = await ifFound(retrieveStage(client, pk));
      const isUsual = stage?.metaModelName !== `${invitationStage.app}.${invitationStage.model}`;
      return isUsual ? stage : ((await findInvitationStage(client, { pk })) ?? stage);
    }),
  );
  return new Map(stages.flatMap((stage) => (stage ? [[stage.pk, stage] as const] : [])));
}

/** Reads the invitations of the flows with these slugs and possibly others, or all invitations. */
export async function readInvitations(client: Client, slugs: readonly string[] | "all"): Promise<InvitationList> {
  const filters: readonly InvitationFilters[] = slugs === "all" ? [{}] : slugs.map((flowSlug) => ({ flowSlug }));
  const first = filters.length > 1 ? await ifReadable(listFirstInvitations(client)) : undefined;
  // All invitations are cheaper if they are on no more pages than there are flows: each flow's list has at least one page.
  if (first !== undefined && first.totalPages <= filters.length) {
    const all = await ifReadable(listInvitations(client, {}, first));
    if (all) return { invitations: all, unreadable: 0 };
  }
  const lists = await Promise.all(filters.map((filter) => listReadableInvitations(client, filter)));
  return {
    invitations: lists.flatMap((list) => list.invitations),
    unreadable: lists.reduce((sum, { unreadable }) => sum + unreadable, 0),
  };
}
