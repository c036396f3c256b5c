import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Operation, type State, type StateResource, toStateSecret } from "../../provider/commands/state";
import { invitationId } from "../../provider/common/pk";
import { Authentik } from "../../sandbox";
import { planRecovery } from "../bundle-internals";
import { Project } from "../engine/project";
import { invitations } from "../engine/server";
import { canary } from "../secrecy/canary";
import { useEmbedded } from "../unit/support/embedded-authentik";
import { unwrapSecrets, withoutSecrets } from "../unit/support/secrets";
import { create, declare, type Inputs, pending, runCommand, runOnTerminal, stateOf, urnOf } from "./fixture";

jest.setTimeout(120_000);

const expires = "2035-01-01T00:00:00Z";
const secretKey = "4dabf18193072939515e22adb298388d";

let server: Authentik;

beforeEach(async () => {
  server = await Authentik.start();
  await useEmbedded(server);
});

afterEach(async () => {
  await server.close();
});

const invitation = (name: string, inputs: Inputs = {}) =>
  declare("Invitation", name, { name, ...("validFor" in inputs ? {} : { expires }), ...inputs });
const writes = () => server.requests.filter(({ method }) => method !== "GET").length;
/** Plans the recovery of creations that are pending in an empty state. */
const planFor = (...resources: readonly StateResource[]) =>
  planRecovery(
    stateOf(
      [],
      resources.map((resource) => pending(resource)),
    ),
  );
const operationsOf = (state: State) => state.deployment.pending_operations ?? [];

describe("planRecovery", () => {
  test("moves what was created into the state, and removes what was not, without a write to authentik", async () => {
    const [created, lost] = [
      await declare("Invitation", "created::again", { name: "created", expires }),
      await invitation("lost"),
    ];
    const { id } = await create(created);
    const writesBefore = writes();
    const plan = await planFor(created, lost);
    expect(plan.operations).toEqual([
      { name: "created::again", type: "Invitation", outcome: "recovered", id },
      { name: "lost", type: "Invitation", outcome: "removed", reason: "was not created" },
    ]);
    expect(writes()).toBe(writesBefore);
    expect(operationsOf(plan.state)).toEqual([]);
    const [resource] = plan.state.deployment.resources ?? [];
    expect(resource).toMatchObject({ urn: created.urn, id, inputs: created.inputs });
    // Secret outputs are stored as secrets, all others as they are.
    expect(resource?.outputs?.pk).toHaveProperty(secretKey);
    expect(resource?.outputs).toMatchObject({ name: "created", expires });

    const again = await planRecovery(plan.state);
    expect(again).toEqual({ state: plan.state, operations: [] });
  });

  test("recovers flows, stages and bindings, each after what it depends on", async () => {
    const flow = await declare("Flow", "flow", { name: "x", slug: "x", title: "x", designation: "enrollment" });
    const stage = await declare("InvitationStage", "stage", { name: "stage" });
    const [flowPk, stagePk] = [(await create(flow)).id, (await create(stage)).id];
    const inputs = { target: flowPk, stage: stagePk, order: 0 };
    const declared = await declare("FlowStageBinding", "binding", inputs);
    const binding = { ...declared, dependencies: [flow.urn, stage.urn] };
    const { id } = await create(binding);
    const plan = await planFor(flow, stage, binding);
    expect(plan.operations).toMatchObject([flowPk, stagePk, id].map((pk) => ({ outcome: "recovered", id: pk })));
    expect(plan.state.deployment.resources?.map(({ urn }) => urn)).toEqual([flow.urn, stage.urn, binding.urn]);
  });

  test("never adopts what another stack of the same name created", async () => {
    const own = await invitation("jane", { singleUse: true });
    // Same project, stack, URN and content. Only the nonce differs.
    const other = await invitation("jane", { singleUse: true });
    await create(other);
    const plan = await planFor(own);
    expect(plan.operations).toMatchObject([{ outcome: "removed", reason: "was not created" }]);
    expect(plan.state.deployment.resources).toEqual([]);
  });

  test("removes pending updates and deletions of this package, and leaves those of others", async () => {
    const jane = await create(await invitation("jane"));
    const foreign = pending({ urn: "urn:pulumi:dev::team::aws:s3/bucket:Bucket::b", type: "aws:s3/bucket:Bucket" });
    const operations = [pending(jane, "updating"), foreign, pending(jane, "deleting")];
    const plan = await planRecovery(stateOf([jane], operations));
    expect(plan.operations.map(({ outcome }) => outcome)).toEqual(["removed", "removed"]);
    expect(operationsOf(plan.state)).toEqual([foreign]);
    expect(plan.state.deployment.resources).toEqual([jane]);
  });

  test("does not add a resource twice, and reports one that a later run has created again", async () => {
    const first = await invitation("jane");
    const interrupted = await create(first);
    const same = await planRecovery(stateOf([interrupted], [pending(first)]));
    expect(same.operations).toMatchObject([{ outcome: "removed", reason: "is in the state already" }]);
    expect(same.state.deployment.resources).toEqual([interrupted]);

    await new Promise((resolve) => setTimeout(resolve, 20));
    const later = await create(await invitation("jane"));
    const plan = await planRecovery(stateOf([later], [pending(first)]));
    expect(plan.operations).toMatchObject([{ outcome: "orphaned", id: interrupted.id }]);
    expect(plan.state.deployment.resources).toEqual([later]);
  });

  test("recovers an invitation that was used since, so that it is not issued again", async () => {
    const resource = await invitation("jane", { singleUse: true });
    const { id } = await create(resource);
    const [row] = server.instance.invitations.all();
    if (row) server.instance.invitations.remove(row);
    const plan = await planFor(resource);
    expect(plan.operations).toMatchObject([{ outcome: "recovered", id }]);
  });

  test("leaves operations of unknown kinds", async () => {
    const unknown: StateResource = { urn: urnOf("Flow", "x"), type: "pulumi-nodejs:dynamic/authentik:Future" };
    const plan = await planFor(unknown);
    expect(plan.operations).toMatchObject([{ outcome: "unclear" }]);
    expect(operationsOf(plan.state)).toHaveLength(1);
  });

  describe("without permission to read the event log", () => {
    const permissions = ["add_invitation", "view_invitation"].map((name) => `authentik_stages_invitation.${name}`);

    beforeEach(async () => {
      await useEmbedded(server, server.addUser("writer", permissions));
    });

    test.each([{ expires }, { validFor: "14d" }])(
      "reports an invitation as unclear with %j, and leaves the operation",
      async (expiry) => {
        const resource = await invitation("jane", expiry);
        await create(resource);
        const plan = await planFor(resource);
        expect(plan.operations).toMatchObject([
          {
            outcome: "unclear",
            reason:
              'whether authentik has the invitation "jane" cannot be determined, because the token\'s user is not allowed to read the event log (permission authentik_events.view_event, which also shows every email that authentik sends). If it exists, import it with the resource option import',
          },
        ]);
        expect(operationsOf(plan.state)).toHaveLength(1);
      },
    );

    test("reports stages as unclear", async () => {
      const stage = await declare("InvitationStage", "stage", { name: "stage" });
      const plan = await planFor(stage);
      expect(plan.operations).toMatchObject([
        { outcome: "unclear", reason: expect.stringContaining("authentik_events.view_event") },
      ]);
    });
  });
});

