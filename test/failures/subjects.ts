import { isDeepStrictEqual } from "node:util";
import type { Authentik } from "../../sandbox";
import type { Connection } from "./connections";
import type { Kind, Operation } from "./failures";
import { prepareObject } from "./objects";
import { rememberPk } from "./secrets";

export interface Result {
  /** What the operation returned. */
  readonly value?: unknown;
  readonly error?: Error;
}

/** One operation of the provider on one server. */
export interface Subject {
  readonly method: string;
  /** Without its query. */
  readonly path: string;
  /** Whether a GET precedes the request, which is not sent if that fails. */
  readonly hasLookup?: boolean;
  /** Runs the operation over the connection with the failure. */
  run(): Promise<unknown>;
  /**
   * Returns what was lost, duplicated or reissued, after a next run over a connection without failures as well. Warnings are added to `logged`.
   */
  verify(result: Result, logged: readonly string[]): Promise<string[]>;
}

export interface Connections {
  readonly server: Authentik;
  /** The one with the failure. */
  readonly failing: Connection;
  /** To the server itself. */
  readonly direct: Connection;
}

const invitationsPath = "/api/v3/stages/invitation/invitations/";
const listedNames = ["jane", "joe", "kim"];

/** Sets up what the operation needs on the server. */
export async function prepareSubject(kind: Kind, operation: Operation, connections: Connections): Promise<Subject> {
  return operation === "list" ? await prepareList(connections) : await prepareObject(kind, operation, connections);
}

/** Creates another invitation over the connection, so that the next creation does not ask for the stack's earlier ones again. */
export async function createAnother({ failing }: Connections): Promise<void> {
  await createInvitation(failing, "another");
}

async function createInvitation(connection: Connection, name: string): Promise<void> {
  const provider = connection.provider("invitation", name);
  await provider.create(await provider.check({ name, expires: "2035-01-01T00:00:00Z" }));
}

async function prepareList({ server, failing, direct }: Connections): Promise<Subject> {
  for (const listed of listedNames) await createInvitation(direct, listed);
  const listOnServer = async (): Promise<string[]> => {
    const { body } = await server.request("GET", invitationsPath);
    const { results } = body as { results: { pk: string; name: string }[] };
    for (const { pk } of results) rememberPk(pk);
    return results.map(({ name }) => name).sort();
  };
  return {
    method: "GET",
    path: invitationsPath,
    run: () => failing.listInvitations(),
    async verify({ value, error }) {
      if (!isDeepStrictEqual(await listOnServer(), listedNames)) return ["invitations were deleted"];
      if (error) return [];
      const names = (value as { name: string }[]).map(({ name }) => name).sort();
      return isDeepStrictEqual(names, listedNames) ? [] : ["list returns other invitations"];
    },
  };
}
