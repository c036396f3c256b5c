import { createHash, randomBytes } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { getInvitations } from "pulumi-authentik-invitations";
import { Invitation as provider } from "pulumi-authentik-invitations/provider";
import type { Authentik } from "../../sandbox";
import type { Kind, Operation } from "./failures";
import { prepareObject } from "./objects";
import { rememberPk } from "./secrets";

export type Properties = Record<string, unknown>;

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
  /** The name of the connection with the failure. */
  readonly failing: string;
  /** The name of a connection to the server itself. */
  readonly direct: string;
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
  await provider.create(await invitationInputs(failing, "another"));
}

/** The inputs of an invitation as the engine passes them to `create`. */
function invitationInputs(connection: string, invitationName: string, changes: Properties = {}): Promise<Properties> {
  return checkedInputs(provider, connection, { name: invitationName, expires: "2035-01-01T00:00:00Z", ...changes });
}

export async function checkedInputs(
  { check }: Pick<typeof provider, "check">,
  connection: string,
  declared: Properties,
): Promise<Properties> {
  const tag = createHash("sha256").update(String(declared["name"])).digest("hex").slice(0, 10);
  const origin = `test/${tag}/${randomBytes(6).toString("hex")}`;
  const { inputs, failures } = await check({}, { connection, __origin: origin, ...declared });
  if (failures && failures.length > 0) throw new Error(`check fails: ${JSON.stringify(failures)}`);
  return inputs as Properties;
}

async function listOnServer(server: Authentik): Promise<ApiInvitation[]> {
  const { body } = await server.request("GET", `${invitationsPath}?page_size=100`);
  const { results } = body as { results: ApiInvitation[] };
  for (const { pk } of results) rememberPk(pk);
  return results.filter(({ name: listed }) => listedNames.includes(listed));
}

async function prepareCreate({ server, failing, direct }: Connections): Promise<Subject> {
  const inputs = await invitationInputs(failing, name);
  return {
    method: "POST",
    path: invitationsPath,
    run: async () => {
      const { outs } = await provider.create(inputs);
      rememberPk(String((outs as Properties).pk));
      return outs;
    },
    async verify({ value, error }, logged) {
      const stored = await listOnServer(server);
      if (stored.length > 1) return [`${stored.length} invitations exist`];
      if (error === undefined) {
        const isStored = stored[0] !== undefined && stored[0].pk === (value as Properties).pk;
        return isStored ? [] : ["the state has another invitation than the server"];
      }
      // What the command `recover` does with an operation that is pending in the state.
      const options = { isInState: () => false, since: new Date(0) };
      const recovery = await provider.recover({ ...inputs, connection: direct }, options);
      const expected = stored.length === 1 ? "created" : "not created";
      if (recovery.outcome !== expected) return [`recover says ${recovery.outcome} instead of ${expected}`];
      const warningCount = logged.length;
      await provider.create(await invitationInputs(direct, name));
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
  const { id, outs } = await provider.create(await invitationInputs(direct, name));
  const state: Properties = { ...(outs as Properties), connection: failing };
  const pk = String(state["pk"]);
  rememberPk(pk);
  const path = `${invitationsPath}${pk}/`;
  const changed = async (connection: string): Promise<Properties> => ({
    ...(await invitationInputs(connection, name, { singleUse: true })),
    __origin: state["__origin"],
  });
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
        const { props } = value as { props?: Properties };
        if (props === undefined) return ["read says that the invitation was deleted", ...violations];
        return isDeepStrictEqual({ ...props }, state) ? violations : ["read returns another state", ...violations];
      },
    };
  }
  if (operation === "update") {
    const news = await changed(failing);
    return {
      method: "PUT",
      path,
      run: () => provider.update(id, state, news),
      async verify({ error }) {
        const isUpdated = (stored: ApiInvitation | undefined): boolean => stored?.single_use === true;
        if (error === undefined) return await checkStored(isUpdated, "update returns although nothing changed");
        const violations = await checkStored((stored) => stored !== undefined, "the invitation was deleted");
        await provider.update(id, { ...state, connection: direct }, await changed(direct));
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
      await provider.delete(id, { ...state, connection: direct });
      return await checkStored(isDeleted, "the next run does not delete the invitation");
    },
  };
}

async function prepareList({ server, failing, direct }: Connections): Promise<Subject> {
  for (const listed of listedNames) await provider.create(await invitationInputs(direct, listed));
  return {
    method: "GET",
    path: invitationsPath,
    run: () => getInvitations({ connection: failing }),
    async verify({ value, error }) {
      if ((await listOnServer(server)).length !== listedNames.length) return ["invitations were deleted"];
      if (error) return [];
      const names = (value as { name: string }[]).map((invitation) => invitation.name).sort();
      return isDeepStrictEqual(names, [...listedNames].sort()) ? [] : ["list returns other invitations"];
    },
  };
}