describe("an interrupted update", () => {
  const warn = jest.spyOn(console, "warn").mockImplementation();
  const address = `${canary()}@example.com`;
  const code = canary();

  /** Marks parts of inputs as secrets, as the engine does in a state. */
  function protect(value: unknown, paths: readonly (readonly string[])[]): unknown {
    if (paths.some((path) => path.length === 0)) return toStateSecret(value);
    return Object.fromEntries(
      Object.entries(value as Inputs).map(([key, item]) => {
        const below = paths.flatMap(([first, ...rest]) => (first === key ? [rest] : []));
        return [key, below.length > 0 ? protect(item, below) : item];
      }),
    );
  }

  async function expectSecret(
    old: StateResource,
    news: Inputs,
    paths: { old?: string[][]; new?: string[][] },
  ): Promise<void> {
    const created = await create(old);
    const outputs = unwrapSecrets(created.outputs) as Inputs;
    const oldResource = { ...created, inputs: protect(created.inputs, paths.old ?? []) as Inputs, outputs };
    const inputs = protect({ ...created.inputs, ...news }, paths.new ?? []) as Inputs;
    const { id: _, outputs: __, ...rest } = created;
    const plan = await planRecovery(stateOf([oldResource], [pending({ ...rest, inputs }, "updating")]));
    expect(plan.operations).toMatchObject([{ outcome: "recovered" }]);
    // Apart from what the engine wrote into the inputs.
    const outputsOnly = plan.state.deployment.resources?.map((resource) => resource.outputs);
    const stored = withoutSecrets(outputsOnly) + JSON.stringify([plan.operations, warn.mock.calls]);
    for (const secret of [address, code]) expect(stored).not.toContain(secret);
    expect(JSON.stringify(plan.state)).toContain(address);
  }

  beforeEach(async () => {
    warn.mockClear();
    const slug = "staff";
    server.instance.flows.add({ name: slug, slug, title: slug, designation: "enrollment" });
  });

  const resources: Record<string, [() => Promise<StateResource>, Inputs]> = {
    "an invitation": [
      () => invitation("jane", { flow: "staff", fixedData: { code }, email: { to: ["plain@example.com"] } }),
      { email: { to: ["plain@example.com", address] } },
    ],
    "a batch": [
      () =>
        declare("InvitationBatch", "intake", {
          name: "intake",
          validFor: "14d",
          flow: "staff",
          fixedData: { code },
          invitations: { ada: {} },
        }),
      { invitations: { ada: { email: { to: [address] } } } },
    ],
  };

  test.each([
    ["an invitation", "new", ["email.to", "fixedData.code"]],
    ["an invitation", "old", ["email", "fixedData"]],
    ["a batch", "new", ["invitations.ada.email.to", "fixedData.code"]],
    ["a batch", "old", ["invitations", "fixedData"]],
  ] as const)("of %s stores and prints as a secret what the %s declaration says", async (kind, side, paths) => {
    const [declareOld, news] = resources[kind] as (typeof resources)[string];
    await expectSecret(await declareOld(), news, { [side]: paths.map((path) => path.split(".")) });
  });
});

