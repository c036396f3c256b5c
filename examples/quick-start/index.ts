import * as authentik from "pulumi-authentik-invitations";

// A flow that requires an invitation. Invitees choose a username and a password.
const enrollment = new authentik.InviteOnlyEnrollment("quick-start", { title: "Welcome" });

// For one person: the link works once and expires after two weeks.
const lead = new authentik.Invitation("quick-start-lead", {
  flow: enrollment.flow,
  validFor: "14d",
  singleUse: true,
  fixedData: { email: "lead@example.com", attributes: { team: "backend", role: "lead" } },
});

// For a whole team: anyone who has the link can enroll until it expires.
const team = new authentik.Invitation("quick-start-team", {
  flow: enrollment.flow,
  expires: "2030-12-31T23:59:59Z",
  fixedData: { attributes: { team: "backend" } },
});

// An output of another resource as an input: expires together with the team's invitation.
const guest = new authentik.Invitation("quick-start-guest", {
  flow: enrollment.flow,
  expires: team.expires,
  singleUse: true,
  fixedData: { attributes: { team: "guests" } },
});

// Secret: `pulumi stack output --show-secrets links` prints them.
export const links = { lead: lead.link, team: team.link, guest: guest.link };
