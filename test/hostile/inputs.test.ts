import fc from "fast-check";
import { Authentik, type AuthentikVersion, authentikVersions } from "../../sandbox";
import { UnsendableError } from "../unit/support/plugin";
import { overTheWire } from "../unit/support/wire";
import {
  collectWarnings,
  configure,
  containsUnknown,
  doorsOf,
  expectAllowedRequests,
  expectError,
  expectPrintable,
  isSameDocument,
  type Kind,
  kinds,
  takeWarnings,
  target,
} from "./resources";
import { runs, timeout } from "./runs";
import { anyValue, hostileString, type Inputs, uuidSpelling } from "./values";

jest.setTimeout(timeout);

let server: Authentik;

beforeEach(collectWarnings);
afterEach(() => server.close());

async function startServer(version?: AuthentikVersion): Promise<void> {
  server = await Authentik.start(version && { version });
  target(server);
  await configure(server);
}

/** Fewer by the plugin's door, where the conversion of large data takes most of the time. */
function runsOf({ door }: Kind, inCi: number): ReturnType<typeof runs> {
  return runs(door === "plugin" ? inCi / 2 : inCi);
}

/** Both doors in turn: what they share does not depend on the version. */
const cases = kinds.flatMap((kind, index) =>
  authentikVersions.map((version, offset) => {
    const byDoor = doorsOf(kind)[(index + offset) % 2] as Kind;
    return [kind.name, version, byDoor.door, byDoor] as const;
  }),
);

function defined(inputs: Inputs): Inputs {
  return Object.fromEntries(Object.entries(inputs).filter(([, value]) => value !== undefined));
}

let created = 0;

/** The hidden input, as the program passes it. */
function withOrigin(inputs: Inputs): Inputs {
  created += 1;
  return { ...inputs, __origin: `dev/0123456789/${created.toString(16).padStart(12, "0")}` };
}

/**
 * Returns the inputs that `check` accepts, or undefined. Its reasons name a property first, and are printable. That they contain no value is proven
 * by test/unit/check-redaction.test.ts.
 */
async function check(kind: Kind, inputs: Inputs, olds: Inputs = {}): Promise<Inputs | undefined> {
  const result = await kind.provider.check(olds, inputs).catch((error: unknown) => {
    if (!(error instanceof UnsendableError)) throw error;
  });
  if (result === undefined) return undefined;
  const reasons = (result.failures ?? []).map(({ property, reason }) => {
    expect(property).toBe("");
    return reason;
  });
  for (const reason of reasons) {
    expectPrintable(reason);
    // An unknown property is quoted, as is a key.
    if (
      !/^([A-Za-z_$][\w$]*|\["([^"\\]|\\.)*…?"\])((\.[A-Za-z_$][\w$]*)|\[(\d+|"([^"\\]|\\.)*…?")\])*: \S/u.test(reason)
    ) {
      throw new Error(`A reason does not start with a property path: ${reason}`);
    }
  }
  return reasons.length > 0 ? undefined : (result.inputs as Inputs);
}

/** Creates, refreshes, updates and deletes an object, and verifies each time that the server and the state have what was declared. */
async function roundTrip(kind: Kind, first: Inputs, second: Inputs | undefined): Promise<void> {
  const { provider } = kind;
  const declared = overTheWire(first);
  const { id, outs } = await provider.create(declared);
  let outputs = overTheWire(outs as Inputs);
  try {
    if (!endsMeanwhile(outputs)) outputs = await refreshAndUpdate(kind, id, declared, outputs, second);
  } finally {
    // Also after a failure, because fast-check runs simpler inputs next.
    await provider.delete(id, outputs);
  }
  expect(kind.stored(server, String(outputs["pk"]))).toBeUndefined();
}

/** Whether an invitation may expire between two operations, as one does that is valid for milliseconds. */
function endsMeanwhile({ status, expires }: Inputs): boolean {
  return status === "pending" && Date.parse(String(expires)) < Date.now() + 10_000;
}

async function refreshAndUpdate(
  kind: Kind,
  id: string,
  declared: Inputs,
  outputs: Inputs,
  second: Inputs | undefined,
): Promise<Inputs> {
  const { provider } = kind;
  await verify(kind, id, declared, outputs);
  // A retired invitation is kept as it is.
  if (second === undefined || outputs["status"] === "expired") return outputs;
  const checked = await check(kind, second, declared);
  if (checked === undefined || containsUnknown(checked)) return outputs;
  const changed = overTheWire(checked);
  const { replaces } = await provider.diff(id, outputs, changed);
  if (replaces?.length !== 0) return outputs;
  const updated = overTheWire((await provider.update(id, outputs, changed)).outs as Inputs);
  await verify(kind, id, changed, updated);
  return updated;
}

async function verify(kind: Kind, id: string, declared: Inputs, outputs: Inputs): Promise<void> {
  const { provider } = kind;
  const stored = kind.stored(server, String(outputs["pk"]));
  if (!isSameDocument(stored, kind.expected(server, declared, outputs)))
    expect(stored).toEqual(kind.expected(server, declared, outputs));
  const { id: readId, props, inputs } = await provider.read(id, outputs, declared);
  expect(readId).toBe(id);
  if (!isSameDocument(inputs, declared)) expect(inputs).toEqual(declared);
  const refreshed = overTheWire(props as Inputs);
  const expected = outputs["status"] === "expired" ? { ...outputs, retiredAt: refreshed["retiredAt"] } : outputs;
  if (!isSameDocument(refreshed, expected)) expect(refreshed).toEqual(expected);
  expect(await provider.diff(id, refreshed, declared, inputs)).toMatchObject({ changes: false });
}

