// The flow "staff-enrollment" of authentik at "https://authentik.example.com", written by `pulumi-authentik-invitations export`.
//
// The first `pulumi up` imports everything and changes nothing in authentik. Then remove the `import` options.
// The invitations' pks are secrets in the stack's configuration. `export --commands` prints the commands that set them.
// `fixedData` is plaintext here. Wrap it in `pulumi.secret(…)` if it contains secrets or personal data.
import * as pulumi from "@pulumi/pulumi";
import * as authentik from "pulumi-authentik-invitations";

const config = new pulumi.Config();

const flow = new authentik.Flow(
  "staff-enrollment",
  {
    name: "Staff enrollment",
    title: "Welcome to the staff",
    designation: "enrollment",
    authentication: "require_unauthenticated",
  },
  { import: "aad28120-4540-40c2-b707-d0a73a903ad1" },
);

const staffInvitationStage = new authentik.InvitationStage(
  "Staff invitation",
  {},
  { import: "1ec2c69a-7872-458e-a71a-5b60f5e80de1" },
);

const defaultSourceEnrollmentPromptStage = authentik.getStageOutput({ name: "default-source-enrollment-prompt" });

const defaultPasswordChangePromptStage = authentik.getStageOutput({ name: "default-password-change-prompt" });

const defaultSourceEnrollmentWriteStage = authentik.getStageOutput({ name: "default-source-enrollment-write" });

const defaultSourceEnrollmentLoginStage = authentik.getStageOutput({ name: "default-source-enrollment-login" });

new authentik.FlowStageBinding(
  "staff-enrollment-Staff invitation",
  {
    target: flow.id,
    stage: staffInvitationStage.id,
    order: 0,
  },
  { import: "0e6e9925-a3fa-4425-9ab7-be2971ddfd5c" },
);

new authentik.FlowStageBinding(
  "staff-enrollment-default-source-enrollment-prompt",
  {
    target: flow.id,
    stage: defaultSourceEnrollmentPromptStage.pk,
    order: 10,
    evaluateOnPlan: true,
    reEvaluatePolicies: false,
  },
  { import: "cde4d105-0bbc-446a-a3d0-769b0690b6fe" },
);

new authentik.FlowStageBinding(
  "staff-enrollment-default-password-change-prompt",
  {
    target: flow.id,
    stage: defaultPasswordChangePromptStage.pk,
    order: 20,
    evaluateOnPlan: true,
    reEvaluatePolicies: false,
  },
  { import: "065c3e59-214a-4f66-86ac-c77ad7de5252" },
);

new authentik.FlowStageBinding(
  "staff-enrollment-default-source-enrollment-write",
  {
    target: flow.id,
    stage: defaultSourceEnrollmentWriteStage.pk,
    order: 30,
    evaluateOnPlan: true,
    reEvaluatePolicies: false,
  },
  { import: "fb26d5e5-cc83-432e-b73d-a9f5de29c908" },
);

new authentik.FlowStageBinding(
  "staff-enrollment-default-source-enrollment-login",
  {
    target: flow.id,
    stage: defaultSourceEnrollmentLoginStage.pk,
    order: 40,
    evaluateOnPlan: true,
    reEvaluatePolicies: false,
  },
  { import: "cc8b8c63-acb3-45ef-8cb1-10c876fa0150" },
);

new authentik.Invitation(
  "contractors",
  {
    flow: flow.id,
    expires: "2030-12-31T23:59:59Z",
    fixedData: {
      attributes: {
        kind: "contractor",
        sites: ["Bern", "Wien"],
      },
    },
  },
  { import: config.require("pk-contractors") },
);

new authentik.Invitation(
  "contractors-2",
  {
    flow: flow.id,
    name: "contractors",
    expires: "2031-12-31T23:59:59Z",
  },
  { import: config.require("pk-contractors-2") },
);

new authentik.Invitation(
  "jane",
  {
    flow: flow.id,
    expires: "2030-12-31T23:59:59Z",
    fixedData: {
      name: "Jane",
      email: "jane@example.com",
    },
    singleUse: true,
  },
  { import: config.require("pk-jane") },
);

// The invitation "summer-2020": it expired at 2020-08-31T23:59:59Z, and authentik will delete it.
