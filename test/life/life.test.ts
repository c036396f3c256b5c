import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { authentikVersions } from "../../sandbox";
import { runs, timeout } from "../hostile/runs";
import { weighted } from "../hostile/values";
import { useFakeClock } from "../unit/support/clock";
import { type Door, doors } from "../unit/support/doors";
import {
  CheckFailure,
  Engine,
  type Run as EngineRun,
  type Step as EngineStep,
  type Operation,
  type Properties,
  type Resource,
} from "./engine";
import { type EventLog, type FlowSlug, type Row, World } from "./world";

jest.setTimeout(timeout);

const start = "2027-03-01T12:00:00Z";

useFakeClock(start);

/** The invitations on the server. */
type Snapshot = readonly Row[];
type Run = EngineRun<Snapshot>;
type Step = EngineStep<Snapshot>;

const hour = 3_600_000;
const resourceNames = ["a", "b"] as const;
type ResourceName = (typeof resourceNames)[number];

const nameArb = fc.constantFrom(...resourceNames);
const flowArb = fc.constantFrom<FlowSlug>("join", "guests");
const hoursArb = fc.constantFrom(-48, -1, 1, 30, 240).map((count) => count * hour);

/** A change to the inputs of one resource. `expiresIn` is in milliseconds from now. */
const editArb = fc.oneof(
  weighted(1, fc.record({ name: fc.constantFrom("a", "b", "renamed") })),
  weighted(3, fc.record({ expiresIn: hoursArb, offset: fc.boolean() })),
  weighted(3, fc.record({ validFor: fc.constantFrom("1h", "60m", "2d", "14d") })),
  weighted(2, fc.record({ validFor: fc.constantFrom("1h", "2d"), onRetired: fc.constant("reissue") })),
  weighted(2, fc.record({ fixedData: fc.constantFrom<Properties>({}, { n: 1 }, { n: 2, deep: { x: null, a: [1] } }) })),
  weighted(2, fc.record({ singleUse: fc.boolean() })),
  weighted(2, fc.record({ flow: fc.option(flowArb, { nil: undefined }), as: fc.constantFrom("slug", "slug", "UUID") })),
  weighted(3, fc.record({ onRetired: fc.constantFrom("keep", "reissue", undefined) })),
  weighted(1, fc.record({ keepers: fc.constantFrom<Properties | undefined>({ n: 1 }, { n: 2 }, undefined) })),
);

const patchArb = fc.oneof(
  fc.record({ fixed_data: fc.constantFrom({}, { by: "hand" }) }),
  fc.record({ name: fc.constantFrom("a", "by-hand") }),
  fc.record({ single_use: fc.boolean() }),
  fc.record({ flow: fc.option(flowArb) }),
  fc.record({ expires_in: hoursArb }),
);

/** A step of a scenario: a change to the program or in authentik, a condition, or a `pulumi` command. */
const actionArb = fc.oneof(
  weighted(8, fc.record({ edit: nameArb, input: editArb })),
  weighted(1, fc.record({ remove: nameArb })),
  weighted(2, fc.record({ restore: nameArb })),
  weighted(5, fc.record({ openLink: nameArb })),
  weighted(4, fc.record({ patch: nameArb, fields: patchArb })),
  weighted(2, fc.record({ delete: nameArb })),
  weighted(2, fc.constant({ cleanUp: true })),
  weighted(4, fc.record({ advanceTime: fc.constantFrom(60_000, hour, 30 * hour, 240 * hour) })),
  weighted(1, fc.record({ deleteFlow: flowArb })),
  weighted(2, fc.record({ createFlow: flowArb })),
  weighted(2, fc.record({ eventLog: fc.constantFrom<EventLog>("working", "working", "late", "forbidden", "failing") })),
  weighted(1, fc.record({ attribution: fc.boolean() })),
  weighted(1, fc.constant({ loseCreateResponse: true })),
  weighted(
    16,
    fc.record({
      run: fc.constantFrom<Command>(
        "up",
        "up",
        "up --refresh",
        "up --refresh",
        "up --refresh",
        "refresh",
        "preview",
        "destroy",
      ),
    }),
  ),
);

