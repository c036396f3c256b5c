import * as pulumi from "@pulumi/pulumi";
import * as authentik from "pulumi-authentik-invitations";

// An enrollment flow that every authentik has; name your own with `pulumi config set flow …`.
const flow = new pulumi.Config().get("flow") ?? "default-source-enrollment";

// The step of a flow that takes invitations. A FlowStageBinding puts it into the flow (see examples/invitation-enrollment).
const stage = new authentik.InvitationStage("quick-start-invitation");

// For one person: the link works once, for two weeks from now.
const lead = new authentik.Invitation("quick-start-lead", {
  flow,
  validFor: "14d",
  singleUse: true,
  fixedData: { email: "lead@example.com", attributes: { team: "backend", role: "lead" } },
});

// For a whole team, until a fixed day: anybody who has the link may enrol.
const team = new authentik.Invitation("quick-start-team", {
  flow,
  expires: "2030-12-31T23:59:59Z",
  fixedData: { attributes: { team: "backend" } },
});

// Chained: it ends when the team's does, and says which stage it was made for.
const guest = new authentik.Invitation("quick-start-guest", {
  flow,
  expires: team.expires,
  singleUse: true,
  fixedData: { attributes: { team: "guests", invitationStage: stage.id } },
});

export const stageId = stage.id;
// Secret: `pulumi stack output --show-secrets links` shows them.
export const links = { lead: lead.link, team: team.link, guest: guest.link };
