import { unknownValue } from "../../provider/common/reserved-strings";
import { casesOf, checkStage, type Inputs } from "./support/check";

/** What is special about a stage. What all resources share is in invitation-check.test.ts. */
const defaults = { name: "invitation", continueFlowWithoutInvitation: false };
const getReasons = async (changes: Inputs): Promise<string[]> =>
  (await checkStage({ name: "invitation", ...changes })).reasons;

test.each<[string, Inputs, Inputs]>([
  ["the default", { name: "invitation" }, defaults],
  ["the default for null", { name: "invitation", continueFlowWithoutInvitation: null, connection: null }, defaults],
])("sets %s", async (_case, given, inputs) => {
  expect(await checkStage(given)).toEqual({ inputs, reasons: [] });
});

test.each<[Inputs]>([
  [{ name: " padded ", continueFlowWithoutInvitation: true, connection: "authentik-staging" }],
  ...["Einladung für Gäste", "a b", "a".repeat(5000), "😀"].map((name): [Inputs] => [{ ...defaults, name }]),
  ...["name", "continueFlowWithoutInvitation", "connection", "import"].map((property): [Inputs] => [
    { ...defaults, [property]: unknownValue },
  ]),
])("keeps inputs as configured: %j", async (inputs) => {
  expect(await checkStage(inputs)).toEqual({ inputs, reasons: [] });
});

test.each(
  casesOf<[unknown]>(
    ["name", ["", " \t"], "name: must not be empty"],
    ["name", ["a\0b"], "name: must not contain a NUL character, which authentik cannot store"],
    ["name", ["a\ud83d"], expect.stringMatching(/^name: .*unpaired surrogate/)],
    ["name", [7, ["a"]], "name: must be a string"],
    ["continueFlowWithoutInvitation", ["true", 1, {}], "continueFlowWithoutInvitation: must be true or false"],
    ["connection", ["", "authentik:url"], expect.stringMatching(/^connection: must be the name of a conf/)],
    [
      "continue_flow_without_invitation",
      [true],
      "continue_flow_without_invitation: unknown property. Did you mean continueFlowWithoutInvitation?",
    ],
    ["flowSet", [[]], "flowSet: unknown property. The properties are name, continueFlowWithoutInvitation, connection"],
  ),
)("rejects %s %j", async (property, value, reason) => {
  expect(await getReasons({ [property]: value })).toEqual([reason]);
});

test("reports all errors at once", async () => {
  const reasons = await getReasons({
    name: "",
    continueFlowWithoutInvitation: 1,
    connection: "",
    names: 1,
    import: "x",
  });
  expect(reasons.map((reason) => reason.split(":")[0])).toEqual([
    "import",
    "name",
    "continueFlowWithoutInvitation",
    "connection",
    "names",
  ]);
});
