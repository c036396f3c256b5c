import { unknownValue } from "../../provider/lifecycle/values/properties";
import { checkStage, forbidRequests, requests } from "./support/check";

const good = { name: "invitation" };

async function reasonsOf(changes: Record<string, unknown>): Promise<string[]> {
  const { reasons, properties } = await checkStage({ ...good, ...changes });
  expect(properties).toEqual(reasons.map(() => ""));
  return reasons;
}

beforeAll(forbidRequests);
afterAll(() => expect(requests).toEqual([]));

test("the default is filled in", async () => {
  expect(await checkStage(good)).toEqual({
    inputs: { name: "invitation", continueFlowWithoutInvitation: false },
    properties: [],
    reasons: [],
  });
});

test("what is given is kept as it was written", async () => {
  const inputs = { name: " padded ", continueFlowWithoutInvitation: true, connection: "authentik-staging" };
  expect(await checkStage(inputs)).toEqual({ inputs, properties: [], reasons: [] });
});

test("null counts as left out", async () => {
  const { inputs, reasons } = await checkStage({ ...good, continueFlowWithoutInvitation: null, connection: null });
  expect(reasons).toEqual([]);
  expect(inputs).toEqual({ name: "invitation", continueFlowWithoutInvitation: false });
});

test.each(["Einladung für Gäste", "a b", "a".repeat(5000), "😀"])("the name %.20j is good", async (name) => {
  expect(await reasonsOf({ name })).toEqual([]);
});

test.each([
  ["", "name: must not be empty"],
  [" \t", "name: must not be empty"],
  ["a\0b", "name: must not hold a NUL character"],
  [7, "name: must be a text"],
  [["a"], "name: must be a text"],
])("the name %j is refused", async (name, reason) => {
  expect(await reasonsOf({ name })).toEqual([reason]);
});

test("half of a surrogate pair in the name is refused", async () => {
  expect(await reasonsOf({ name: `a${String.fromCharCode(0xd83d)}` })).toEqual([
    expect.stringMatching(/^name: .*surrogate pair/),
  ]);
});

test.each(["true", 1, {}])("continueFlowWithoutInvitation %j is refused", async (value) => {
  expect(await reasonsOf({ continueFlowWithoutInvitation: value })).toEqual([
    "continueFlowWithoutInvitation: must be true or false",
  ]);
});

test.each(["", "authentik:url", "a b"])("the connection %j is refused", async (connection) => {
  expect(await reasonsOf({ connection })).toEqual([expect.stringMatching(/^connection: must be the name of a conf/)]);
});

test.each(["continue_flow_without_invitation", "continueFlowWithoutInvite", "continueflowwithoutinvitation"])(
  "of %s the right name is proposed",
  async (wrong) => {
    expect(await reasonsOf({ [wrong]: true })).toEqual([
      `${wrong}: no such property; did you mean continueFlowWithoutInvitation?`,
    ]);
  },
);

test("of a name like none, all are listed", async () => {
  expect(await reasonsOf({ flowSet: [] })).toEqual([
    "flowSet: no such property; the properties are name, continueFlowWithoutInvitation, connection",
  ]);
});

test("all faults are told at once", async () => {
  expect(
    await reasonsOf({ name: "", continueFlowWithoutInvitation: 1, connection: "", names: 1, import: "x" }),
  ).toEqual([
    "import: must be the pk (a UUID) of what is to be taken over",
    "name: must not be empty",
    "continueFlowWithoutInvitation: must be true or false",
    expect.stringMatching(/^connection: /),
    "names: no such property; did you mean name?",
  ]);
});

test.each(["name", "continueFlowWithoutInvitation", "connection", "import"])(
  "an unknown %s passes",
  async (property) => {
    const { inputs, reasons } = await checkStage({ ...good, [property]: unknownValue });
    expect(reasons).toEqual([]);
    expect(inputs[property]).toBe(unknownValue);
  },
);