type ValueOf<A> = A extends fc.Arbitrary<infer T> ? T : never;
type Edit = ValueOf<typeof editArb>;
type Patch = ValueOf<typeof patchArb>;
type Action = ValueOf<typeof actionArb>;
type Command = "up" | "up --refresh" | "refresh" | "preview" | "destroy";

/** A stack with two invitations. Performs actions, and verifies each run against the documented lifecycle. */
class Scenario {
  readonly #engine: Engine<Snapshot>;
  readonly #program = new Map<string, Properties>();
  /** Resources that are removed from the program, and may be restored. */
  readonly #removed = new Map<string, Properties>();
  /** Pks of retired invitations that authentik has deleted, according to the state. */
  readonly #goneForGood = new Set<string>();
  /** Pks of invitations whose expiry was moved into the past outside Pulumi. */
  readonly #expiredOutsidePulumi = new Set<string>();

  constructor(
    private readonly world: World,
    door: Door,
  ) {
    this.#engine = new Engine(
      door,
      () => world.settings(),
      () => world.rows(),
    );
    for (const name of resourceNames) {
      this.#program.set(name, { name, validFor: "14d", singleUse: name === "a", flow: "join" });
    }
  }

  async perform(action: Action): Promise<void> {
    const { world } = this;
    world.advanceTime(1000);
    if ("edit" in action) this.#edit(action.edit, action.input);
    else if ("remove" in action) this.#move(action.remove, this.#program, this.#removed);
    else if ("restore" in action) this.#move(action.restore, this.#removed, this.#program);
    else if ("openLink" in action) await world.openLink(this.#pkOf(action.openLink));
    else if ("patch" in action) await world.patch(this.#pkOf(action.patch), this.#toApiFields(action.fields));
    else if ("delete" in action) await world.delete(this.#pkOf(action.delete));
    else if ("cleanUp" in action) world.cleanUp();
    else if ("advanceTime" in action) world.advanceTime(action.advanceTime);
    else if ("deleteFlow" in action) await world.deleteFlow(action.deleteFlow);
    else if ("createFlow" in action) world.createFlow(action.createFlow);
    else if ("eventLog" in action) world.eventLog = action.eventLog;
    else if ("loseCreateResponse" in action) world.loseCreateResponse();
    else if ("attribution" in action) world.attribution = action.attribution;
    else await this.#run(action.run);
  }

  /** Verifies that one `up --refresh` converges once the event log works and the flows exist, and that `destroy` leaves nothing. */
  async finish(): Promise<void> {
    this.world.eventLog = "working";
    this.world.advanceTime(hour);
    await this.perform({ createFlow: "join" });
    await this.perform({ createFlow: "guests" });
    await this.#run("up --refresh");
    await this.#run("destroy");
    expect(this.world.rows()).toEqual([]);
  }

  #pkOf(name: ResourceName): string {
    return String(this.#engine.state.get(name)?.outputs["pk"]);
  }

  #edit(name: ResourceName, input: Edit): void {
    const declared = this.#program.get(name) ?? this.#removed.get(name) ?? {};
    const { expires: _expires, validFor: _validFor, ...rest } = declared;
    let edited: Properties;
    if ("expiresIn" in input) edited = { ...rest, expires: formatInstant(Date.now() + input.expiresIn, input.offset) };
    else if ("validFor" in input) edited = { ...rest, ...input };
    else if ("flow" in input) {
      const pk = input.flow && this.world.flowPk(input.flow);
      edited = { ...declared, flow: input.as === "UUID" && pk ? pk.toUpperCase() : input.flow };
    } else edited = { ...declared, ...input };
    const withoutUndefined = Object.fromEntries(Object.entries(edited).filter(([, value]) => value !== undefined));
    (this.#program.has(name) ? this.#program : this.#removed).set(name, withoutUndefined);
  }

  #move(name: ResourceName, from: Map<string, Properties>, to: Map<string, Properties>): void {
    const declared = from.get(name);
    if (!declared) return;
    from.delete(name);
    to.set(name, declared);
  }

  #toApiFields(fields: Patch): Record<string, unknown> {
    if ("expires_in" in fields) return { expires: formatInstant(Date.now() + Number(fields.expires_in)) };
    if ("flow" in fields)
      return { flow: fields.flow === null ? null : (this.world.flowPk(fields.flow as FlowSlug) ?? null) };
    return fields;
  }

  async #run(command: Command): Promise<void> {
    if (command === "preview") {
      await this.#preview();
      return;
    }
    if (command === "refresh") {
      this.#verifyRun(await this.#engine.refresh(), "refresh");
      return;
    }
    if (command === "destroy") {
      this.#verifyRun(await this.#engine.destroy(), "destroy");
      expect(this.#engine.state.size).toBe(0);
      return;
    }
    const refresh = command === "up --refresh";
    const run = this.#verifyRun(await this.#engine.up(this.#program, { refresh }), command);
    if (run.failure) return;
    if (refresh) this.#verifyConvergence();
    await this.#verifySecondRun(refresh);
  }

  async #preview(): Promise<Run> {
    const before = structuredClone([...this.#engine.state]);
    const run = this.#verifyRun(await this.#engine.preview(this.#program), "preview");
    expect([...this.#engine.state]).toEqual(before);
    return run;
  }

  /** A preview plans no changes, and a second run makes none. */
  async #verifySecondRun(refresh: boolean): Promise<void> {
    const preview = await this.#preview();
    expect(findOperations(preview, ["create", "update", "replace"])).toEqual([]);
    const second = this.#verifyRun(await this.#engine.up(this.#program, { refresh }), "second up");
    expect(second.failure).toBeUndefined();
    expect(findOperations(second, ["create", "update", "replace", "delete", "missing"])).toEqual([]);
    expect(second.output).toEqual(expect.not.arrayContaining([expect.stringContaining("outside Pulumi")]));
  }

  /** Verifies what must be true of every run. */
  #verifyRun(run: Run, command: Command | "second up"): Run {
    const { world } = this;
    const requests = world.takeRequests();
    const eventQueries = requests.filter(({ path }) => path.includes("/events/")).map(({ query }) => query);
    const writes = requests.filter(({ method }) => method !== "GET");
    const expectedWrites = command === "preview" ? [] : run.steps.flatMap((step) => expectedWrite(step) ?? []);
    // A failed run may have sent one more.
    if (!run.failure) expect(writes.map(({ method }) => method).sort()).toEqual(expectedWrites.sort());
    if (command === "preview") expect(requests).toEqual([]);
    if (command === "second up") expect(writes).toEqual([]);
    for (const step of run.steps) {
      const { before, operation } = step;
      if (before && ["read", "missing"].includes(operation) && this.#isExpiredForCertain(before)) {
        expect(eventQueries.filter((query) => containsPk(query, String(before.outputs["pk"])))).toEqual([]);
      }
      this.#verifyStep(step);
    }
    this.#verifyFailure(run, command);

    // No pk is printed, with or without dashes.
    const output = run.output.join("\n").toLowerCase();
    for (const pk of world.allPks()) {
      expect(output).not.toContain(pk);
      expect(output).not.toContain(pk.replaceAll("-", ""));
    }
    // No request concerns an invitation that is gone for good, and no event query is repeated.
    for (const pk of this.#goneForGood) {
      expect(requests.filter(({ path, query }) => containsPk(path + query, pk))).toEqual([]);
    }
    expect(eventQueries).toEqual([...new Set(eventQueries)]);
    // After a denied event query, the provider sends no more, and names the permission once.
    const permissionHints = run.output.filter((line) => line.includes("authentik_events.view_event"));
    // A search for a lost response needs no hint: its error names the permission if it fails.
    const isAboutInvitation = eventQueries.some((query) => /search=[0-9a-f]{32}&/.test(query));
    if (world.eventLog === "forbidden") expect(permissionHints.length).toBeLessThanOrEqual(1);
    if (world.eventLog === "forbidden" && isAboutInvitation) expect(permissionHints).toHaveLength(1);
    if (world.eventLog === "forbidden") expect(eventQueries.length).toBeLessThanOrEqual(1);
    // The state contains every invitation on the server exactly once.
    const resources = [...this.#engine.state.values(), ...this.#engine.pendingDeletions.keys()];
    const trackedPks = resources.map(({ outputs }) => outputs["pk"]);
    expect(new Set(trackedPks).size).toBe(trackedPks.length);
    expect(trackedPks).toEqual(expect.arrayContaining(world.rows().map(({ pk }) => pk)));

    for (const { outputs } of this.#engine.state.values()) {
      if (outputs["gone"] === true) this.#goneForGood.add(String(outputs["pk"]));
    }
    return run;
  }

  #verifyStep({ operation, before, after, declared, snapshot }: Step): void {
    if (before && operation === "missing") expect(this.#possibleFates(before)).toContain("deleted");
    if (before && after && operation === "read") this.#verifyRefresh(before, after, snapshot);
    if (before && operation === "update") {
      expect(this.#isRetired(before)).toBe(false);
      // A preview only plans the update.
      if (after !== before) this.#expiredOutsidePulumi.delete(String(before.outputs["pk"]));
    }
    if (before && declared && operation === "replace") {
      const reasons = [
        ...(isDeepStrictEqual(declared["keepers"] ?? {}, before.outputs["keepers"] ?? {}) ? [] : ["keepers"]),
        ...(declared["onRetired"] === "reissue" && this.#isRetired(before) ? ["reissue"] : []),
        ...(this.#isRetired(before) &&
        before.outputs["status"] !== "used" &&
        declaredExpiry(declared, before) > Date.now()
          ? ["extended"]
          : []),
        // An update would make it expire at once, and the next run would reissue it.
        ...(declared["onRetired"] === "reissue" && declaredExpiry(declared, before) <= Date.now() ? ["expiring"] : []),
      ];
      expect(reasons).not.toEqual([]);
    }
  }

  /** Whether the invitation was used, or has expired as declared. */
  #isRetired({ outputs }: Resource): boolean {
    const hasPassed = Date.parse(String(outputs["expires"])) <= Date.now();
    return outputs["status"] === "used" || (hasPassed && !this.#expiredOutsidePulumi.has(String(outputs["pk"])));
  }

  /** Whether a deleted invitation can only have expired, so that no event query is needed: a use does not delete it. */
  #isExpiredForCertain(resource: Resource): boolean {
    const isDeleted = this.world.deletionCause(String(resource.outputs["pk"])) !== undefined;
    return isDeleted && this.#isRetired(resource) && resource.outputs["singleUse"] !== true;
  }

  /** What a refresh may conclude about an invitation that no longer exists. */
  #possibleFates(resource: Resource): readonly ("used" | "expired" | "deleted")[] {
    const { world } = this;
    const { outputs } = resource;
    const pk = String(outputs["pk"]);
    const cause = world.deletionCause(pk);
    const isSingleUse = outputs["singleUse"] === true;
    if (this.#isRetired(resource)) {
      if (!world.isUsed(pk)) return ["expired"];
      return cause === "use" && isSingleUse && world.showsUse(pk) ? ["used"] : ["used", "expired"];
    }
    // When in doubt, a single-use invitation counts as used.
    if (isSingleUse && (cause === "use" || !world.showsDeletion(pk))) return ["used"];
    if (cause === "use") return world.showsDeletion(pk) ? ["used"] : ["used", "deleted"];
    // It was changed to single-use after a use, or its expiry was moved into the past and the server then refused an invitee.
    if ((isSingleUse && world.isUsed(pk)) || cause === "refusal") return ["used", "deleted"];
    return ["deleted"];
  }

  #verifyRefresh(before: Resource, { outputs, inputs }: Resource, snapshot: Snapshot): void {
    const row = snapshot.find(({ pk }) => pk === outputs["pk"]);
    if (before.outputs["gone"] === true) {
      expect(outputs).toEqual(before.outputs);
    } else if (!row) {
      expect(this.#possibleFates(before)).toContain(outputs["status"]);
      expect(outputs).toMatchObject({ gone: true, retiredAt: expect.stringMatching(/^\d{4}-.*Z$|[+-]\d\d:\d\d$/) });
      // A retired invitation has no drift.
      expect({ ...outputs, status: 0, retiredAt: 0, gone: 0 }).toEqual({
        ...before.outputs,
        status: 0,
        retiredAt: 0,
        gone: 0,
      });
    } else {
      const isExpired = row.expires <= Date.now();
      const wasRetired = this.#isRetired(before);
      expect(outputs["status"]).toBe(isExpired ? "expired" : "pending");
      // A retired invitation keeps its outputs, unless its expiry was extended.
      const expires = isExpired && wasRetired ? before.outputs["expires"] : new Date(row.expires).toISOString();
      expect(Date.parse(String(outputs["expires"]))).toBe(Date.parse(String(expires)));
      expect(outputs["retiredAt"]).toBe(isExpired && wasRetired ? outputs["expires"] : undefined);
      if (isExpired && !wasRetired) this.#expiredOutsidePulumi.add(row.pk);
      else this.#expiredOutsidePulumi.delete(row.pk);
      if (!isExpired) {
        const { name, fixedData, singleUse, flow } = row;
        expect(outputs).toMatchObject({ name, fixedData, singleUse });
        expect(outputs["flowPk"]).toBe(flow);
        expect(inputs).toMatchObject({ name, fixedData, singleUse });
      }
    }
  }

  /** A run fails only for reasons that the user can fix, with a message that explains it and without a stack trace. */
  #verifyFailure({ failure }: Run, command: Command | "second up"): void {
    if (!failure) return;
    if (failure instanceof CheckFailure) {
      expect(failure.message).toMatch(/^expires: is in the past$|^onRetired: "reissue" requires validFor/);
      return;
    }
    expect(failure.stack).toBe("");
    const expectedMessages = [
      ...(command === "destroy" || !this.#declaresPastExpiry()
        ? []
        : [/^Invitation "[-\w]+": expires is in the past, so the link would stop working at once\./]),
      ...(this.world.eventLog === "failing" && command !== "destroy"
        ? [/^Could not read the events of invitation "/]
        : []),
      ...(this.#declaresMissingFlow()
        ? [
            /^flow: authentik has no flow with the slug/,
            /flow: Invalid pk/,
            /authentik's event log has no object that this request created\. Run `pulumi up` again/,
          ]
        : []),
      // Without a refresh, the provider does not know that the invitation was deleted, or that its flow was recreated.
      ...(command === "up"
        ? [
            /^Invitation "[-\w]+" no longer exists in authentik\. Run `pulumi up --refresh`\.$/,
            // The flow is declared by its slug.
            /^flow: authentik rejected the stored pk of the flow "[-\w]+": Invalid pk .* Run `pulumi up --refresh`\.$/,
            // The flow is declared by its UUID.
            /flow: Invalid pk/,
          ]
        : []),
    ];
    expect(failure.message).toMatch(new RegExp(expectedMessages.map(({ source }) => source).join("|") || "no failure"));
  }

  #declaresPastExpiry(): boolean {
    return [...this.#program.values()].some(({ expires }) => Date.parse(String(expires)) <= Date.now());
  }

  #declaresMissingFlow(): boolean {
    return [...this.#program.values()].some(({ flow }) => {
      if (flow === undefined) return false;
      return isFlowSlug(flow) ? !this.world.flowPk(flow) : !this.world.hasFlow(String(flow).toLowerCase());
    });
  }

  /** After an `up --refresh`, every invitation matches the program or is rightly retired. */
  #verifyConvergence(): void {
    expect([...this.#engine.state.keys()].sort()).toEqual([...this.#program.keys()].sort());
    expect(this.#engine.pendingDeletions.size).toBe(0);
    for (const [name, resource] of this.#engine.state) {
      const declared = this.#program.get(name) ?? {};
      const { outputs } = resource;
      expect(outputs["keepers"]).toEqual(declared["keepers"]);
      if (this.#isRetired(resource)) {
        expect(declared["onRetired"]).not.toBe("reissue");
        if (outputs["status"] === "expired") expect(declaredExpiry(declared, resource)).toBeLessThanOrEqual(Date.now());
        continue;
      }
      const row = this.world.row(String(outputs["pk"]));
      expect(row).toEqual({
        pk: outputs["pk"],
        name: declared["name"],
        expires: declaredExpiry(declared, resource),
        fixedData: declared["fixedData"] ?? {},
        singleUse: declared["singleUse"] ?? false,
        flow: this.#declaredFlowPk(declared),
      });
      expect(outputs["status"]).toBe("pending");
    }
  }

  #declaredFlowPk({ flow }: Properties): string | undefined {
    if (flow === undefined) return undefined;
    return isFlowSlug(flow) ? this.world.flowPk(flow) : String(flow).toLowerCase();
  }
}

function isFlowSlug(flow: unknown): flow is FlowSlug {
  return flow === "join" || flow === "guests";
}

function formatInstant(milliseconds: number, offset = false): string {
  if (!offset) return new Date(milliseconds).toISOString().replace(".000Z", "Z");
  return new Date(milliseconds + 2 * hour).toISOString().replace(".000Z", "+02:00");
}

const durations: Readonly<Record<string, number>> = { "1h": hour, "60m": hour, "2d": 48 * hour, "14d": 336 * hour };

/** The declared expiry in milliseconds. `validFor` counts from when the existing invitation was issued. */
function declaredExpiry({ expires, validFor }: Properties, { outputs }: Resource): number {
  if (validFor === undefined) return Date.parse(String(expires));
  return Date.parse(String(outputs["issuedAt"])) + (durations[String(validFor)] ?? Number.NaN);
}

function containsPk(url: string, pk: string): boolean {
  return url.includes(pk) || url.includes(pk.replaceAll("-", ""));
}

function findOperations({ steps }: Run, among: readonly Operation[]): Operation[] {
  return steps.map(({ operation }) => operation).filter((operation) => among.includes(operation));
}

/** The method of the write request that a step sends, if it sends one. */
function expectedWrite({ operation, before, after }: Step): string | undefined {
  if (operation === "create" || operation === "replace") return "POST";
  if (operation === "delete") return before?.outputs["gone"] === true ? undefined : "DELETE";
  if (operation !== "update" || !before || !after) return undefined;
  // `onRetired` and the spelling of a value are stored only in the state.
  return isDeepStrictEqual(storedFields(before), storedFields(after)) ? undefined : "PUT";
}

/** The outputs that authentik stores. */
function storedFields({ outputs }: Resource): unknown[] {
  const { name, expires, fixedData, singleUse, flowPk } = outputs;
  return [name, Date.parse(String(expires)), fixedData, singleUse, flowPk];
}

describe.each(authentikVersions)("any sequence of actions on authentik %s", (version) => {
  test("never reissues a retired invitation unasked, loses none, and changes nothing in a second run", async () => {
    const property = fc.asyncProperty(
      fc.array(actionArb, { minLength: 4, maxLength: 40, size: "max" }),
      fc.constantFrom(...doors),
      async (actions, door) => {
        jest.setSystemTime(Date.parse(start));
        const world = await World.start(version);
        try {
          const scenario = new Scenario(world, door);
          await scenario.perform({ run: "up" });
          for (const action of actions) await scenario.perform(action);
          await scenario.finish();
        } finally {
          await world.close();
        }
      },
    );
    await fc.assert(property, runs(25));
  });
});
