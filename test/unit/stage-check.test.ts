import { unknownValue } from "../../provider/values/properties";
import { checkStage, forbidRequests, unexpectedRequests } from "./support/check";

const validInputs = { name: "invitation" };

async function getReasons(changes: Record<string, unknown>): Promise<string[]> {
  const { reasons, properties } = await checkStage({ ...validInputs, ...changes });
  expect(properties).toEqual(reasons.map(() => ""));
  return reasons;
}

beforeAll(forbidRequests);
afterAll(() => expect(unexpectedRequests).toEqual([]));

test("sets the default", async () => {
  expect(await checkStage(validInputs)).toEqual({
    inputs: { name: "invitation", continueFlowWithoutInvitation: false },
    properties: [],
    reasons: [],
  });
});

test("keeps inputs as configured", async () => {
  const inputs = { name: " padded ", continueFlowWithoutInvitation: true, connection: "authentik-staging" };
  expect(await checkStage(inputs)).toEqual({ inputs, properties: [], reasons: [] });
});

test("treats null as omitted", async () => {
  const { inputs, reasons } = await checkStage({
    ...validInputs,
    continueFlowWithoutInvitation: null,
    connection: null,
  });
  expect(reasons).toEqual([]);
  expect(inputs).toEqual({ name: "invitation", continueFlowWithoutInvitation: false });
});

test.each([
  ["with letters outside ASCII", "Einladung für Gäste"],
  ["with a space", "a b"],
  ["of 5000 characters", "a".repeat(5000)],
  ["that is an emoji", "😀"],
])("accepts a name %s", async (_case, name) => {
  expect(await getReasons({ name })).toEqual([]);
});

test.each([
  ["", "name: must not be empty"],
  [" \t", "name: must not be empty"],
  ["a\0b", "name: must not contain a NUL character, which authentik cannot store"],
  [7, "name: must be a string"],
  [["a"], "name: must be a string"],
])("rejects the name %j", async (name, reason) => {
  expect(await getReasons({ name })).toEqual([reason]);
});

test("rejects an unpaired surrogate in the name", async () => {
  expect(await getReasons({ name: `a${String.fromCharCode(0xd83d)}` })).toEqual([
    expect.stringMatching(/^name: .*unpaired surrogate/),
  ]);
});

test.each(["true", 1, {}])("rejects continueFlowWithoutInvitation %j", async (value) => {
  expect(await getReasons({ continueFlowWithoutInvitation: value })).toEqual([
    "continueFlowWithoutInvitation: must be true or false",
  ]);
});

test.each(["", "authentik:url", "a b"])("rejects the connection %j", async (connection) => {
  expect(await getReasons({ connection })).toEqual([expect.stringMatching(/^connection: must be the name of a conf/)]);
});

test.each(["continue_flow_without_invitation", "continueFlowWithoutInvite", "continueflowwithoutinvitation"])(
  "suggests the right name for %s",
  async (name) => {
    expect(await getReasons({ [name]: true })).toEqual([
      `${name}: unknown property. Did you mean continueFlowWithoutInvitation?`,
    ]);
  },
);

test("lists all properties for a name that is similar to none", async () => {
  expect(await getReasons({ flowSet: [] })).toEqual([
    "flowSet: unknown property. The properties are name, continueFlowWithoutInvitation, connection",
  ]);
});

test("reports all errors at once", async () => {
  expect(
    await getReasons({ name: "", continueFlowWithoutInvitation: 1, connection: "", names: 1, import: "x" }),
  ).toEqual([
    "import: must be the pk (a UUID) of the object to import",
    "name: must not be empty",
    "continueFlowWithoutInvitation: must be true or false",
    expect.stringMatching(/^connection: /),
    "names: unknown property. Did you mean name?",
  ]);
});

test.each(["name", "continueFlowWithoutInvitation", "connection", "import"])(
  "accepts an unknown %s",
  async (property) => {
    const { inputs, reasons } = await checkStage({ ...validInputs, [property]: unknownValue });
    expect(reasons).toEqual([]);
    expect(inputs[property]).toBe(unknownValue);
  },
);
