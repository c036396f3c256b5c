import fc from "fast-check";
import { unknownValue } from "../../provider/lifecycle/values/properties";
import { flowPk, otherFlowPk } from "./support/bodies";
import { forbidRequests, requests } from "./support/check";
import { changesOf, invitationInputs, invitationState } from "./support/invitation";

const none = { changes: false, replaces: [] };
const some = { changes: true, replaces: [] };
const inFlow = { flowPk, flowSlug: "enrollment" };

beforeAll(forbidRequests);
afterAll(() => expect(requests).toEqual([]));

describe("nothing changes", () => {
  test("where the program says what the state holds", async () => {
    expect(await changesOf(invitationState(), invitationInputs())).toEqual(none);
  });

  test.each(["2031-05-06T09:08:09+02:00", "2031-05-06T07:08:09.000Z", "2031-05-06t07:08:09z"])(
    "where the same instant is written %s",
    async (expires) => {
      expect(await changesOf(invitationState(), invitationInputs({ expires }))).toEqual(none);
    },
  );

  test("where the digits that authentik cut off are still in the program", async () => {
    const olds = invitationState({ expires: "2031-05-06T07:08:09.123456Z" });
    expect(await changesOf(olds, invitationInputs({ expires: "2031-05-06T07:08:09.123456789Z" }))).toEqual(none);
  });

  test("where fixedData has its keys in another order", async () => {
    const olds = invitationState({ fixedData: { a: { x: 1, y: [1, { p: 1, q: 2 }] }, b: 2 } });
    const fixedData = { b: 2, a: { y: [1, { q: 2, p: 1 }], x: 1 } };
    expect(await changesOf(olds, invitationInputs({ fixedData }))).toEqual(none);
  });

  test("where zero has lost its sign", async () => {
    const olds = invitationState({ fixedData: { zero: 0, list: [0] } });
    expect(await changesOf(olds, invitationInputs({ fixedData: { zero: -0, list: [-0] } }))).toEqual(none);
  });

  test("where fixedData is any JSON in any order of keys", async () => {
    const reverse = (value: unknown): unknown =>
      Array.isArray(value)
        ? value.map(reverse)
        : typeof value === "object" && value !== null
          ? Object.fromEntries(
              Object.entries(value)
                .reverse()
                .map(([key, item]) => [key, reverse(item)]),
            )
          : value;
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.string(), fc.jsonValue()), async (fixedData) => {
        const olds = invitationState({ fixedData });
        expect(await changesOf(olds, invitationInputs({ fixedData: reverse(fixedData) }))).toEqual(none);
      }),
    );
  });

  test.each(["enrollment", " enrollment ", flowPk, flowPk.toUpperCase(), flowPk.replaceAll("-", ""), `{${flowPk}}`])(
    "where the same flow is written %j",
    async (flow) => {
      for (const written of ["enrollment", flowPk]) {
        const olds = invitationState({ ...inFlow, flow: written });
        expect(await changesOf(olds, invitationInputs({ flow }))).toEqual(none);
      }
    },
  );

  test.each([
    ["jane", " jane "],
    [" jane ", "jane"],
    ["\tjane", "jane\n"],
  ])("where the name %j is written %j", async (old, name) => {
    expect(await changesOf(invitationState({ name: old }), invitationInputs({ name }))).toEqual(none);
  });

  test.each(["14d", "336h", "2 weeks"])("where validFor %s leads to the expiry that is stored", async (validFor) => {
    const olds = invitationState({
      validFor: "14d",
      issuedAt: "2031-04-22T07:08:09Z",
      expires: "2031-05-06T07:08:09Z",
    });
    const { expires: _none, ...news } = invitationInputs({ validFor });
    expect(await changesOf(olds, news)).toEqual(none);
  });

  test("where validFor replaces the expires that it leads to", async () => {
    const olds = invitationState({ issuedAt: "2031-04-22T07:08:09Z" });
    const { expires: _none, ...news } = invitationInputs({ validFor: "14d" });
    expect(await changesOf(olds, news)).toEqual(none);
  });

  test("where expires replaces the validFor that led to it", async () => {
    const olds = invitationState({ validFor: "14d", issuedAt: "2031-04-22T07:08:09Z" });
    expect(await changesOf(olds, invitationInputs())).toEqual(none);
  });

  test.each([
    [undefined, "authentik"],
    ["authentik", undefined],
    ["authentik-staging", "authentik-staging"],
  ])("where the connection was %s and is %s", async (old, connection) => {
    expect(await changesOf(invitationState({ connection: old }), invitationInputs({ connection }))).toEqual(none);
  });
});

