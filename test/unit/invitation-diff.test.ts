import fc from "fast-check";
import { unknownValue } from "../../provider/values/properties";
import { runs } from "../hostile/runs";
import { forbidRequests, unexpectedRequests } from "./support/check";
import { diffInvitation, invitationInputs, invitationState } from "./support/invitation";
import { flowPk, otherFlowPk } from "./support/response-bodies";

const unchanged = { changes: false, replaces: [] };
const changed = { changes: true, replaces: [] };
const flowOutputs = { flowPk, flowSlug: "enrollment" };

beforeAll(forbidRequests);
afterAll(() => expect(unexpectedRequests).toEqual([]));

describe("nothing changes if", () => {
  test("the inputs equal the state", async () => {
    expect(await diffInvitation(invitationState(), invitationInputs())).toEqual(unchanged);
  });

  test.each(["2031-05-06T09:08:09+02:00", "2031-05-06T07:08:09.000Z", "2031-05-06t07:08:09z"])(
    "the same instant is written as %s",
    async (expires) => {
      expect(await diffInvitation(invitationState(), invitationInputs({ expires }))).toEqual(unchanged);
    },
  );

  test("the program still has the digits that authentik truncates", async () => {
    const olds = invitationState({ expires: "2031-05-06T07:08:09.123456Z" });
    expect(await diffInvitation(olds, invitationInputs({ expires: "2031-05-06T07:08:09.123456789Z" }))).toEqual(
      unchanged,
    );
  });

  test("the keys of fixedData are in another order", async () => {
    const olds = invitationState({ fixedData: { a: { x: 1, y: [1, { p: 1, q: 2 }] }, b: 2 } });
    const fixedData = { b: 2, a: { y: [1, { q: 2, p: 1 }], x: 1 } };
    expect(await diffInvitation(olds, invitationInputs({ fixedData }))).toEqual(unchanged);
  });

  test("zero is negative in the program, and positive in the state", async () => {
    const olds = invitationState({ fixedData: { zero: 0, list: [0] } });
    expect(await diffInvitation(olds, invitationInputs({ fixedData: { zero: -0, list: [-0] } }))).toEqual(unchanged);
  });

  test("the keys of any fixedData are in another order", async () => {
    const reverseKeys = (value: unknown): unknown =>
      Array.isArray(value)
        ? value.map(reverseKeys)
        : typeof value === "object" && value !== null
          ? Object.fromEntries(
              Object.entries(value)
                .reverse()
                .map(([key, item]) => [key, reverseKeys(item)]),
            )
          : value;
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.string(), fc.jsonValue()), async (fixedData) => {
        const olds = invitationState({ fixedData });
        expect(await diffInvitation(olds, invitationInputs({ fixedData: reverseKeys(fixedData) }))).toEqual(unchanged);
      }),
      runs(100),
    );
  });

  test.each(["enrollment", " enrollment ", flowPk, flowPk.toUpperCase(), flowPk.replaceAll("-", ""), `{${flowPk}}`])(
    "the same flow is written as %j",
    async (flow) => {
      for (const configured of ["enrollment", flowPk]) {
        const olds = invitationState({ ...flowOutputs, flow: configured });
        expect(await diffInvitation(olds, invitationInputs({ flow }))).toEqual(unchanged);
      }
    },
  );

  test.each([
    ["jane", " jane "],
    [" jane ", "jane"],
    ["\tjane", "jane\n"],
  ])("the name %j is written as %j", async (old, name) => {
    expect(await diffInvitation(invitationState({ name: old }), invitationInputs({ name }))).toEqual(unchanged);
  });

  test.each(["14d", "336h", "2 weeks"])("validFor %s results in the stored expiry", async (validFor) => {
    const olds = invitationState({
      validFor: "14d",
      issuedAt: "2031-04-22T07:08:09Z",
      expires: "2031-05-06T07:08:09Z",
    });
    const { expires: _expires, ...news } = invitationInputs({ validFor });
    expect(await diffInvitation(olds, news)).toEqual(unchanged);
  });

  test("validFor replaces the expires that it results in", async () => {
    const olds = invitationState({ issuedAt: "2031-04-22T07:08:09Z" });
    const { expires: _expires, ...news } = invitationInputs({ validFor: "14d" });
    expect(await diffInvitation(olds, news)).toEqual(unchanged);
  });

  test("expires replaces the validFor that resulted in it", async () => {
    const olds = invitationState({ validFor: "14d", issuedAt: "2031-04-22T07:08:09Z" });
    expect(await diffInvitation(olds, invitationInputs())).toEqual(unchanged);
  });

  test.each([
    [undefined, "authentik"],
    ["authentik", undefined],
    ["authentik-staging", "authentik-staging"],
  ])("the connection was %s and is %s", async (old, connection) => {
    expect(await diffInvitation(invitationState({ connection: old }), invitationInputs({ connection }))).toEqual(
      unchanged,
    );
  });
});

