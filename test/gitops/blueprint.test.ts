import "../unit/support/environment";
import * as authentik from "pulumi-authentik-invitations";
import { Flow, FlowStageBinding, Invitation, InvitationStage } from "pulumi-authentik-invitations/provider";
import { Authentik } from "../../sandbox";
import { connect } from "../bundle-internals";
import { readBlueprint, readPermissions, roles } from "./blueprint";

// These tests send many requests, which take longer on a busy machine.
jest.setTimeout(30_000);

const providers = { Flow, InvitationStage, FlowStageBinding, Invitation };
type Kind = keyof typeof providers;
type Properties = Record<string, unknown>;

interface CreatedObject {
  readonly id: string;
  readonly outs: Properties;
  readonly inputs: Properties;
}

const viewEvents = "authentik_events.view_event";
const viewInvitations = "authentik_stages_invitation.view_invitation";
let count = 0;

/** Makes the following requests use this token. Each token gets a new connection, with an empty cache. */
function useToken(server: Authentik, token: string): void {
  process.env["AUTHENTIK_URL"] = server.url;
  process.env["AUTHENTIK_TOKEN"] = token;
}

async function createObject(kind: Kind, news: Properties): Promise<CreatedObject> {
  const { inputs = {}, failures = [] } = await providers[kind].check({}, news);
  expect(failures).toEqual([]);
  const { id, outs } = await providers[kind].create(inputs as Properties);
  return { id, outs: outs as Properties, inputs: inputs as Properties };
}

interface ObjectSet {
  readonly name: string;
  readonly Flow: CreatedObject;
  readonly InvitationStage: CreatedObject;
  readonly FlowStageBinding: CreatedObject;
  readonly Invitation: CreatedObject;
}

/** Creates one object of each kind. */
async function createObjects(): Promise<ObjectSet> {
  count += 1;
  const name = `objects-${count}`;
  const Flow = await createObject("Flow", { name, slug: name, title: name, designation: "enrollment" });
  const InvitationStage = await createObject("InvitationStage", { name });
  const FlowStageBinding = await createObject("FlowStageBinding", {
    target: name,
    stage: InvitationStage.id,
    order: 0,
  });
  const Invitation = await createObject("Invitation", { name, flow: name, validFor: "14d" });
  return { name, Flow, InvitationStage, FlowStageBinding, Invitation };
}

const changes = {
  Flow: { title: "Another" },
  InvitationStage: { continueFlowWithoutInvitation: true },
  FlowStageBinding: { order: 5 },
  Invitation: { singleUse: true },
} as const;
const kinds = ["Flow", "InvitationStage", "FlowStageBinding", "Invitation"] as const;

function readOperations(objects: ObjectSet): Readonly<Record<string, () => Promise<unknown>>> {
  const { name } = objects;
  return {
    ...Object.fromEntries(
      kinds.map((kind) => [`read ${kind}`, () => providers[kind].read(objects[kind].id, objects[kind].outs)]),
    ),
    getFlow: () => authentik.getFlow({ slug: name }),
    getFlowStageBindings: () => authentik.getFlowStageBindings({ flow: name }),
    getInvitationStage: () => authentik.getInvitationStage({ name }),
    getInvitations: () => authentik.getInvitations({ name }),
    getStage: () => authentik.getStage({ name: "default-source-enrollment-prompt" }),
  };
}

/** All operations of programs and the engine. They are independent, so that one failure does not cause others. */
function allOperations(objects: ObjectSet, other: ObjectSet): Readonly<Record<string, () => Promise<unknown>>> {
  const name = `${objects.name}-more`;
  return {
    "create Flow": () => createObject("Flow", { name, slug: name, title: name, designation: "enrollment" }),
    "create InvitationStage": () => createObject("InvitationStage", { name }),
    "create FlowStageBinding": () =>
      createObject("FlowStageBinding", { target: objects.name, stage: other.InvitationStage.id, order: 9 }),
    "create Invitation": () => createObject("Invitation", { name, flow: objects.name, validFor: "14d" }),
    ...readOperations(objects),
    ...Object.fromEntries(
      kinds.map((kind) => [
        `update ${kind}`,
        () =>
          providers[kind].update(objects[kind].id, objects[kind].outs, { ...objects[kind].inputs, ...changes[kind] }),
      ]),
    ),
    ...Object.fromEntries(
      [...kinds]
        .reverse()
        .map((kind) => [`delete ${kind}`, () => providers[kind].delete(objects[kind].id, objects[kind].outs)]),
    ),
  };
}

