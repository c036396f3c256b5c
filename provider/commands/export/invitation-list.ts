import * as z from "zod";
import type { Client } from "../../authentik/client";
import { NotFoundError } from "../../authentik/errors";
import {
  isUnreadable,
  listFirstInvitations,
  listInvitations,
  invitations as requests,
  type StoredInvitation,
} from "../../objects/invitation/requests";

interface InvitationList {
  readonly invitations: readonly StoredInvitation[];
  readonly unreadable: number;
}

/** Reads the invitations of the flows with these slugs and possibly others, or all invitations. */
export async function readInvitations(client: Client, slugs: readonly string[] | "all"): Promise<InvitationList> {
  if (slugs === "all") return await readList(client, undefined);
  const all = slugs.length > 1 ? await readAllIfCheaper(client, slugs.length) : undefined;
  if (all) return { invitations: all, unreadable: 0 };
  const lists = await Promise.all(slugs.map(async (slug) => await readList(client, slug)));
  return {
    invitations: lists.flatMap(({ invitations }) => invitations),
    unreadable: lists.reduce((sum, { unreadable }) => sum + unreadable, 0),
  };
}

/** All invitations, if they are on no more pages than there are flows: each flow's list has at least one page. */
async function readAllIfCheaper(client: Client, flows: number): Promise<StoredInvitation[] | undefined> {
  try {
    const first = await listFirstInvitations(client, {});
    return first.totalPages <= flows ? await listInvitations(client, {}, first) : undefined;
  } catch (error) {
    // The unreadable invitation may belong to another flow.
    if (isUnreadable(error)) return undefined;
    throw error;
  }
}

async function readList(client: Client, flowSlug: string | undefined): Promise<InvitationList> {
  try {
    const filters = flowSlug === undefined ? {} : { flowSlug };
    return { invitations: await listInvitations(client, filters), unreadable: 0 };
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    return await readOneByOne(client, flowSlug);
  }
}

/** Unreadable invitations in a row before the server itself counts as failing. */
const maxFailuresInARow = 100;

/** Pages with one row find the invitations that authentik can return. */
async function readOneByOne(client: Client, flowSlug: string | undefined): Promise<InvitationList> {
  const filter: Record<string, string> = flowSlug === undefined ? {} : { flow__slug: flowSlug };
  const invitations: StoredInvitation[] = [];
  const seen = new Set<string>();
  let unreadable = 0;
  let failuresInARow = 0;
  for (let page = 1; ; page++) {
    try {
      const { results } = await client.send(
        {
          method: "GET",
          path: "stages/invitation/invitations/",
          query: { ...filter, ordering: "pk", page_size: "1", page: String(page) },
          failure: "Could not list the invitations",
          permission: "authentik_stages_invitation.view_invitation",
        },
        z.object({ results: z.array(z.object({ pk: z.string() })) }),
      );
      // A server that ignores the page's number would never reach the last one.
      if (results.every(({ pk }) => seen.has(pk))) return { invitations, unreadable };
      for (const { pk } of results) {
        seen.add(pk);
        invitations.push(await requests.retrieve(client, pk));
      }
      failuresInARow = 0;
    } catch (error) {
      if (error instanceof NotFoundError) return { invitations, unreadable };
      if (!isUnreadable(error)) throw error;
      unreadable++;
      failuresInARow++;
      // Nor would one that fails on every page, from some page on.
      if (failuresInARow > maxFailuresInARow) throw error;
    }
  }
}