/** The inputs that a resource's constructor sets if the program does not. */
function withDefaults({ ...inputs }: Inputs): Inputs {
  for (const name of ["name", "slug", "title"]) if (name in inputs) inputs[name] ??= "resource";
  return inputs;
}

/** Values that only the server can reject: what it supports depends on its version. */
function dependsOnVersion(
  kind: Kind,
  version: AuthentikVersion,
  { name, slug, authentication, layout }: Inputs,
): boolean {
  const isLong = (value: unknown): boolean => version === "2024.8" && String(value ?? "").trim().length > 50;
  const isOther = (value: unknown): boolean =>
    value !== undefined && !/^(none|require_\w+|stacked|sidebar_left)$/.test(String(value));
  if (kind.name === "Invitation") return isLong(name);
  return kind.name === "Flow" && (isLong(slug) || isOther(authentication) || isOther(layout));
}

/** Creates what `check` accepted. */
async function expectRoundTrip(kind: Kind, version: AuthentikVersion, first: Inputs, second?: Inputs): Promise<void> {
  if (dependsOnVersion(kind, version, first) || (second && dependsOnVersion(kind, version, second))) return;
  await roundTrip(kind, first, second);
  for (const warning of takeWarnings()) {
    if (!warning.includes("stop working when the slug changes")) throw new Error(`Unexpected warning: ${warning}`);
  }
  expectAllowedRequests(server);
}

test.each(cases)(
  "%s on authentik %s (%s): what check accepts comes back equal after create, refresh and update",
  async (_name, version, _door, kind) => {
    await startServer(version);
    const inputs = kind.inputs(server).map(defined);
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(inputs, inputs, async (first, second) => {
        const checked = await check(kind, withOrigin(first));
        if (checked === undefined || containsUnknown(checked)) return;
        accepted += 1;
        await expectRoundTrip(kind, version, checked, second);
      }),
      runsOf(kind, 50),
    );
    expect(accepted).toBeGreaterThan(10);
  },
);

test.each(cases)(
  "%s on authentik %s (%s): any value of a property is rejected with its path, or comes back equal",
  async (_name, version, _door, kind) => {
    await startServer(version);
    const property = fc.constantFrom(...kind.properties);
    await fc.assert(
      fc.asyncProperty(kind.inputs(server).map(defined), property, anyValue, async (inputs, name, value) => {
        const { import: pk, ...checked } =
          (await check(kind, withOrigin(withDefaults({ ...inputs, [name]: value })))) ?? {};
        if (checked["__origin"] === undefined || pk !== undefined) return;
        if (containsUnknown(checked)) {
          overTheWire(checked);
          return;
        }
        if (["flow", "target", "stage"].includes(name) && value !== undefined && value !== null) {
          // A flow or a stage that does not exist.
          await expectError(kind.provider.create(overTheWire(checked)));
        } else {
          await expectRoundTrip(kind, version, checked);
        }
        expectAllowedRequests(server);
      }),
      runsOf(kind, 60),
    );
  },
);

test.each(kinds.map(({ name }, index) => [name, index] as const))(
  "%s: unknown properties are rejected, whatever their name",
  async (_name, index) => {
    await startServer();
    const declaredArb = fc.oneof(
      ...doorsOf(kinds[index] as Kind).map((kind) => fc.tuple(fc.constant(kind), kind.inputs(server).map(defined))),
    );
    await fc.assert(
      fc.asyncProperty(declaredArb, hostileString, anyValue, async ([kind, inputs], name, value) => {
        if (
          kind.properties.includes(name) ||
          ["__provider", "__origin", "__proto__"].includes(name) ||
          value === undefined ||
          value === null
        )
          return;
        const accepted = await check(kind, { ...inputs, [name]: value });
        if (accepted !== undefined) throw new Error(`The property ${JSON.stringify(name)} was accepted.`);
      }),
      runs(40),
    );
  },
);

// The plugin has no such input: the engine passes the option to \`read\`.
test("the option import accepts the spellings of a UUID that authentik accepts, and nothing else", async () => {
  await startServer();
  const { pk } = server.instance.invitations.add({ name: "jane", expires: "2036-01-01T00:00:00.000000Z" });
  const declared = { name: "jane", expires: "2036-01-01T00:00:00Z" };
  await fc.assert(
    fc.asyncProperty(fc.oneof(uuidSpelling(pk), hostileString), async (spelling) => {
      const [{ provider }] = kinds as [Kind];
      const checked = await check(kinds[0] as Kind, { ...declared, import: spelling });
      const isPk = spelling.trim().replaceAll(/[-{}]/g, "").toLowerCase() === pk.replaceAll("-", "");
      expect(checked?.["import"]).toBe(isPk ? pk : undefined);
      if (checked) expect((await provider.create(checked)).outs).toMatchObject({ pk, ...declared });
      expectAllowedRequests(server);
    }),
    runs(40),
  );
});