/** Runs the operations, and returns the messages of those that failed. */
async function collectFailures(
  operations: Readonly<Record<string, () => Promise<unknown>>>,
): Promise<Map<string, string>> {
  const failures = new Map<string, string>();
  for (const [operation, run] of Object.entries(operations)) {
    try {
      await run();
    } catch (error) {
      failures.set(operation, error instanceof Error ? error.message : String(error));
    }
  }
  return failures;
}

describe("the blueprint", () => {
  test("connects roles, groups and accounts, and contains no token", async () => {
    const { entries } = await readBlueprint();
    const ids = entries.map(({ id }) => id);
    for (const { model, identifiers, attrs } of entries) {
      expect(["authentik_rbac.role", "authentik_core.group", "authentik_core.user"]).toContain(model);
      expect(Object.keys(identifiers)).toEqual([model === "authentik_core.user" ? "username" : "name"]);
      const references = [attrs.roles, attrs.groups].flat().filter((reference) => typeof reference === "string");
      expect(ids).toEqual(expect.arrayContaining(references.map((reference) => reference.replace("!KeyOf ", ""))));
      if (model === "authentik_core.user") expect(attrs).toMatchObject({ type: "service_account" });
      for (const name of Object.keys(attrs)) expect(name).not.toMatch(/token|key|password/);
    }
  });

  test("gives each account one role, and the role that can change every flow to none", async () => {
    const { entries } = await readBlueprint();
    const find = (model: string) => entries.filter((entry) => entry.model === model);
    const users = find("authentik_core.user").map(({ identifiers, attrs }) => {
      const groups = find("authentik_core.group").filter(({ id }) => [attrs.groups].flat().includes(`!KeyOf ${id}`));
      const references = groups.flatMap((group) => [group.attrs.roles].flat());
      const names = find("authentik_rbac.role").filter(({ id }) => references.includes(`!KeyOf ${id}`));
      return [identifiers.username, names.map((role) => role.identifiers.name)];
    });
    expect(users).toEqual([roles.preview, roles.drift, roles.invitations].map((account) => [account, [account]]));
  });

  test("only the drift role can read the event log, and previews read no invitations", async () => {
    const [preview, drift, invitations, flows] = await Promise.all([
      readPermissions("preview"),
      readPermissions("drift"),
      readPermissions("invitations"),
      readPermissions("flows"),
    ]);
    expect(
      preview.filter((permission) => !/\.view_(flow|stage|flowstagebinding|invitationstage)$/.test(permission)),
    ).toEqual([]);
    expect(new Set(preview).size).toBe(4);
    expect(drift).toEqual([...preview, viewInvitations, viewEvents]);
    const ofInvitations = ["add", "view", "change", "delete"].map(
      (verb) => `authentik_stages_invitation.${verb}_invitation`,
    );
    expect(invitations).toEqual([...ofInvitations, ...preview]);
    expect(flows.filter((permission) => permission.includes(".view_"))).toEqual([]);
    expect(new Set(flows).size).toBe(9);
  });
});

