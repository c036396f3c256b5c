import fc from "fast-check";
import { Authentik } from "../../sandbox";
import { runs, timeout } from "../hostile/runs";
import { weighted } from "../hostile/values";
import { Batch } from "../unit/support/batch";
import { type Door, doors, type Provider, providerOf } from "../unit/support/doors";
import { configureWith } from "../unit/support/http-mocks";

jest.setTimeout(timeout);

type Properties = Record<string, unknown>;

const keys = ["ada", "grace", "joan"] as const;
type Key = (typeof keys)[number];

type Action =
  | { declare: Key; inputs: Properties }
  | { remove: Key }
  | { patch: Key; fields: Properties }
  | { delete: Key }
  | { use: Key }
  | { up: true };

const keyArb = fc.constantFrom(...keys);
const inputsArb = fc.record(
  {
    fixedData: fc.constantFrom<Properties>({ n: 1 }, { n: 2, deep: { a: [1] } }),
    singleUse: fc.boolean(),
    validFor: fc.constantFrom("2d", "14d"),
    onRetired: fc.constantFrom("keep", "reissue"),
    keepers: fc.constantFrom<Properties>({ n: 1 }, { n: 2 }),
  },
  { requiredKeys: ["validFor"] },
);
const actionArb: fc.Arbitrary<Action> = fc.oneof(
  weighted(4, fc.record({ declare: keyArb, inputs: inputsArb })),
  weighted(1, fc.record({ remove: keyArb })),
  weighted(
    2,
    fc.record({
      patch: keyArb,
      fields: fc.constantFrom<Properties>({ fixed_data: { by: "hand" } }, { name: "by-hand" }, { single_use: true }),
    }),
  ),
  weighted(1, fc.record({ delete: keyArb })),
  weighted(2, fc.record({ use: keyArb })),
  weighted(4, fc.constant<Action>({ up: true })),
);

/** How a program tells a story: as single invitations, or as a batch. */
interface Stack {
  up(program: ReadonlyMap<Key, Properties>): Promise<void>;
  pk(key: Key): string | undefined;
  status(key: Key): unknown;
}

class Singles implements Stack {
  readonly #states = new Map<Key, Properties>();
  readonly #provider: Provider;

  constructor(
    private readonly server: Authentik,
    door: Door,
  ) {
    this.#provider = providerOf(door, "Invitation");
  }

  async up(program: ReadonlyMap<Key, Properties>): Promise<void> {
    await configureWith(this.#provider, { "authentik:url": this.server.url, "authentik:token": this.server.token });
    for (const [key, state] of this.#states) {
      const { props } = await this.#provider.read("", state);
      if (props === undefined) this.#states.delete(key);
      else this.#states.set(key, props);
    }
    for (const [key, declared] of program) {
      const news = { name: `intake-${key}`, flow: "f", fixedData: {}, singleUse: false, ...declared };
      const old = this.#states.get(key);
      const { changes, replaces = [] } = old ? await this.#provider.diff("", old, news) : { changes: true };
      if (old && changes === false) continue;
      const isIssued = old === undefined || replaces.length > 0;
      const { outs } = isIssued ? await this.#provider.create(news) : await this.#provider.update("", old, news);
      if (old && isIssued) await this.#provider.delete("", old);
      this.#states.set(key, outs as Properties);
    }
    for (const [key, state] of this.#states) {
      if (program.has(key)) continue;
      await this.#provider.delete("", state);
      this.#states.delete(key);
    }
  }

  pk(key: Key): string | undefined {
    return this.#states.get(key)?.["pk"] as string | undefined;
  }

  status(key: Key): unknown {
    return this.#states.get(key)?.["status"];
  }
}

class Batched implements Stack {
  readonly #batch: Batch;

  constructor(server: Authentik, door: Door) {
    this.#batch = new Batch(server, door);
  }

  async up(program: ReadonlyMap<Key, Properties>): Promise<void> {
    if (this.#batch.id !== "") await this.#batch.refresh();
    const invitations = Object.fromEntries(program);
    await this.#batch.up({ name: "intake", flow: "f", invitations, __origin: "dev/0123456789/abcdef012345" });
  }

  pk(key: Key): string | undefined {
    return this.#batch.pks[key];
  }

  status(key: Key): unknown {
    return this.#batch.statuses[key];
  }
}

/** Tells a story, and returns the invitations after each run. */
async function tell(actions: readonly Action[], createStack: (server: Authentik) => Stack): Promise<unknown[]> {
  const server = await Authentik.start();
  try {
    const { flows, stages, bindings } = server.instance;
    const target = flows.add({ name: "f", slug: "f", title: "f", designation: "enrollment" });
    bindings.add({ target, stage: stages.add({ name: "invitation" }), order: 0 });
    const stack = createStack(server);
    const program = new Map<Key, Properties>([["ada", { validFor: "2d", singleUse: true }]]);
    const results: unknown[] = [];
    for (const action of [...actions, { up: true } as const]) {
      const path = (key: Key): string => `/api/v3/stages/invitation/invitations/${stack.pk(key)}/`;
      if ("declare" in action) program.set(action.declare, action.inputs);
      else if ("remove" in action) program.delete(action.remove);
      else if ("patch" in action) await server.request("PATCH", path(action.patch), action.fields);
      else if ("delete" in action) await server.request("DELETE", path(action.delete));
      else if ("use" in action) {
        const query = encodeURIComponent(`itoken=${stack.pk(action.use)}`);
        await server.request("GET", `/api/v3/flows/executor/f/?query=${query}`, undefined, null);
      } else {
        await stack.up(program);
        const rows = [...server.instance.invitations.all()].map(({ name, fixedData, singleUse, flow, expires }) => ({
          ...{ name, fixedData, singleUse, flow: flow?.slug },
          days: Math.round((Date.parse(expires) - Date.now()) / 86_400_000),
        }));
        rows.sort((a, b) => a.name.localeCompare(b.name));
        results.push({ rows, statuses: keys.map((key) => stack.status(key)) });
      }
    }
    return results;
  } finally {
    await server.close();
  }
}

test("the same actions on single invitations and on a batch lead to the same invitations", async () => {
  for (const method of ["log", "warn"] as const) jest.spyOn(console, method).mockImplementation();
  await fc.assert(
    fc.asyncProperty(
      fc.array(actionArb, { minLength: 3, maxLength: 20 }),
      fc.constantFrom(...doors),
      fc.constantFrom(...doors),
      async (actions, singleDoor, batchDoor) => {
        const singles = await tell(actions, (server) => new Singles(server, singleDoor));
        expect(await tell(actions, (server) => new Batched(server, batchDoor))).toEqual(singles);
      },
    ),
    runs(15),
  );
});
