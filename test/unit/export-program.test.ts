import { Script } from "node:vm";
import fc from "fast-check";
import * as ts from "typescript";
import { sharedJson, withoutShared } from "../../provider/commands/export/batch";

import { type ExportedProgram, readPksSource, writeProgram } from "../../provider/commands/export/program";
import { toImportFile } from "../../provider/commands/export/resources";
import type { Snapshot } from "../../provider/commands/export/snapshot";
import { toIdentifier, toLogicalName } from "../../provider/commands/export/typescript";
import { mostFrequent } from "../../provider/common/most-frequent";
import { invitationId } from "../../provider/common/pk";
import type { StoredFlow } from "../../provider/objects/flow";
import type { StoredInvitation } from "../../provider/objects/invitation/requests";
import { toInvitationInputs } from "../../provider/objects/invitation-batch/inputs";
import { isSameJson, mergeJson } from "../../provider/values/json";
import { Client, readInvitations } from "../bundle-internals";
import { runs, timeout } from "../hostile/runs";
import { closeServers, sendJson, startServer } from "./support/server";
import { timeOf } from "./support/time";

jest.setTimeout(timeout);

let numberOfPks = 0;

function newPk(): string {
  numberOfPks += 1;
  return `00000000-0000-4000-8000-${String(numberOfPks).padStart(12, "0")}`;
}

function flow(slug: string): StoredFlow {
  return {
    pk: newPk(),
    name: slug,
    slug,
    title: slug,
    designation: "enrollment",
    authentication: "none",
    deniedAction: "message_continue",
    layout: "stacked",
    policyEngineMode: "any",
    compatibilityMode: false,
  };
}

function invitation(name: string, fields: Partial<StoredInvitation> = {}): StoredInvitation {
  return {
    pk: newPk(),
    name,
    expires: "2035-01-01T00:00:00Z",
    fixedData: {},
    singleUse: false,
    flow: null,
    flowSlug: undefined,
    createdBy: undefined,
    ...fields,
  };
}

/** A snapshot of flows by slug, with their invitations, and of invitations without a flow. */
function snapshotOf(
  invitationsBySlug: Readonly<Record<string, readonly StoredInvitation[]>>,
  invitationsWithoutFlow: readonly StoredInvitation[] = [],
): Snapshot {
  const flows = Object.keys(invitationsBySlug).map(flow);
  const ofFlows = flows.flatMap(({ pk, slug }) =>
    (invitationsBySlug[slug] ?? []).map((stored) => ({ ...stored, flow: pk, flowSlug: slug })),
  );
  return {
    flows,
    bindings: [],
    stages: new Map(),
    invitations: [...ofFlows, ...invitationsWithoutFlow],
    unreadable: 0,
    hidden: { flows: [], invitations: 0 },
  };
}

async function write(snapshot: Snapshot, isBatch = true, onlyInvitations = false): Promise<ExportedProgram> {
  return await writeProgram(snapshot, { isBatch, onlyInvitations, baseUrl: "https://authentik.example.com" });
}

interface Declared {
  readonly type: string;
  readonly name: string;
  readonly args: Record<string, unknown>;
}

/** Runs a program with classes that only record their arguments. */
function run({ program, secrets }: ExportedProgram): Declared[] {
  const declared: Declared[] = [];
  const record = (_: object, type: string) =>
    function Resource(this: { id: string }, name: string, args: Record<string, unknown>) {
      declared.push({ type, name, args });
      this.id = `id of ${name}`;
    };
  class Config {
    requireObject = (key: string): unknown => secrets.get(key);
    require = this.requireObject;
  }
  const modules: Record<string, unknown> = {
    "@pulumi/pulumi": { Config, RunError: Error, secret: (value: unknown) => value },
    "pulumi-authentik-invitations": new Proxy({}, { get: (target, type) => record(target, String(type)) }),
  };
  const source = ts.transpile(program, { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 });
  new Script(source).runInNewContext({ exports: {}, require: (name: string) => modules[name] });
  // Values of another context have other prototypes.
  return JSON.parse(JSON.stringify(declared)) as Declared[];
}

/** The invitations that the batches of a program declare, by pk. */
async function declaredInvitations(exported: ExportedProgram): Promise<Map<unknown, Record<string, unknown>>> {
  const found = new Map<unknown, Record<string, unknown>>();
  for (const { type, name: batch, args } of run(exported)) {
    if (type !== "InvitationBatch") continue;
    const entries = args["invitations"] as Record<string, { import?: string }>;
    for (const [key, inputs] of await toInvitationInputs({ name: batch, ...args, invitations: entries })) {
      const { name, fixedData, singleUse, expires } = inputs;
      found.set(entries[key]?.import, { name, fixedData, singleUse, expires });
    }
  }
  return found;
}