/** The whole command with the real `pulumi`. */
test("recovers a stack of an interrupted run, and the next preview creates nothing", async () => {
  const project = await Project.create("", { authentik: server });
  const recover = (...args: string[]) => runCommand(["recover", ...args], { cwd: project.folder, env: project.env });
  try {
    await project.write(`
      for (const name of ["jane", "joe"]) {
        new authentik.Invitation(name, { expires: "${expires}", singleUse: true, fixedData: pulumi.secret({ email: name }) });
      }`);
    await project.up();
    expect(await recover("--yes")).toEqual({
      code: 0,
      stdout: "No operation of this package is pending.\n",
      stderr: "",
    });

    // As if the run had been killed while it saved the state: Pulumi leaves its own attributes empty.
    const attributes = join(project.folder, "backend", ".pulumi", "stacks", "test", "test.json.attrs");
    const complete = await readFile(attributes, "utf8");
    for (const damaged of ["", complete.slice(0, 20)]) {
      await writeFile(attributes, damaged);
      expect(await recover("--dry-run")).toMatchObject({
        code: 1,
        stderr: expect.stringContaining(`${attributes} is damaged`),
      });
      expect(await readFile(attributes, "utf8")).toBe(damaged);
      expect(await recover("--yes")).toMatchObject({
        code: 0,
        stdout: "No operation of this package is pending.\n",
        stderr: expect.stringContaining(`${attributes} is damaged`),
      });
      await project.expectNoChanges();
    }

    // As if the run had been killed before it saved these results.
    interface StateFile {
      checkpoint: { latest: State["deployment"] };
    }
    const file = join(project.folder, "backend", ".pulumi", "stacks", "test", "test.json");
    const state = JSON.parse(await project.stateText()) as StateFile;
    const resources = state.checkpoint.latest.resources ?? [];
    const isInvitation = ({ type }: StateResource) => type.endsWith(":Invitation");
    const interrupted = resources.filter(isInvitation).map(({ id: _, outputs: __, ...resource }) => pending(resource));
    state.checkpoint.latest.resources = resources.filter((resource) => !isInvitation(resource));
    const writeState = async (more: readonly Operation[]): Promise<void> => {
      state.checkpoint.latest.pending_operations = [...interrupted, ...more];
      await writeFile(file, JSON.stringify(state));
    };
    // Importing a state removes all pending operations, so that nothing is changed while others are pending.
    const bucket = {
      urn: "urn:pulumi:test::test::aws:s3/bucket:Bucket::b",
      type: "aws:s3/bucket:Bucket",
      custom: true,
    };
    await writeState([pending(bucket)]);
    const before = await project.stateText();
    expect(await recover("--yes")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`the pending creations of other packages: creating ${bucket.urn}.`),
    });
    expect(await project.stateText()).toBe(before);
    await writeState([]);
    const ids = (await invitations(server)).map(({ pk }) => invitationId(pk));
    const planned = ["jane", "joe"].map(
      (name, index) => `Invitation "${name}": was created (id ${ids[index]}). It will be added to the state`,
    );

    expect(await recover()).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("--yes or --dry-run is required without a terminal"),
    });
    const dryRun = await recover("--dry-run", "--stack", "test");
    expect({ ...dryRun, stdout: dryRun.stdout.trim().split("\n").sort() }).toEqual({
      code: 0,
      stdout: planned,
      stderr: "",
    });
    const options = { cwd: project.folder, env: project.env, input: "no\n" };
    const declined = await runOnTerminal(["recover"], options);
    expect(declined).toMatchObject({ code: 1, stdout: expect.stringContaining("Change the state? (yes/no)") });

    const locks = join(project.folder, "backend", ".pulumi", "locks", "organization", "test", "test");
    await mkdir(locks, { recursive: true });
    const lock = join(locks, "11111111-1111-4111-8111-111111111111.json");
    await writeFile(
      lock,
      JSON.stringify({ pid: 1, username: "ann", hostname: "ci", timestamp: "2026-11-24T00:00:00Z" }),
    );
    const locked = await recover("--yes");
    expect(locked).toMatchObject({ code: 1, stderr: expect.stringMatching(/currently locked.*`pulumi cancel`/s) });
    await project.succeed("cancel", "--yes", "test");

    const recovered = await recover("--yes");
    expect(recovered).toMatchObject({
      code: 0,
      stderr: "",
      stdout: expect.stringContaining("The state was changed. Run `pulumi up --refresh`.\n"),
    });
    const audited = await runCommand(["audit"], { cwd: project.folder, env: project.env });
    expect(audited).toEqual({ code: 0, stdout: "All 2 invitations are declared.\n", stderr: "" });
    await project.expectNoChanges("--refresh");
    expect(await recover("--yes")).toMatchObject({ code: 0, stdout: "No operation of this package is pending.\n" });
  } finally {
    await project.remove();
  }
});
