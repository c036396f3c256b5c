import * as pulumi from "@pulumi/pulumi";
import * as authentik from "pulumi-authentik-invitations";

// Every authentik has this enrollment flow. To use another one, run `pulumi config set flow <slug>`.
const flow = new pulumi.Config().get("flow") ?? "default-source-enrollment";

// The stage that accepts invitations. A FlowStageBinding binds it to a flow (see the example invitation-enrollment).
const stage = new authentik.InvitationStage("quick-start-invitation");

// For one person: the link works once and expires after two weeks.
const lead = new authentik.Invitation("quick-start-lead", {
  flow,
  validFor: "14d",
  singleUse: true,
  fixedData: { email: "lead@example.com", attributes: { team: "backend", role: "lead" } },
});

// For a whole team: anyone who has the link can enroll until the expiry.
const team = new authentik.Invitation("quick-start-team", {
  flow,
  expires: "2030-12-31T23:59:59Z",
  fixedData: { attributes: { team: "backend" } },
});

// Outputs of other resources as inputs: expires together with the team's invitation and refers to the stage.
const guest = new authentik.Invitation("quick-start-guest", {
  flow,
  expires: team.expires,
  singleUse: true,
  fixedData: { attributes: { team: "guests", invitationStage: stage.id } },
});

export const stageId = stage.id;
// Secret: `pulumi stack output --show-secrets links` prints them.
export const links = { lead: lead.link, team: team.link, guest: guest.link };