test("a batch declares exactly the invitations in authentik", async () => {
  const word = fc.constantFrom("a", "b", "intake-2027", "x".repeat(20), "_", "-", "constructor", "invitation", "1");
  const name = fc.array(word, { minLength: 1, maxLength: 3 }).map((words) => words.join("-").slice(0, 50));
  const value = fc.oneof(fc.constantFrom(1, "x", null, {}, []), fc.dictionary(word, fc.constantFrom(1, 2, {})));
  const stored = fc.record({
    name,
    singleUse: fc.boolean(),
    expires: fc.constantFrom("2035-01-01T00:00:00Z", "2036-01-01T00:00:00.500000Z"),
    fixedData: fc.dictionary(fc.constantFrom("a", "b", "c"), value),
  });
  const list = fc.array(stored, { maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(list, list, list, async (first, second, free) => {
      const [a, b, c] = [first, second, free].map((all) => all.map((fields) => invitation(fields.name, fields)));
      const exported = await write(snapshotOf({ a: a ?? [], ["b".repeat(50)]: b ?? [] }, c));
      expect(exported.skipped).toEqual([]);
      const all = [...(a ?? []), ...(b ?? []), ...(c ?? [])];
      const expected = all.map(({ pk, name, fixedData, singleUse, expires }) => [
        pk,
        { name, fixedData, singleUse, expires },
      ]);
      expect(await declaredInvitations(exported)).toEqual(new Map(expected as [string, object][]));
      for (const { type, args } of run(exported)) {
        if (type === "InvitationBatch" && args["name"] !== undefined) {
          expect(String(args["name"]).length).toBeLessThanOrEqual(32);
        }
      }
    }),
    runs(40),
  );
});

test("a batch is named after the common prefix of its invitations' names, which are derived from the keys then", async () => {
  const names = ["intake-2027-ada", "intake-2027-ada-example-com-1a2b3c", "intake-2027-grace"];
  const [, batch] = run(await write(snapshotOf({ staff: names.map((name) => invitation(name)) })));
  expect(batch).toMatchObject({ type: "InvitationBatch", name: "intake-2027" });
  expect(batch?.args).not.toHaveProperty("name");
  expect(Object.entries(batch?.args["invitations"] ?? {})).toEqual([
    ["ada", { import: expect.any(String) }],
    ["ada-example-com-1a2b3c", { import: expect.any(String) }],
    ["grace", { import: expect.any(String) }],
  ]);
});

test("a prefix of more than 32 characters is shortened at a dash", async () => {
  const prefix = `${"a".repeat(20)}-${"b".repeat(20)}`;
  const [, batch] = run(await write(snapshotOf({ staff: [invitation(`${prefix}-1`), invitation(`${prefix}-2`)] })));
  expect(batch?.name).toBe("a".repeat(20));
  expect(Object.keys(batch?.args["invitations"] ?? {})).toEqual([`${"b".repeat(20)}-1`, `${"b".repeat(20)}-2`]);
});

test("a batch without a common prefix is named after its flow, in at most 32 characters", async () => {
  const slug = "s".repeat(50);
  const declared = run(await write(snapshotOf({ [slug]: [invitation("jane")] }, [invitation("free")])));
  expect(declared.map(({ type, name, args }) => [type, name, args["name"]])).toEqual([
    ["Flow", slug, undefined],
    ["InvitationBatch", slug, "s".repeat(32)],
    ["InvitationBatch", "invitations", undefined],
  ]);
});

test("batches with the same prefix get different logical names and settings", async () => {
  const intake = () => [invitation("intake-a"), invitation("intake-b")];
  const exported = await write(snapshotOf({ one: intake(), two: intake() }, intake()));
  expect([...exported.secrets.keys()]).toEqual(["pks-intake", "pks-intake-2", "pks-intake-3"]);
  const batches = run(exported).filter(({ type }) => type === "InvitationBatch");
  expect(batches.map(({ name, args }) => [name, args["name"], args["flow"]])).toEqual([
    ["intake", undefined, "id of one"],
    ["intake-2", "intake", "id of two"],
    ["intake-3", "intake", undefined],
  ]);
});

test("the data of a single invitation stays in its entry", async () => {
  const stored = invitation("jane", { fixedData: { email: "jane@example.com" }, singleUse: true });
  const [, batch] = run(await write(snapshotOf({ staff: [stored] })));
  expect(batch?.args).toEqual({
    flow: "id of staff",
    expires: stored.expires,
    singleUse: true,
    invitations: { jane: { name: "jane", fixedData: stored.fixedData, import: stored.pk } },
  });
});

test("a batch skips what cannot be imported, and is omitted if nothing remains", async () => {
  const unlimited = invitation("unlimited", { expires: null });
  const expired = () => invitation("expired", { expires: "2020-01-01T00:00:00Z" });
  const invalid = [
    invitation("two words"),
    invitation("x", { fixedData: JSON.parse('{"__proto__": 1}') as Record<string, unknown> }),
  ];
  const exported = await write(snapshotOf({ staff: [unlimited, expired(), ...invalid] }, [expired()]));
  expect(run(exported).map(({ type }) => type)).toEqual(["Flow"]);
  expect(exported.skipped).toEqual([
    expect.stringMatching(/^The invitation "unlimited": it has no expiry/),
    expect.stringMatching(/^The invitation "expired": it expired at /),
    expect.stringMatching(/^The invitation "two words": name: must contain only/),
    expect.stringMatching(/^The invitation "x": fixedData: contains the key "__proto__"/),
    expect.stringMatching(/^The invitation "expired": it expired at /),
  ]);
  for (const reason of exported.skipped) expect(exported.program).toContain(`// ${reason}\n`);
});

test("a flow with settings that validation rejects is only referenced, and such a binding is skipped", async () => {
  const stage = { pk: newPk(), name: "strange", continueFlowWithoutInvitation: false, flowSet: [] };
  const strange = { ...flow("strange"), designation: "of_the_future" };
  const binding = (fields: object): Snapshot["bindings"][number] => ({
    pk: newPk(),
    target: strange.pk,
    stage: stage.pk,
    order: 0,
    evaluateOnPlan: false,
    reEvaluatePolicies: true,
    policyEngineMode: "any",
    invalidResponseAction: "retry",
    ...fields,
  });
  const snapshot = {
    ...snapshotOf({}),
    flows: [strange],
    bindings: [binding({ invalidResponseAction: "give_up" }), binding({ order: 1 })],
    stages: new Map([[stage.pk, stage]]),
  };
  const exported = await write(snapshot);
  expect(exported.skipped).toEqual([
    expect.stringMatching(
      /^The flow "strange" is referenced, but not managed: designation: must be "authentication", /,
    ),
    expect.stringMatching(/^The binding ".*": invalidResponseAction: must /),
  ]);
  expect(exported.program).toContain(`const flow = { id: "${strange.pk}" };`);
  expect(run(exported)).toEqual([
    { type: "InvitationStage", name: "strange", args: expect.anything() },
    {
      type: "FlowStageBinding",
      name: expect.anything(),
      args: expect.objectContaining({ target: strange.pk, order: 1 }),
    },
  ]);
});

// authentik may delete it before `export --commands` runs, which has to name the same settings.
test("an invitation that has expired takes no name from one with the same name", async () => {
  const jane = () => invitation("jane");
  const expired = invitation("jane", { expires: "2020-01-01T00:00:00Z" });
  const names = async (invitations: StoredInvitation[]): Promise<string[]> =>
    run(await write(snapshotOf({ staff: invitations }), false)).map(({ name }) => name);
  expect(await names([expired, jane(), jane()])).toEqual(await names([jane(), jane()]));
  expect(await names([jane(), jane()])).toEqual(["staff", "jane", "jane-2"]);
});

test("a program that declares nothing imports nothing", async () => {
  const expired = invitation("expired", { expires: "2020-01-01T00:00:00Z" });
  const { program } = await write(snapshotOf({}, [expired]));
  expect(program).toMatch(/^(\/\/.*\n|\n)+$/);
});

test("reports what the token's user is not allowed to view", async () => {
  const hidden = { flows: ["secret"], invitations: 2 };
  const { skipped } = await write({ ...snapshotOf({ staff: [] }), hidden });
  expect(skipped).toEqual([
    'The flow "secret": the token\'s user is not allowed to view it (permission authentik_flows.view_flow).',
    "2 invitations: the token's user is not allowed to view their flows.",
  ]);
});

test("the file for `pulumi import` has no flow if only invitations are exported, and no pk of an invitation", async () => {
  const snapshot = snapshotOf({
    jane: [invitation("jane"), invitation("expired", { expires: "2020-01-01T00:00:00Z" })],
  });
  const importFile = async (onlyInvitations: boolean) => {
    const { file, skipped } = await toImportFile(snapshot, onlyInvitations);
    expect(skipped).toEqual([expect.stringMatching(/^The invitation "expired": it expired at /)]);
    const { resources } = JSON.parse(file) as { resources: { type: string; name: string; id: string }[] };
    return resources.map(({ type, name, id }) => [type.replace("authentik-invitations:index:", ""), name, id]);
  };
  const id = invitationId(snapshot.invitations[0]?.pk ?? "");
  expect(await importFile(true)).toEqual([["Invitation", "jane", id]]);
  expect(await importFile(false)).toEqual([
    ["Flow", "jane", snapshot.flows[0]?.pk],
    ["Invitation", "jane-2", id],
  ]);
});

test("variables of flows are distinct, and declared only if something refers to them", async () => {
  const slugs = ["staff", "staff-flow", "flow", "2fa", "config"];
  const flows = Object.fromEntries(slugs.map((slug) => [slug, [invitation("jane")]]));
  const { program } = await write(snapshotOf({ ...flows, bare: [] }), false);
  expect([...program.matchAll(/^const (\w+) = new authentik\.Flow/gm)].map(([, identifier]) => identifier)).toEqual(
    expect.arrayContaining(["staffFlow", "staffFlow2", "flow", "flow2faFlow", "configFlow"]),
  );
  expect(program).toContain('\nnew authentik.Flow(\n  "bare"');
});

test("the program fails if a batch's setting lacks a pk, instead of creating another invitation", () => {
  const secrets = new Map([["pks-staff", { ada: "pk of ada" }]]);
  const config = { requireObject: (key: string) => secrets.get(key) };
  const pulumi = { RunError: RangeError, secret: (value: unknown) => ({ secret: value }) };
  const source = `${ts.transpile(readPksSource)}; readPks("pks-staff")`;
  const pkOf = new Script(source).runInNewContext({ config, pulumi }) as (key: string) => unknown;
  expect(pkOf("ada")).toEqual({ secret: "pk of ada" });
  for (const key of ["grace", "constructor"]) {
    expect(() => pkOf(key)).toThrow(new RangeError(`The setting pks-staff has no pk for "${key}".`));
  }
});

test("shared and own values merge into the original ones", () => {
  const json = fc.dictionary(
    fc.constantFrom("a", "b", "constructor"),
    fc.oneof(fc.constantFrom(1, null, "x", {}, [1]), fc.dictionary(fc.constantFrom("a", "b"), fc.constantFrom(1, {}))),
  );
  fc.assert(
    fc.property(fc.array(json, { minLength: 1 }), (objects) => {
      const shared = sharedJson(objects);
      for (const object of objects) {
        expect(isSameJson(mergeJson(shared, withoutShared(object, shared)), object)).toBe(true);
      }
    }),
    runs(100),
  );
  expect(sharedJson([{ a: 1, b: { c: 1, d: 2 } }, { b: { c: 1, d: 3 } }])).toEqual({ b: { c: 1 } });
  expect(withoutShared({ a: 1, b: { c: 1, d: 2 } }, { b: { c: 1 } })).toEqual({ a: 1, b: { d: 2 } });
  expect(mostFrequent(["b", "a", "a", "b", "c"])).toBe("b");
  expect(mostFrequent([])).toBeUndefined();
});

test.each([
  ["separators", "-".repeat(40_000)],
  ["separators within", `a${"- .".repeat(13_000)}b`],
  ["other characters", "!".repeat(40_000)],
  ["marks", "\u0301".repeat(40_000)],
])("a name of 40,000 %s takes hardly longer than one of words", async (_case, name) => {
  const timeOfName = (name: string): Promise<number> =>
    timeOf(() => [toLogicalName(name, "invitation"), toIdentifier(name, "stage")]);
  expect(await timeOfName(name)).toBeLessThan(50 * (await timeOfName("Name ".repeat(8000))));
});

test("reading one by one does not end at a row that moved to the next page", async () => {
  const [a, b] = ["a", "b"].map((name) => ({ pk: newPk(), name, expires: null, single_use: false, flow: null }));
  const { url } = await startServer(({ path }, response) => {
    const query = new URL(path, "http://localhost").searchParams;
    const row = [a, a, undefined, b][Number(query.get("page")) - 1];
    if (query.get("page_size") !== "1" || query.get("page") === "3") sendJson(response, 500, {});
    else sendJson(response, row ? 200 : 404, row ? { results: [row] } : { detail: "Invalid page." });
  });
  const client = Client.connect({ url, token: "a" });
  try {
    const { invitations, unreadable } = await readInvitations(client, "all");
    expect([invitations.map(({ name }) => name), unreadable]).toEqual([["a", "b"], 1]);
  } finally {
    await client.close();
    await closeServers();
  }
});

test("reading one by one ends if the server fails on every page from some page on", async () => {
  const row = { pk: newPk(), name: "a", expires: null, single_use: false, flow: null };
  const { url, received } = await startServer(({ path }, response) => {
    const query = new URL(path, "http://localhost").searchParams;
    const isReadable = query.get("page_size") === "1" && query.get("page") === "1";
    if (!query.has("page")) sendJson(response, 200, row);
    else sendJson(response, isReadable ? 200 : 500, isReadable ? { results: [row] } : {});
  });
  const client = Client.connect({ url, token: "a" });
  try {
    await expect(readInvitations(client, "all")).rejects.toThrow("returned 500");
    expect(received.length).toBeGreaterThan(100);
    expect(received.length).toBeLessThan(120);
  } finally {
    await client.close();
    await closeServers();
  }
});
