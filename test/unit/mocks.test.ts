import * as pulumi from "@pulumi/pulumi";
import * as authentik from "../../provider";
import { requestLines, resetHttpMocks, settings } from "./support/http-mocks";
import { type RegisteredResource, resolveOutput, startProgram } from "./support/program";
import { pk } from "./support/response-bodies";

interface Call {
  readonly token: string;
  readonly inputs: Record<string, unknown>;
}

const calls: Call[] = [];
let results: Record<string, Record<string, unknown>> = {};
let resources: readonly RegisteredResource[];

beforeEach(async () => {
  resetHttpMocks();
  calls.length = 0;
  results = {};
  pulumi.runtime.setAllConfig(settings);
  resources = await startProgram({
    lookup: ({ token, inputs }) => {
      calls.push({ token, inputs });
      return results[token.replace("authentik:index:", "")] ?? {};
    },
  });
});
afterEach(() => expect(requestLines()).toEqual([]));

test.each<[string, (args: never) => Promise<unknown>, (args: never) => pulumi.Output<unknown>, object, object]>([
  ["getFlow", authentik.getFlow, authentik.getFlowOutput, { slug: "join" }, { pk: "1", slug: "join" }],
  ["getStage", authentik.getStage, authentik.getStageOutput, { name: "write" }, { pk: "2", name: "write" }],
  [
    "getInvitationStage",
    authentik.getInvitationStage,
    authentik.getInvitationStageOutput,
    { name: "invitation" },
    { pk: "3", flowSet: [{ pk: "1" }] },
  ],
])("%s returns what the mock returns", async (name, plain, output, args, result) => {
  results[name] = { ...result };
  expect(await plain({ ...args } as never)).toEqual(result);
  expect(await resolveOutput(output({ ...args } as never))).toEqual(result);
  expect(calls).toEqual(Array(2).fill({ token: `authentik:index:${name}`, inputs: args }));
});

test("lookups of lists return the list in the mock's result, or an empty one", async () => {
  expect(await authentik.getInvitations()).toEqual([]);
  expect(await authentik.getFlowStageBindings({ flow: "join" })).toEqual([]);
  results["getInvitations"] = { invitations: [{ pk, name: "jane", link: "https://x" }] };
  results["getFlowStageBindings"] = { bindings: [{ pk: "4", order: 0 }] };
  expect(await authentik.getFlowStageBindings({ flow: "join" })).toEqual([{ pk: "4", order: 0 }]);
  const found = authentik.getInvitationsOutput();
  expect(await resolveOutput(found)).toEqual([{ pk, name: "jane", link: "https://x" }]);
  expect(await pulumi.isSecret(found)).toBe(true);
});

test("getInvitation keeps the pk and the link secret", async () => {
  results["getInvitation"] = { pk, name: "jane", link: "https://x" };
  const { name, pk: found, link } = await authentik.getInvitation({ name: "jane" });
  expect([name, await resolveOutput(found), await resolveOutput(link)]).toEqual(["jane", pk, "https://x"]);
  expect([await pulumi.isSecret(found), await pulumi.isSecret(link)]).toEqual([true, true]);
});

test("arguments are validated as without mocks", async () => {
  await expect(authentik.getFlow({ pk: "x", slug: "y" })).rejects.toThrow("set exactly one of slug and pk");
  expect(calls).toEqual([]);
});

test("an enrollment finds its stages by the mock of getStage, and its flow by that of getFlow", async () => {
  results["getStage"] = { pk: "stage-pk" };
  results["getFlow"] = { pk: "flow-pk", slug: "join" };
  const { slug, flow, bindingResources } = new authentik.InviteOnlyEnrollment("staff", { flow: "join" });
  const stages = await resolveOutput(bindingResources.apply((all) => pulumi.all(all.map(({ stage }) => stage))));
  expect([await resolveOutput(slug), await resolveOutput(flow), stages]).toEqual([
    "join",
    "flow-pk",
    ["staff-invitation-id", ...Array(4).fill("stage-pk")],
  ]);
});

test("resources accept whatever state the mock returns: link and links do not throw", async () => {
  const jane = new authentik.Invitation("jane", { flow: "join", validFor: "14d" });
  const batch = new authentik.InvitationBatch("intake", { flow: "join", validFor: "14d", invitations: { ada: {} } });
  await Promise.all([resolveOutput(jane.link), resolveOutput(batch.links), resolveOutput(batch.urn)]);
  expect(resources.map(({ name }) => name).sort()).toEqual(["intake", "jane"]);
});
