import type { Client, ListPage } from "../../authentik/client";
import { AuthentikError } from "../../authentik/errors";
import type { Connection } from "../../lifecycle/connections";
import { invitations, isUnreadable, listFirstInvitations, listInvitations, type StoredInvitation } from "./requests";

/** Milliseconds without a read after which a listing is outdated. Within a refresh, reads follow each other closely. */
const maxIdle = 10_000;

/** Single reads after the first failure of a list page; twice as many after each further one, because the failure may be permanent. */
const minPause = 8;

type Listing = ReadonlyMap<string, StoredInvitation>;

const readers = new WeakMap<Connection, InvitationReader>();

export function readerOf(connection: Connection): InvitationReader {
  const reader = readers.get(connection) ?? new InvitationReader(connection.client);
  readers.set(connection, reader);
  return reader;
}

/**
 * Reads invitations for a refresh with few requests. The engine asks for one at a time and does not say how many will follow. So the first is
 * read singly, the second one reads the first list page, which says how many pages there are, and once as many requests were sent as listing
 * costs, all are listed. That is never more than twice as many requests as the best choice, plus those already in flight.
 */
export class InvitationReader {
  readonly #client: Client;
  #requests = 0;
  #firstPage: Promise<ListPage<StoredInvitation> | undefined> | undefined;
  #listing: Promise<Listing | undefined> | undefined;
  /** Set while a row that the server cannot read breaks the pages: then only single reads work. */
  #isUnreadable: boolean = false;
  /** How many invitations to read singly before a list page is tried again, after one failed. */
  #pause: number = 0;
  #nextPause: number = minPause;
  #lastRead: number = Date.now();

  constructor(client: Client) {
    this.#client = client;
  }

  /** Reads an invitation. `client` sends the request if it is read singly. */
  async read(client: Client, pk: string): Promise<StoredInvitation> {
    this.#startOver();
    const isFirst = this.#requests === 0;
    if (isFirst) this.#requests += 1;
    const listed = isFirst ? undefined : await this.#fromListing(pk);
    if (listed) return listed;
    if (!isFirst) this.#requests += 1;
    // Not found in a listing means deleted only if a single read says so.
    return await invitations.retrieve(client, pk);
  }

  /** Forgets what was listed, after this process has written. */
  reset(): void {
    this.#requests = 0;
    this.#firstPage = undefined;
    this.#listing = undefined;
    this.#isUnreadable = false;
    this.#pause = 0;
    this.#nextPause = minPause;
  }

  /** A new refresh lists again. In between, other processes may have written, and the row that the server could not read may have been deleted. */
  #startOver(): void {
    if (Date.now() - this.#lastRead > maxIdle) this.reset();
    this.#lastRead = Date.now();
  }

  async #fromListing(pk: string): Promise<StoredInvitation | undefined> {
    if (this.#isUnreadable) return undefined;
    if (this.#pause > 0) {
      this.#pause -= 1;
      return undefined;
    }
    this.#firstPage ??= this.#try(listFirstInvitations(this.#client));
    const first = await this.#firstPage;
    if (first === undefined) return undefined;
    if (this.#listing === undefined && this.#requests < first.totalPages) return undefined;
    this.#listing ??= this.#list(first);
    const listing = await this.#listing;
    if (listing === undefined) return undefined;
    return listing.get(pk);
  }

  async #list(first: ListPage<StoredInvitation>): Promise<Listing | undefined> {
    const rows = await this.#try(listInvitations(this.#client, {}, first));
    return rows && new Map(rows.map((row) => [row.pk, row]));
  }

  /** `undefined` if the server cannot be listed now: single reads do without it, and say what is wrong if they fail as well. */
  async #try<T>(request: Promise<T>): Promise<T | undefined> {
    try {
      return await request;
    } catch (error) {
      if (!(error instanceof AuthentikError)) throw error;
      this.#isUnreadable = isUnreadable(error);
      this.#firstPage = undefined;
      this.#listing = undefined;
      this.#pause = this.#nextPause;
      this.#nextPause *= 2;
      return undefined;
    }
  }
}
