import { InvitationStage as invitationStageProvider } from "pulumi-authentik-invitations/provider";
import { unknownValue } from "../../provider/common/reserved-strings";
import "./support/check";
import { stagePk } from "./support/response-bodies";

const inputs = { name: "invitation", continueFlowWithoutInvitation: false };

/** If `changes` is undefined, the engine compares the inputs itself, so it counts as a change. */
async function diff(olds: object, news: object): Promise<object> {
  const state = { ...inputs, pk: stagePk, ...olds };
  const { changes, replaces, deleteBeforeReplace } = await invitationStageProvider.diff(stagePk, state, {
    ...inputs,
    ...news,
  });
  return { changes: changes !== false, replaces: replaces ?? [], deleteBeforeReplace };
}

test.each([
  ["the inputs equal the state", {}, {}],
  ["the name has surrounding spaces", {}, { name: " invitation " }],
  ["the name in the state has surrounding spaces", { name: "invitation " }, {}],
  ["the connection is the default one, by its name", {}, { connection: "authentik" }],
  ["the state names the default connection", { connection: "authentik" }, {}],
])(
  "nothing changes if %s, and a forced replacement deletes first, because names are unique",
  async (_case, olds, news) => {
    expect(await diff(olds, news)).toEqual({ changes: false, replaces: [], deleteBeforeReplace: true });
  },
);

test.each([
  ["continueFlowWithoutInvitation", { continueFlowWithoutInvitation: true }, true],
  ["an unknown continueFlowWithoutInvitation", { continueFlowWithoutInvitation: unknownValue }, true],
  ["the name", { name: "other" }, false],
  ["the case of the name", { name: "Invitation" }, false],
  ["an unknown name", { name: unknownValue }, false],
])("%s is updated in place; a forced replacement deletes first: %p", async (_case, news, deleteBeforeReplace) => {
  expect(await diff({}, news)).toEqual({ changes: true, replaces: [], deleteBeforeReplace });
});

test.each(["authentik-staging", unknownValue])(
  "the connection %s replaces the stage, creating first",
  async (connection) => {
    expect(await diff({}, { connection })).toEqual({
      changes: true,
      replaces: ["connection"],
      deleteBeforeReplace: false,
    });
  },
);
