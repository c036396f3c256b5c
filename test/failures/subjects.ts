import { isDeepStrictEqual } from "node:util";
import type { Authentik } from "../../sandbox";
import type { Connection, Properties } from "./connections";
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

interface ApiInvitation {
  readonly pk: string;
  readonly name: string;
  readonly single_use: boolean;
}

const invitationsPath = "/api/v3/stages/invitation/invitations/";
const name = "jane";
const listedNames = [name, "joe", "kim"];

/** Sets up what the operation needs on the server. */
export async function prepareSubject(kind: Kind, operation: Operation, connections: Connections): Promise<Subject> {
  if (kind !== "invitation") return await prepareObject(kind, operation, connections);
  if (operation === "create") return await prepareCreate(connections);
  if (operation === "list") return await prepareList(connections);
  return await prepareExisting(operation, connections);
}

/** Creates another invitation over the connection, so that the next creation does not ask for the stack's earlier ones again. */
export async function createAnother({ failing }: Connections): Promise<void> {
  await createInvitation(failing, "another");
}

async function createInvitation(connection: Connection, invitationName: string) {
  const provider = connection.provider("invitation", invitationName);
  return await provider.create(await provider.check(invitationInputs(invitationName)));
}

/** The inputs of an invitation as a program declares them. */
function invitationInputs(invitationName: string, changes: Properties = {}): Properties {
  return { name: invitationName, expires: "2035-01-01T00:00:00Z", ...changes };
}

async function listOnServer(server: Authentik): Promise<ApiInvitation[]> {
  const { body } = await server.request("GET", `${invitationsPath}?page_size=100`);
  const { results } = body as { results: ApiInvitation[] };
  for (const { pk } of results) rememberPk(pk);
  return results.filter(({ name: listed }) => listedNames.includes(listed));
}

async function prepareCreate({ server, failing, direct }: Connections): Promise<Subject> {
  const provider = failing.provider("invitation", name);
  const inputs = await provider.check(invitationInputs(name));
  return {
    method: "POST",
    path: invitationsPath,
    run: async () => {
      const { state } = await provider.create(inputs);
      rememberPk(String(state["pk"]));
      return state;
    },
    async verify({ value, error }, logged) {
      const stored = await listOnServer(server);
      if (stored.length > 1) return [`${stored.length} invitations exist`];
      if (error === undefined) {
        const isStored = stored[0] !== undefined && stored[0].pk === (value as Properties)["pk"];
        return isStored ? [] : ["the state has another invitation than the server"];
      }
      const recovery = await direct.provider("invitation", name).recover(inputs);
      const expected = stored.length === 1 ? "created" : "not created";
      if (recovery.outcome !== expected) return [`recover says ${recovery.outcome} instead of ${expected}`];
      const warningCount = logged.length;
      await createInvitation(direct, name);
      const created = (await listOnServer(server)).length - stored.length;
      if (created !== 1) return [`the next run creates ${created} invitations`];
      const warning = logged.slice(warningCount).join();
      if (recovery.outcome === "not created") return warning === "" ? [] : [`the next run warns: ${warning}`];
      return [
        ...(recovery.outputs["pk"] === stored[0]?.pk ? [] : ["recover finds another invitation"]),
        ...(warning.includes(`authentik has another one (id ${recovery.id})`) ? [] : ["the next run does not warn"]),
      ];
    },
  };
}

async function prepareExisting(operation: Operation, { server, failing, direct }: Connections): Promise<Subject> {
  const { id, state } = await createInvitation(direct, name);
  const provider = failing.provider("invitation", name);
  const nextProvider = direct.provider("invitation", name);
  const pk = String(state["pk"]);
  rememberPk(pk);
  const path = `${invitationsPath}${pk}/`;
  /** The invitation must never be another one than at the start. */
  const checkStored = async (isExpected: (stored: ApiInvitation | undefined) => boolean, problem: string) => {
    const stored = await listOnServer(server);
    if (stored.length > 1 || (stored[0] !== undefined && stored[0].pk !== pk)) return ["the invitation was reissued"];
    return isExpected(stored[0]) ? [] : [problem];
  };
  if (operation === "read") {
    return {
      method: "GET",
      path,
      run: () => provider.read(id, state),
      async verify({ value, error }) {
        const violations = await checkStored((stored) => stored !== undefined, "the invitation was deleted");
        if (error) return violations;
        if (value === undefined) return ["read says that the invitation was deleted", ...violations];
        return isDeepStrictEqual(value, state) ? violations : ["read returns another state", ...violations];
      },
    };
  }
  if (operation === "update") {
    const checked = await provider.check(invitationInputs(name, { singleUse: true }));
    const inputs = { ...checked, __origin: state["__origin"] };
    return {
      method: "PUT",
      path,
      run: () => provider.update(id, state, inputs),
      async verify({ error }) {
        const isUpdated = (stored: ApiInvitation | undefined): boolean => stored?.single_use === true;
        if (error === undefined) return await checkStored(isUpdated, "update returns although nothing changed");
        const violations = await checkStored((stored) => stored !== undefined, "the invitation was deleted");
        await nextProvider.update(id, state, inputs);
        return [...violations, ...(await checkStored(isUpdated, "the next run does not update the invitation"))];
      },
    };
  }
  return {
    method: "DELETE",
    path,
    run: () => provider.delete(id, state),
    async verify({ error }) {
      const isDeleted = (stored: ApiInvitation | undefined): boolean => stored === undefined;
      if (error === undefined) return await checkStored(isDeleted, "delete returns although the invitation exists");
      await nextProvider.delete(id, state);
      return await checkStored(isDeleted, "the next run does not delete the invitation");
    },
  };
}

async function prepareList({ server, failing, direct }: Connections): Promise<Subject> {
  for (const listed of listedNames) await createInvitation(direct, listed);
  return {
    method: "GET",
    path: invitationsPath,
    run: () => failing.listInvitations(),
    async verify({ value, error }) {
      if ((await listOnServer(server)).length !== listedNames.length) return ["invitations were deleted"];
      if (error) return [];
      const names = (value as { name: string }[]).map((invitation) => invitation.name).sort();
      return isDeepStrictEqual(names, [...listedNames].sort()) ? [] : ["list returns other invitations"];
    },
  };
}