describe("a change is reported for", () => {
  test.each([
    ["name", { name: "john" }],
    ["the case of the name", { name: "Jane" }],
    ["expires", { expires: "2031-05-06T07:08:10Z" }],
    ["expires that differs by a microsecond", { expires: "2031-05-06T07:08:09.000001Z" }],
    ["expires that differs only in its offset", { expires: "2031-05-06T07:08:09+02:00" }],
    ["singleUse", { singleUse: true }],
    ["flow", { flow: "enrollment" }],
    ["a new key of fixedData", { fixedData: { email: "jane@example.com" } }],
    ["a null key of fixedData", { fixedData: { email: null } }],
  ])("%s", async (_case, changes) => {
    expect(await diffInvitation(invitationState(), invitationInputs(changes))).toEqual(changed);
  });

  test.each([
    ["a changed value", { a: 2, b: [1, 2] }],
    ["a changed type", { a: "1", b: [1, 2] }],
    ["a reordered list", { a: 1, b: [2, 1] }],
    ["a longer list", { a: 1, b: [1, 2, null] }],
    ["a removed key", { b: [1, 2] }],
    ["a key in another case", { A: 1, b: [1, 2] }],
  ])("fixedData with %s", async (_case, fixedData) => {
    const olds = invitationState({ fixedData: { a: 1, b: [1, 2] } });
    expect(await diffInvitation(olds, invitationInputs({ fixedData }))).toEqual(changed);
  });

  test("a validFor that results in another expiry", async () => {
    const olds = invitationState({ validFor: "14d", issuedAt: "2031-04-22T07:08:09Z" });
    const { expires: _expires, ...news } = invitationInputs({ validFor: "15d" });
    expect(await diffInvitation(olds, news)).toEqual(changed);
  });

  test.each(["password-reset", otherFlowPk])("a new flow: %s", async (flow) => {
    const olds = invitationState({ ...flowOutputs, flow: "enrollment" });
    expect(await diffInvitation(olds, invitationInputs({ flow }))).toEqual(changed);
  });

  test("a removed flow", async () => {
    const olds = invitationState({ ...flowOutputs, flow: "enrollment" });
    expect(await diffInvitation(olds, invitationInputs())).toEqual(changed);
  });

  test("a flow that was deleted outside Pulumi", async () => {
    expect(await diffInvitation(invitationState(), invitationInputs({ flow: flowPk }))).toEqual(changed);
  });

  test("an expiry that was removed outside Pulumi", async () => {
    const { expires: _expires, ...olds } = invitationState();
    expect(await diffInvitation(olds, invitationInputs())).toEqual(changed);
  });

  test("a new connection, which requires a replacement", async () => {
    expect(await diffInvitation(invitationState(), invitationInputs({ connection: "authentik-staging" }))).toEqual({
      changes: true,
      replaces: ["connection"],
    });
    expect(await diffInvitation(invitationState({ connection: "authentik-staging" }), invitationInputs())).toEqual({
      changes: true,
      replaces: ["connection"],
    });
  });

  test.each(["name", "expires", "fixedData", "singleUse", "flow"])("an unknown %s", async (property) => {
    const olds = invitationState({ ...flowOutputs, flow: "enrollment" });
    const news = invitationInputs({ flow: "enrollment", [property]: unknownValue });
    expect(await diffInvitation(olds, news)).toEqual(changed);
  });

  test("an unknown validFor", async () => {
    const { expires: _expires, ...news } = invitationInputs({ validFor: unknownValue });
    expect(await diffInvitation(invitationState({ validFor: "14d" }), news)).toEqual(changed);
  });

  test("an unknown value in fixedData", async () => {
    const olds = invitationState({ fixedData: { email: "jane@example.com" } });
    expect(await diffInvitation(olds, invitationInputs({ fixedData: { email: unknownValue } }))).toEqual(changed);
  });

  test("an unknown connection, which may require a replacement", async () => {
    expect(await diffInvitation(invitationState(), invitationInputs({ connection: unknownValue }))).toEqual({
      changes: true,
      replaces: ["connection"],
    });
  });
});
