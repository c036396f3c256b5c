import "../unit/support/environment";
import * as authentik from "../../provider";
import { Flow, FlowStageBinding, Invitation, InvitationStage } from "../../provider/lifecycle";
import { connect } from "../../provider/lifecycle/engine/connections";
import { Authentik, type AuthentikVersion } from "../sandbox";
import { permissionsOf, readBlueprint } from "./roles";

const providers = { Flow, InvitationStage, FlowStageBinding, Invitation };
type Kind = keyof typeof providers;
type Properties = Record<string, unknown>;

interface Made {
  readonly id: string;
  readonly outs: Properties;
  readonly inputs: Properties;
}

const seeingEvents = "authentik_events.view_event";
let count = 0;

/** What follows asks authentik with this token. Each token has a connection of its own, which has learnt nothing yet. */
function useToken(server: Authentik, token: string): void {
  process.env["AUTHENTIK_URL"] = server.url;
  process.env["AUTHENTIK_TOKEN"] = token;
}

async function make(kind: Kind, news: Properties): Promise<Made> {
  const { inputs = {}, failures = [] } = await providers[kind].check({}, news);
  expect(failures).toEqual([]);
  const { id, outs } = await providers[kind].create(inputs as Properties);
  return { id, outs: outs as Properties, inputs: inputs as Properties };
}

interface World {
  readonly name: string;
  readonly Flow: Made;
  readonly InvitationStage: Made;
  readonly FlowStageBinding: Made;
  readonly Invitation: Made;
}

/** One of each kind. */
async function makeWorld(): Promise<World> {
  count += 1;
  const name = `world-${count}`;
  const Flow = await make("Flow", { name, slug: name, title: name, designation: "enrollment" });
  const InvitationStage = await make("InvitationStage", { name });
  const FlowStageBinding = await make("FlowStageBinding", { target: name, stage: InvitationStage.id, order: 0 });
  const Invitation = await make("Invitation", { name, flow: name, validFor: "14d" });
  return { name, Flow, InvitationStage, FlowStageBinding, Invitation };
}

const changes = {
  Flow: { title: "Another" },
  InvitationStage: { continueFlowWithoutInvitation: true },
  FlowStageBinding: { order: 5 },
  Invitation: { singleUse: true },
} as const;
const kinds = ["Flow", "InvitationStage", "FlowStageBinding", "Invitation"] as const;

function reading(world: World): Readonly<Record<string, () => Promise<unknown>>> {
  const { name } = world;
  return {
    ...Object.fromEntries(
      kinds.map((kind) => [`read ${kind}`, () => providers[kind].read(world[kind].id, world[kind].outs)]),
    ),
    getFlow: () => authentik.getFlow({ slug: name }),
    getFlowStageBindings: () => authentik.getFlowStageBindings({ flow: name }),
    getInvitationStage: () => authentik.getInvitationStage({ name }),
    getInvitations: () => authentik.getInvitations({ name }),
    getStage: () => authentik.getStage({ name: "default-source-enrollment-prompt" }),
  };
}

/** Everything that a program and the engine can ask for, each by itself, so that each can fail for itself. */
function everything(world: World, other: World): Readonly<Record<string, () => Promise<unknown>>> {
  const name = `${world.name}-more`;
  return {
    "create Flow": () => make("Flow", { name, slug: name, title: name, designation: "enrollment" }),
    "create InvitationStage": () => make("InvitationStage", { name }),
    "create FlowStageBinding": () =>
      make("FlowStageBinding", { target: world.name, stage: other.InvitationStage.id, order: 9 }),
    "create Invitation": () => make("Invitation", { name, flow: world.name, validFor: "14d" }),
    ...reading(world),
    ...Object.fromEntries(
      kinds.map((kind) => [
        `update ${kind}`,
        () => providers[kind].update(world[kind].id, world[kind].outs, { ...world[kind].inputs, ...changes[kind] }),
      ]),
    ),
    ...Object.fromEntries(
      [...kinds]
        .reverse()
        .map((kind) => [`delete ${kind}`, () => providers[kind].delete(world[kind].id, world[kind].outs)]),
    ),
  };
}

