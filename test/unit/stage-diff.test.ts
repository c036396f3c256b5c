import { unknownValue } from "../../provider/lifecycle/values/properties";
import { invitationStageProvider } from "../../provider/lifecycle/objects/invitation-stage";
import { stagePk } from "./support/bodies";
import { forbidRequests, requests } from "./support/check";

const inputs = { name: "invitation", continueFlowWithoutInvitation: false };
const state = { ...inputs, pk: stagePk, flowSet: [], component: "ak-stage-invitation-form" };

interface Diff {
  readonly changes: boolean;
  readonly replaces: readonly string[];
  readonly deleteBeforeReplace: boolean | undefined;
}

/** Where `changes` stays open the engine takes it for a change wherever the inputs differ. */
async function diff(news: object, olds: object = {}): Promise<Diff> {
  const answer = await invitationStageProvider.diff(stagePk, { ...state, ...olds }, { ...inputs, ...news });
  const { changes, replaces = [], deleteBeforeReplace } = answer;
  return { changes: changes !== false, replaces, deleteBeforeReplace };
}

beforeAll(forbidRequests);
afterAll(() => expect(requests).toEqual([]));

test.each([
  ["the program says what the state holds", {}, {}],
  ["the name is padded", { name: " invitation " }, {}],
  ["the name in the state is padded", {}, { name: "invitation " }],
  ["the connection is the default by its name", { connection: "authentik" }, {}],
  ["the state names the default connection", {}, { connection: "authentik" }],
])("nothing changes where %s", async (_what, news, olds) => {
  expect(await diff(news, olds)).toMatchObject({ changes: false, replaces: [] });
});

test.each([
  ["the name", { name: "other" }],
  ["the name's case", { name: "Invitation" }],
  ["continueFlowWithoutInvitation", { continueFlowWithoutInvitation: true }],
  ["an unknown name", { name: unknownValue }],
  ["an unknown continueFlowWithoutInvitation", { continueFlowWithoutInvitation: unknownValue }],
])("%s changes in place", async (_what, news) => {
  expect(await diff(news)).toMatchObject({ changes: true, replaces: [] });
});

test.each(["authentik-staging", unknownValue])("the connection %s replaces, creating first", async (connection) => {
  expect(await diff({ connection })).toEqual({ changes: true, replaces: ["connection"], deleteBeforeReplace: false });
});

test("a forced replacement under the same name must delete first, for names are unique", async () => {
  expect(await diff({ continueFlowWithoutInvitation: true })).toMatchObject({ deleteBeforeReplace: true });
  expect(await diff({})).toMatchObject({ deleteBeforeReplace: true });
});

test("a forced replacement under another name may create first", async () => {
  expect(await diff({ name: "other" })).toMatchObject({ deleteBeforeReplace: false });
});