// The embedded authentik checks permissions in the same way in all versions, and the provider sends the same requests.
describe("the roles", () => {
  let server: Authentik;
  let logged: string[];

  beforeEach(async () => {
    server = await Authentik.start();
    logged = [];
    for (const method of ["log", "info", "warn", "error"] as const) {
      jest
        .spyOn(console, method)
        .mockImplementation((...args: unknown[]) => void logged.push(args.map(String).join(" ")));
    }
  });

  afterEach(async () => {
    jest.restoreAllMocks();
    await server.close();
  });

  /** Creates two sets of objects, in which an admin then changes the stages and the invitations. */
  async function createDriftedObjects(): Promise<[ObjectSet, ObjectSet]> {
    const { users } = server.instance;
    useToken(server, users.addToken(users.admin));
    const sets: [ObjectSet, ObjectSet] = [await createObjects(), await createObjects()];
    for (const { Invitation, InvitationStage } of sets) {
      const changed = { name: InvitationStage.inputs.name, continue_flow_without_invitation: true };
      await server.request("PUT", `/api/v3/stages/invitation/stages/${InvitationStage.id}/`, changed);
      await server.request("PATCH", `/api/v3/stages/invitation/invitations/${Invitation.outs.pk}/`, {
        expires: "2040-01-01T00:00:00Z",
      });
    }
    await connect().client.close();
    logged.length = 0;
    return sets;
  }

  /** Runs the operations as a user with these permissions, and returns the messages of those that failed. */
  async function runAs(permissions: string[], operations: typeof allOperations): Promise<Map<string, string>> {
    const [objects, other] = await createDriftedObjects();
    useToken(server, server.addUser(objects.name, permissions));
    try {
      return await collectFailures(operations(objects, other));
    } finally {
      await connect().client.close();
    }
  }

  const changesOfFlows = ["Flow", "InvitationStage", "FlowStageBinding"].flatMap((kind) =>
    ["create", "update", "delete"].map((verb) => `${verb} ${kind}`),
  );

  test("the role for invitations can refresh, look up and change invitations, but not flows", async () => {
    const failures = await runAs(await readPermissions("invitations"), allOperations);
    expect([...failures.keys()].sort()).toEqual([...changesOfFlows].sort());
    for (const message of failures.values()) expect(message).toContain("lacks the permission");
  });

  test("with the role for flows, it has all required permissions", async () => {
    const permissions = [...(await readPermissions("invitations")), ...(await readPermissions("flows"))];
    expect(await runAs(permissions, allOperations)).toEqual(new Map());
  });

  test("the drift role can refresh, look up and name who changed what, but not write", async () => {
    const failures = await runAs(await readPermissions("drift"), allOperations);
    const changesOfInvitations = ["create", "update", "delete"].map((verb) => `${verb} Invitation`);
    expect([...failures.keys()].sort()).toEqual([...changesOfFlows, ...changesOfInvitations].sort());
    for (const message of failures.values()) expect(message).toContain("lacks the permission");
    expect(logged.map((line) => line.replace(/ on \d.*/, ""))).toEqual([
      expect.stringMatching(
        /^Invitation stage "objects-\d+": continueFlowWithoutInvitation changed outside Pulumi, last by akadmin$/,
      ),
      expect.stringMatching(/^Invitation "objects-\d+": expires changed outside Pulumi, last by akadmin$/),
    ]);
  });

  test("the preview role can look up everything but invitations", async () => {
    const failures = await runAs(await readPermissions("preview"), readOperations);
    expect([...failures.keys()]).toEqual(["read Invitation", "getInvitations"]);
    for (const message of failures.values()) expect(message).toContain(viewInvitations);
  });

  test("without one of the permissions, only operations on its kind of object fail, with errors that name it", async () => {
    const all = [...(await readPermissions("invitations")), ...(await readPermissions("flows")), viewEvents];
    for (const missing of all) {
      const failures = await runAs(
        all.filter((permission) => permission !== missing),
        allOperations,
      );
      if (missing === viewEvents) {
        expect(failures).toEqual(new Map());
        expect(logged.filter((line) => line.includes(viewEvents))).toHaveLength(1);
        expect(logged).toHaveLength(3);
        continue;
      }
      const [, app = "", verb = "", model = ""] = /^(\w+)\.([a-z]+)_(\w+)$/.exec(missing) ?? [];
      expect([missing, [...failures.values()].filter((message) => message.includes(missing))]).not.toEqual([
        missing,
        [],
      ]);
      for (const [operation, message] of failures) {
        // authentik checks the view permission of an object first, so without it updates and deletes fail as well, naming their own permission.
        const expectedName = verb === "view" && /^(update|delete) /.test(operation) ? `${app}.` : missing;
        expect([operation, message]).toEqual([operation, expect.stringContaining(expectedName)]);
        expect([operation, message]).toEqual([operation, expect.stringContaining(`_${model}`)]);
      }
    }
  });
});
