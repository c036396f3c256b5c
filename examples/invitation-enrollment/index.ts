/**
 * The flows, invitation stages, bindings and invitations of authentik's example blueprint "Example - Invitation-based Enrollment"
 * (`blueprints/example/flows-invitation-enrollment.yaml`). Unlike the blueprint, this program exports the invitations' links, detects
 * changes made outside Pulumi, and deletes what you remove from it.
 *
 * This package does not manage the blueprint's other objects (prompts, user write and user login stages, a group). To bind the
 * blueprint's stages or your own, set `followUps` (see README.md).
 */
import * as pulumi from "@pulumi/pulumi";
import * as authentik from "pulumi-authentik-invitations";

/** Creates a flow with its invitation stage. As in the blueprint, `order: 5` puts the stage before all others. */
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
  // Names of existing stages, set with `pulumi config set --path 'followUps.external[0]' <name>`.
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

/** In the blueprint this invitation has no expiry. The API does not allow that: without `expires` it expires after 30 minutes. */
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

/** Links by name. Secret: `pulumi stack output --show-secrets links` prints them. */
export const links = pulumi
  .all(invitations.map(({ name, link }) => pulumi.all([name, link])))
  .apply((entries) => Object.fromEntries(entries));
