import fc from "fast-check";
import { unknownValue } from "../../provider/common/reserved-strings";
import { runs } from "../hostile/runs";
import "./support/check";
import { diffInvitation, invitationInputs, invitationState, type Properties } from "./support/invitation";
import { flowPk, otherFlowPk } from "./support/response-bodies";

const unchanged = { changes: false, replaces: [] };
const changed = { changes: true, replaces: [] };
const replaced = { changes: true, replaces: ["connection"] };
const withFlow = { flowPk, flowSlug: "enrollment", flow: "enrollment" };
const fourteenDays = { validFor: "14d", issuedAt: "2031-04-22T07:08:09Z" };

/** The diff of states and inputs that differ from the default ones in these properties. */
const diff = (olds: Properties, news: Properties): ReturnType<typeof diffInvitation> =>
  diffInvitation(invitationState(olds), invitationInputs(news));

test.each<[string, Properties, Properties]>([
  ["the inputs equal the state", {}, {}],
  ...["2031-05-06T09:08:09+02:00", "2031-05-06T07:08:09.000Z", "2031-05-06t07:08:09z"].map(
    (expires): [string, Properties, Properties] => [`the same instant is written as ${expires}`, {}, { expires }],
  ),
  [
    "the program still has the digits that authentik truncates",
    { expires: "2031-05-06T07:08:09.123456Z" },
    { expires: "2031-05-06T07:08:09.123456789Z" },
  ],
  [
    "zero is negative in the program, and positive in the state",
    { fixedData: { zero: 0, list: [0] } },
    { fixedData: { zero: -0, list: [-0] } },
  ],
  ...["enrollment", " enrollment ", flowPk, flowPk.toUpperCase(), flowPk.replaceAll("-", ""), `{${flowPk}}`].flatMap(
    (flow): [string, Properties, Properties][] =>
      ["enrollment", flowPk].map((old) => [
        `the flow ${old} is written as ${flow}`,
        { ...withFlow, flow: old },
        { flow },
      ]),
  ),
  ["the program has spaces around the name", {}, { name: " jane " }],
  ["the program had spaces around the name", { name: " jane " }, {}],
  ["the program has other spaces around the name", { name: "\tjane" }, { name: "jane\n" }],
  ...["14d", "336h", "2 weeks"].map((validFor): [string, Properties, Properties] => [
    `validFor ${validFor} results in the stored expiry`,
    fourteenDays,
    { validFor },
  ]),
  ["validFor replaces the expires that it results in", { issuedAt: fourteenDays.issuedAt }, { validFor: "14d" }],
  ["expires replaces the validFor that resulted in it", fourteenDays, {}],
  ["the connection is the default one, by its name", {}, { connection: "authentik" }],
  ["the connection was the default one, by its name", { connection: "authentik" }, {}],
  ["the connection is the same", { connection: "authentik-staging" }, { connection: "authentik-staging" }],
])("nothing changes if %s", async (_case, olds, news) => {
  expect(await diff(olds, news)).toEqual(unchanged);
});

test("nothing changes if the keys of any fixedData are in another order", async () => {
  const reverseKeys = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(reverseKeys);
    if (typeof value !== "object" || value === null) return value;
    const reversed = Object.entries(value).reverse();
    return Object.fromEntries(reversed.map(([key, item]) => [key, reverseKeys(item)]));
  };
  await fc.assert(
    fc.asyncProperty(fc.dictionary(fc.string(), fc.jsonValue()), async (fixedData) => {
      expect(await diff({ fixedData }, { fixedData: reverseKeys(fixedData) })).toEqual(unchanged);
    }),
    runs(100),
  );
});

const fixedData = { a: 1, b: [1, 2] };

test.each<[string, Properties, Properties]>([
  ["the name", {}, { name: "john" }],
  ["the case of the name", {}, { name: "Jane" }],
  ["expires", {}, { expires: "2031-05-06T07:08:10Z" }],
  ["expires that differs by a microsecond", {}, { expires: "2031-05-06T07:08:09.000001Z" }],
  ["expires that differs only in its offset", {}, { expires: "2031-05-06T07:08:09+02:00" }],
  ["singleUse", {}, { singleUse: true }],
  ["a flow", {}, { flow: "enrollment" }],
  ["a flow that was deleted outside Pulumi", {}, { flow: flowPk }],
  ["another flow by its slug", withFlow, { flow: "password-reset" }],
  ["another flow by its pk", withFlow, { flow: otherFlowPk }],
  ["a removed flow", withFlow, {}],
  ["a new key of fixedData", {}, { fixedData: { email: "jane@example.com" } }],
  ["a null key of fixedData", {}, { fixedData: { email: null } }],
  ["a changed value in fixedData", { fixedData }, { fixedData: { a: 2, b: [1, 2] } }],
  ["a changed type in fixedData", { fixedData }, { fixedData: { a: "1", b: [1, 2] } }],
  ["a reordered list in fixedData", { fixedData }, { fixedData: { a: 1, b: [2, 1] } }],
  ["a longer list in fixedData", { fixedData }, { fixedData: { a: 1, b: [1, 2, null] } }],
  ["a removed key of fixedData", { fixedData }, { fixedData: { b: [1, 2] } }],
  ["a key of fixedData in another case", { fixedData }, { fixedData: { A: 1, b: [1, 2] } }],
  ["an unknown value in fixedData", { fixedData }, { fixedData: { a: unknownValue, b: [1, 2] } }],
  ["a validFor that results in another expiry", fourteenDays, { validFor: "15d" }],
  ["an expiry that was removed outside Pulumi", { expires: undefined }, {}],
  ...["name", "expires", "fixedData", "singleUse", "flow"].map((name): [string, Properties, Properties] => [
    `an unknown ${name}`,
    withFlow,
    { flow: "enrollment", [name]: unknownValue },
  ]),
  ["an unknown validFor", { validFor: "14d" }, { validFor: unknownValue }],
])("a change is reported for %s", async (_case, olds, news) => {
  expect(await diff(olds, news)).toEqual(changed);
});

test.each<[string, Properties, Properties]>([
  ["a new connection", {}, { connection: "authentik-staging" }],
  ["a removed connection", { connection: "authentik-staging" }, {}],
  ["an unknown connection", {}, { connection: unknownValue }],
])("%s requires a replacement", async (_case, olds, news) => {
  expect(await diff(olds, news)).toEqual(replaced);
});
