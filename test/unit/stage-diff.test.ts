import { invitationStageOperations } from "../../provider/objects/invitation-stage";
import { unknownValue } from "../../provider/values/properties";
import { forbidRequests, unexpectedRequests } from "./support/check";
import { stagePk } from "./support/response-bodies";

const inputs = { name: "invitation", continueFlowWithoutInvitation: false };
const state = { ...inputs, pk: stagePk };

interface Diff {
  readonly changes: boolean;
  readonly replaces: readonly string[];
  readonly deleteBeforeReplace: boolean | undefined;
}

/** If `changes` is undefined, the engine compares the inputs itself, so it counts as a change. */
async function diff(news: object, olds: object = {}): Promise<Diff> {
  const result = await invitationStageOperations.diff(stagePk, { ...state, ...olds }, { ...inputs, ...news });
  const { changes, replaces = [], deleteBeforeReplace } = result;
  return { changes: changes !== false, replaces, deleteBeforeReplace };
}

beforeAll(forbidRequests);
afterAll(() => expect(unexpectedRequests).toEqual([]));

test.each([
  ["the inputs equal the state", {}, {}],
  ["the name has surrounding spaces", { name: " invitation " }, {}],
  ["the name in the state has surrounding spaces", {}, { name: "invitation " }],
  ["the connection is the default one, by its name", { connection: "authentik" }, {}],
  ["the state names the default connection", {}, { connection: "authentik" }],
])("nothing changes if %s", async (_case, news, olds) => {
  expect(await diff(news, olds)).toMatchObject({ changes: false, replaces: [] });
});

test.each([
  ["the name", { name: "other" }],
  ["the case of the name", { name: "Invitation" }],
  ["continueFlowWithoutInvitation", { continueFlowWithoutInvitation: true }],
  ["an unknown name", { name: unknownValue }],
  ["an unknown continueFlowWithoutInvitation", { continueFlowWithoutInvitation: unknownValue }],
])("%s is updated in place", async (_case, news) => {
  expect(await diff(news)).toMatchObject({ changes: true, replaces: [] });
});

test.each(["authentik-staging", unknownValue])(
  "the connection %s replaces the stage, creating the new one first",
  async (connection) => {
    expect(await diff({ connection })).toEqual({ changes: true, replaces: ["connection"], deleteBeforeReplace: false });
  },
);

test("a forced replacement with the same name deletes first, because names are unique", async () => {
  expect(await diff({ continueFlowWithoutInvitation: true })).toMatchObject({ deleteBeforeReplace: true });
  expect(await diff({})).toMatchObject({ deleteBeforeReplace: true });
});

test("a forced replacement with another name creates first", async () => {
  expect(await diff({ name: "other" })).toMatchObject({ deleteBeforeReplace: false });
});