/** Does all of it, and says what failed and why. */
async function failuresOf(operations: Readonly<Record<string, () => Promise<unknown>>>): Promise<Map<string, string>> {
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

describe("the blueprint of the service accounts", () => {
  test("its roles, groups and accounts belong together, and no token is in it", async () => {
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

  test("no permission is there twice, and the role that reads only views", async () => {
    const writer = await permissionsOf("pulumi-invitations");
    const reader = await permissionsOf("pulumi-invitations-read");
    expect(new Set(writer).size).toBe(writer.length);
    expect(reader).toEqual(writer.filter((permission) => permission.includes(".view_")));
  });
});

describe.each(["2024.8", "2026.2"] as AuthentikVersion[])("the roles on authentik %s", (version) => {
  let server: Authentik;
  let said: string[];

  beforeEach(async () => {
    server = await Authentik.start({ version });
    said = [];
    for (const method of ["log", "info", "warn", "error"] as const) {
      jest
        .spyOn(console, method)
        .mockImplementation((...words: unknown[]) => void said.push(words.map(String).join(" ")));
    }
  });

  afterEach(async () => {
    jest.restoreAllMocks();
    await server.close();
  });

  /** A world that an admin has changed by hand, and another one. */
  async function worlds(): Promise<[World, World]> {
    const { users } = server.instance;
    useToken(server, users.addToken(users.admin));
    const two: [World, World] = [await makeWorld(), await makeWorld()];
    for (const { Invitation, InvitationStage } of two) {
      const changed = { name: InvitationStage.inputs.name, continue_flow_without_invitation: true };
      await server.request("PUT", `/api/v3/stages/invitation/stages/${InvitationStage.id}/`, changed);
      await server.request("PATCH", `/api/v3/stages/invitation/invitations/${Invitation.outs.pk}/`, {
        expires: "2040-01-01T00:00:00Z",
      });
    }
    await connect().client.close();
    said.length = 0;
    return two;
  }

  /** Does everything as a user with these permissions. */
  async function doAs(permissions: string[], operations: typeof everything): Promise<Map<string, string>> {
    const [world, other] = await worlds();
    useToken(server, server.addUser(world.name, permissions));
    try {
      return await failuresOf(operations(world, other));
    } finally {
      await connect().client.close();
    }
  }

  test("the writer's suffices for everything", async () => {
    expect(await doAs(await permissionsOf("pulumi-invitations"), everything)).toEqual(new Map());
    expect(said.map((line) => line.replace(/ on \d.*/, ""))).toEqual([
      expect.stringMatching(
        /^Invitation stage "world-\d+": continueFlowWithoutInvitation changed outside Pulumi, last by akadmin$/,
      ),
      expect.stringMatching(/^Invitation "world-\d+": expires changed outside Pulumi, last by akadmin$/),
    ]);
  });

  test("the reader's suffices for refreshes and look-ups, and for nothing else", async () => {
    const failures = await doAs(await permissionsOf("pulumi-invitations-read"), everything);
    expect([...failures.keys()]).toEqual(
      ["create", "update", "delete"].flatMap((verb) =>
        (verb === "delete" ? [...kinds].reverse() : [...kinds]).map((kind) => `${verb} ${kind}`),
      ),
    );
    for (const message of failures.values()) expect(message).toContain("lacks the permission");
    expect(said).toHaveLength(2);
  });

  test("each one that is left out is named by what fails without it, and only its kind of object fails", async () => {
    const all = await permissionsOf("pulumi-invitations");
    for (const missing of all) {
      const failures = await doAs(
        all.filter((permission) => permission !== missing),
        everything,
      );
      if (missing === seeingEvents) {
        expect(failures).toEqual(new Map());
        expect(said.filter((line) => line.includes(seeingEvents))).toHaveLength(1);
        expect(said).toHaveLength(3);
        continue;
      }
      const [, app = "", verb = "", model = ""] = /^(\w+)\.([a-z]+)_(\w+)$/.exec(missing) ?? [];
      expect([missing, [...failures.values()].filter((message) => message.includes(missing))]).not.toEqual([
        missing,
        [],
      ]);
      for (const [operation, message] of failures) {
        // authentik looks for what may be seen before it asks what may be changed: an update without "view" fails too, with its own name.
        const named = verb === "view" && /^(update|delete) /.test(operation) ? `${app}.` : missing;
        expect([operation, message]).toEqual([operation, expect.stringContaining(named)]);
        expect([operation, message]).toEqual([operation, expect.stringContaining(`_${model}`)]);
      }
    }
  });
});
