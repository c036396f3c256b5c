import * as z from "zod";
import type { Client } from "../../authentik/client";
import { NotFoundError, ServerError } from "../../authentik/errors";
import {
  type InvitationFilters,
  isUnreadable,
  listInvitations,
  listRequest,
  type StoredInvitation,
  storedInvitation,
} from "./requests";

/** The invitations that authentik can return, and how many it cannot. */
export interface InvitationList {
  readonly invitations: readonly StoredInvitation[];
  readonly unreadable: number;
}

/** Lists the invitations. One that authentik cannot return hides only itself. */
export async function listReadableInvitations(client: Client, filters: InvitationFilters): Promise<InvitationList> {
  const invitations = await ifReadable(listInvitations(client, filters));
  return invitations ? { invitations, unreadable: 0 } : await readOneByOne(client, filters);
}

export async function ifReadable<T>(reading: Promise<T>): Promise<T | undefined> {
  return await reading.catch((error: unknown) => {
    if (isUnreadable(error)) return undefined;
    throw error;
  });
}

/** Pages in a row without another invitation before the server itself counts as failing. */
const maxPagesWithoutProgress = 100;

const concurrentPages = 16;

/** Pages with one row find the invitations that authentik can return. Larger ones are no alternative: authentik's administrators limit their size. */
async function readOneByOne(client: Client, filters: InvitationFilters): Promise<InvitationList> {
  const request = listRequest(filters);
  const schema = z.object({ results: z.array(storedInvitation) });
  /** The rows of a page; `undefined` if it does not exist. Otherwise, the error. */
  const readPage = async (page: number): Promise<StoredInvitation[] | ServerError | undefined> => {
    const query = { ...request.query, ordering: "pk", page_size: "1", page: String(page) };
    try {
      return (await client.send({ ...request, method: "GET", query }, schema)).results;
    } catch (error) {
      if (error instanceof NotFoundError) return undefined;
      if (isUnreadable(error)) return error;
      throw error;
    }
  };
  const found = new Map<string, StoredInvitation>();
  let unreadable = 0;
  let pagesWithoutProgress = 0;
  for (let next = 1; ; next += concurrentPages) {
    const numbers = Array.from({ length: concurrentPages }, (_, index) => next + index);
    for (const rows of await Promise.all(numbers.map(readPage))) {
      // A server that fails on every page, from some page on, or that ignores the page's number would never reach the last one.
      const isEndless = pagesWithoutProgress >= maxPagesWithoutProgress;
      pagesWithoutProgress++;
      if (rows instanceof ServerError) {
        if (isEndless) throw rows;
        unreadable++;
      } else if (rows === undefined || rows.length === 0 || isEndless) {
        return { invitations: [...found.values()], unreadable };
      } else {
        // A page repeats a row if another invitation was created meanwhile.
        if (rows.some(({ pk }) => !found.has(pk))) pagesWithoutProgress = 0;
        for (const invitation of rows) found.set(invitation.pk, invitation);
      }
    }
  }
}
