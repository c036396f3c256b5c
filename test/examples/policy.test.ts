import { join } from "node:path";
import {
  type PolicyResource,
  type ResourceValidationArgs,
  type ResourceValidationPolicy,
  validateResourceOfType,
} from "@pulumi/policy";
import * as authentik from "pulumi-authentik-invitations";
import { examples } from "./example";

interface Policies {
  createPolicies(rules: { maxDays: number; flows: readonly string[] }): ResourceValidationPolicy[];
}

/** The arguments of a policy for a resource, as the policy server passes them. */
function argsOf(resource: { readonly __pulumiType: string }, props: Record<string, unknown>): ResourceValidationArgs {
  const type = resource.__pulumiType;
  return {
    type,
    props,
    urn: `urn:pulumi:test::test::${type}::x`,
    name: "x",
    opts: {} as PolicyResource["opts"],
    stackTags: new Map(),
    getConfig: <T extends object>() => ({}) as T,
    isType: (other) => (other as unknown as { __pulumiType?: string }).__pulumiType === type,
    asType: () => undefined,
    notApplicable: () => undefined as never,
  };
}

async function violations(resource: { readonly __pulumiType: string }, props: Record<string, unknown>) {
  const found: string[] = [];
  const { createPolicies } = (await import(join(examples, "policy", "policies.ts"))) as Policies;
  const policies = createPolicies({ maxDays: 30, flows: ["staff"] });
  for (const { name, validateResource } of policies) {
    const validations = Array.isArray(validateResource) ? validateResource : [validateResource];
    for (const validate of validations)
      await validate?.(argsOf(resource, props), (text) => found.push(`${name}: ${text}`));
  }
  return found;
}

const allowed = { name: "x", flow: "staff", validFor: "2 weeks", singleUse: true };
const inDays = (days: number): string => new Date(Date.now() + days * 86_400_000).toISOString();

describe("the example policy", () => {
  test.each([
    ["an allowed invitation", {}, []],
    [
      "one for several uses",
      { singleUse: false },
      ["single-use: set singleUse to true, so that a forwarded link is of no use."],
    ],
    ["31 days", { validFor: "31d" }, ["short-lived: must be valid for at most 30 days."]],
    ["a year", { validFor: "1Y" }, ["short-lived: must be valid for at most 30 days."]],
    ["30 days", { validFor: "720h" }, []],
    ["a near expiry", { validFor: undefined, expires: inDays(29) }, []],
    ["a far expiry", { validFor: undefined, expires: inDays(31) }, ["short-lived: must be valid for at most 30 days."]],
    ["another flow", { flow: "other" }, ["allowed-flows: set flow to one of staff."]],
    ["any flow", { flow: undefined }, ["allowed-flows: set flow to one of staff."]],
  ])("judges %s", async (_case, changed, expected) => {
    expect(await violations(authentik.Invitation, { ...allowed, ...changed })).toEqual(expected);
  });

  test("judges each entry of a batch, with the batch's defaults", async () => {
    const invitations = {
      ada: {},
      grace: { singleUse: false },
      joan: { expires: inDays(31) },
      mary: { flow: "other" },
    };
    expect(await violations(authentik.InvitationBatch, { ...allowed, invitations })).toEqual([
      "single-use: grace: set singleUse to true, so that a forwarded link is of no use.",
      "short-lived: joan: must be valid for at most 30 days.",
      "allowed-flows: mary: set flow to one of staff.",
    ]);
  });

  test("judges no other resource", async () => {
    expect(await violations(authentik.Flow, {})).toEqual([]);
  });
});

test("each class has the type of its resources, so that policies find them", () => {
  const { Flow, FlowStageBinding, Invitation, InvitationBatch, InvitationStage, InviteOnlyEnrollment } = authentik;
  const resources = { Flow, FlowStageBinding, Invitation, InvitationBatch, InvitationStage };
  for (const [name, resource] of Object.entries(resources)) {
    expect(resource.__pulumiType).toBe(`pulumi-nodejs:dynamic/authentik:${name}`);
  }
  const validate = validateResourceOfType(Invitation, () => undefined);
  expect(validate).toHaveProperty("__pulumiType", Invitation.__pulumiType);
  expect(InviteOnlyEnrollment.__pulumiType).toBe("authentik:index:InviteOnlyEnrollment");
});
