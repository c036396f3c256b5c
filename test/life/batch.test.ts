import fc from "fast-check";
import { Authentik } from "../../sandbox";
import { runs, timeout } from "../hostile/runs";
import { weighted } from "../hostile/values";
import { Batch, batchInputs } from "../unit/support/batch";
import { type Door, doors } from "../unit/support/doors";
import { addFlow, openLink } from "../unit/support/enrollment";
import { Engine } from "./engine";

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

function singles(server: Authentik, door: Door): Stack {
  const settings = { "authentik:url": server.url, "authentik:token": server.token };
  const engine = new Engine(
    door,
    () => settings,
    () => undefined,
  );
  return {
    up: async (program) => {
      const common = { flow: "f", fixedData: {}, singleUse: false };
      const entries = [...program].map(
        ([key, inputs]) => [key, { name: `intake-${key}`, ...common, ...inputs }] as const,
      );
      const { failure } = await engine.up(new Map(entries), { refresh: true });
      if (failure) throw failure;
    },
    pk: (key) => engine.state.get(key)?.outputs["pk"] as string | undefined,
    status: (key) => engine.state.get(key)?.outputs["status"],
  };
}

function batched(server: Authentik, door: Door): Stack {
  const batch = new Batch(server, door);
  return {
    up: async (program) => {
      if (batch.id !== "") await batch.refresh();
      await batch.up(batchInputs(Object.fromEntries(program), { flow: "f", validFor: undefined }));
    },
    pk: (key) => batch.pks[key],
    status: (key) => batch.statuses[key],
  };
}

/** Tells a story, and returns the invitations after each run. */
async function tell(actions: readonly Action[], createStack: (server: Authentik) => Stack): Promise<unknown[]> {
  // The engine restores the console after each run.
  for (const method of ["log", "warn"] as const) jest.spyOn(console, method).mockImplementation();
  const server = await Authentik.start();
  try {
    addFlow(server, "f");
    const stack = createStack(server);
    const program = new Map<Key, Properties>([["ada", { validFor: "2d", singleUse: true }]]);
    const results: unknown[] = [];
    for (const action of [...actions, { up: true } as const]) {
      const path = (key: Key): string => `/api/v3/stages/invitation/invitations/${stack.pk(key)}/`;
      if ("declare" in action) program.set(action.declare, action.inputs);
      else if ("remove" in action) program.delete(action.remove);
      else if ("patch" in action) await server.request("PATCH", path(action.patch), action.fields);
      else if ("delete" in action) await server.request("DELETE", path(action.delete));
      else if ("use" in action) await openLink(server, "f", String(stack.pk(action.use)));
      else {
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
  await fc.assert(
    fc.asyncProperty(
      fc.array(actionArb, { minLength: 3, maxLength: 20 }),
      fc.constantFrom(...doors),
      fc.constantFrom(...doors),
      async (actions, singleDoor, batchDoor) => {
        const expected = await tell(actions, (server) => singles(server, singleDoor));
        expect(await tell(actions, (server) => batched(server, batchDoor))).toEqual(expected);
      },
    ),
    runs(15),
  );
});