describe("something changes", () => {
  test.each([
    ["name", { name: "john" }],
    ["the name's case", { name: "Jane" }],
    ["expires", { expires: "2031-05-06T07:08:10Z" }],
    ["expires by a microsecond", { expires: "2031-05-06T07:08:09.000001Z" }],
    ["expires' offset alone", { expires: "2031-05-06T07:08:09+02:00" }],
    ["singleUse", { singleUse: true }],
    ["flow", { flow: "enrollment" }],
    ["a new key of fixedData", { fixedData: { email: "jane@example.com" } }],
    ["a key that is null", { fixedData: { email: null } }],
  ])("%s", async (_what, changes) => {
    expect(await changesOf(invitationState(), invitationInputs(changes))).toEqual(some);
  });

  test.each([
    ["a value", { a: 2, b: [1, 2] }],
    ["a value's type", { a: "1", b: [1, 2] }],
    ["the order of a list", { a: 1, b: [2, 1] }],
    ["the length of a list", { a: 1, b: [1, 2, null] }],
    ["a key left out", { b: [1, 2] }],
    ["a key's case", { A: 1, b: [1, 2] }],
  ])("fixedData: %s", async (_what, fixedData) => {
    const olds = invitationState({ fixedData: { a: 1, b: [1, 2] } });
    expect(await changesOf(olds, invitationInputs({ fixedData }))).toEqual(some);
  });

  test("validFor that leads elsewhere", async () => {
    const olds = invitationState({ validFor: "14d", issuedAt: "2031-04-22T07:08:09Z" });
    const { expires: _none, ...news } = invitationInputs({ validFor: "15d" });
    expect(await changesOf(olds, news)).toEqual(some);
  });

  test.each(["password-reset", otherFlowPk])("the flow, to %s", async (flow) => {
    const olds = invitationState({ ...inFlow, flow: "enrollment" });
    expect(await changesOf(olds, invitationInputs({ flow }))).toEqual(some);
  });

  test("the flow, to none", async () => {
    const olds = invitationState({ ...inFlow, flow: "enrollment" });
    expect(await changesOf(olds, invitationInputs())).toEqual(some);
  });

  test("the flow that somebody deleted from authentik", async () => {
    expect(await changesOf(invitationState(), invitationInputs({ flow: flowPk }))).toEqual(some);
  });

  test("an expiry that authentik has no more", async () => {
    const { expires: _unlimited, ...olds } = invitationState();
    expect(await changesOf(olds, invitationInputs())).toEqual(some);
  });

  test("the connection, which replaces", async () => {
    expect(await changesOf(invitationState(), invitationInputs({ connection: "authentik-staging" }))).toEqual({
      changes: true,
      replaces: ["connection"],
    });
    expect(await changesOf(invitationState({ connection: "authentik-staging" }), invitationInputs())).toEqual({
      changes: true,
      replaces: ["connection"],
    });
  });

  test.each(["name", "expires", "fixedData", "singleUse", "flow"])("%s that is not known yet", async (property) => {
    const olds = invitationState({ ...inFlow, flow: "enrollment" });
    const news = invitationInputs({ flow: "enrollment", [property]: unknownValue });
    expect(await changesOf(olds, news)).toEqual(some);
  });

  test("validFor that is not known yet", async () => {
    const { expires: _none, ...news } = invitationInputs({ validFor: unknownValue });
    expect(await changesOf(invitationState({ validFor: "14d" }), news)).toEqual(some);
  });

  test("a value in fixedData that is not known yet", async () => {
    const olds = invitationState({ fixedData: { email: "jane@example.com" } });
    expect(await changesOf(olds, invitationInputs({ fixedData: { email: unknownValue } }))).toEqual(some);
  });

  test("the connection that is not known yet, which may replace", async () => {
    expect(await changesOf(invitationState(), invitationInputs({ connection: unknownValue }))).toEqual({
      changes: true,
      replaces: ["connection"],
    });
  });
});
