/**
 * The twin of authentik's example blueprint "Example - Invitation-based Enrollment" (`blueprints/example/flows-invitation-enrollment.yaml`):
 * its flows, invitation stages, their bindings and its five invitations. In contrast to the blueprint it gives the invitations' links, finds
 * what somebody changed by hand, and deletes what is taken out of it.
 *
 * The blueprint's other objects (prompts, stages that write and log in the user, a group) are no matter of this package. Where the
 * blueprint was applied before, `followUps` below binds its stages; else bind your own.
 */
import * as pulumi from "@pulumi/pulumi";
import * as authentik from "pulumi-authentik-invitations";

/** Flows with their invitation stages; `order` 5 is before all other stages, as in the blueprint. */
function enrollment(kind: string, name: string, title: string): authentik.Flow {
  const flow = new authentik.Flow(`invitation-enrollment-flow-${kind}`, {
    name,
    title,
    designation: "enrollment",
    authentication: "require_unauthenticated",
  });
  const stage = new authentik.InvitationStage(`invitation-enrollment-invitation-${kind}`, {
    continueFlowWithoutInvitation: false,
  });
  new authentik.FlowStageBinding(`invitation-enrollment-binding-${kind}`, {
    target: flow.id,
    stage: stage.id,
    order: 5,
    evaluateOnPlan: true,
    reEvaluatePolicies: true,
  });
  // Names of stages that exist, from `pulumi config set --path 'followUps.external[0]' …`.
  const followUps = new pulumi.Config().getObject<Record<string, string[]>>("followUps")?.[kind] ?? [];
  for (const [index, followUp] of followUps.entries()) {
    new authentik.FlowStageBinding(`invitation-enrollment-binding-${kind}-${followUp}`, {
      target: flow.id,
      stage: authentik.getStageOutput({ name: followUp }).pk,
      order: 10 + index * 5,
    });
  }
  return flow;
}

const external = enrollment(
  "external",
  "Invitation Enrollment Flow (External Users)",
  "Welcome! Complete your enrollment",
);
const internal = enrollment(
  "internal",
  "Invitation Enrollment Flow (Internal Users)",
  "Welcome! Complete your enrollment",
);
const engineering = enrollment(
  "internal-engineering",
  "Invitation Enrollment Flow (Internal - Engineering Team)",
  "Welcome to the Engineering Team!",
);

/** "Never": the blueprint gives this invitation no expiry, which the API cannot say (left out, it would end within half an hour). */
const never = "9999-12-31T23:59:59Z";
const endOf2028 = "2028-12-31T23:59:59Z";

const invitations = [
  new authentik.Invitation("example-external-basic-invitation", { flow: external.id, expires: never }),
  new authentik.Invitation("example-external-prefilled-email-invitation", {
    flow: external.id,
    expires: endOf2028,
    singleUse: true,
    fixedData: { email: "external@example.com" },
  }),
  new authentik.Invitation("example-internal-prefilled-invitation", {
    flow: internal.id,
    expires: endOf2028,
    singleUse: true,
    fixedData: { name: "Jane Smith", email: "jane.smith@company.com" },
  }),
  new authentik.Invitation("example-internal-department-invitation", {
    flow: internal.id,
    expires: endOf2028,
    fixedData: { attributes: { department: "Engineering", team: "Backend" } },
  }),
  new authentik.Invitation("example-engineering-team-invitation", {
    flow: engineering.id,
    expires: endOf2028,
    fixedData: { attributes: { department: "Engineering" } },
  }),
];

/** By name; secret: `pulumi stack output --show-secrets links`. */
export const links = pulumi
  .all(invitations.map(({ name, link }) => pulumi.all([name, link])))
  .apply((entries) => Object.fromEntries(entries));
