import { invitationIdsOf } from "../../provider/commands/state";

test("the invitations of a stack are those of the dynamic resources and of the plugin", () => {
  const resource = (type: string, rest: object) => ({ urn: `urn:pulumi:dev::site::${type}::x`, type, ...rest });
  const resources = ["pulumi-nodejs:dynamic/authentik:", "authentik-invitations:index:"].flatMap((prefix, index) => [
    resource(`${prefix}Invitation`, { id: `single-${index}` }),
    resource(`${prefix}InvitationBatch`, { id: "batch", outputs: { ids: { ada: `entry-${index}` } } }),
    resource(`${prefix}Flow`, { id: "flow" }),
  ]);
  expect(invitationIdsOf({ deployment: { resources } })).toEqual(["single-0", "entry-0", "single-1", "entry-1"]);
});
