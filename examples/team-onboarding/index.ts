/**
 * One invitation for each person in people.yaml, and an enrollment flow that requires an invitation. To invite a person, add three lines
 * to that file: the preview in the pull request shows one invitation, and `pulumi up` after the merge creates it.
 */
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import * as authentik from "pulumi-authentik-invitations";
import { readPeople } from "./people";

/** Whether authentik emails each person their link. */
const sendEmail = new pulumi.Config().getBoolean("sendEmail") ?? false;

const people = readPeople(join(__dirname, "people.yaml"));

const team = new authentik.InviteOnlyEnrollment("team", { slug: "team-enrollment", title: "Welcome to the team" });

const invitations = people.map(({ email, name, team: group, until }) => {
  // The email identifies the invitation, so reordering the file or correcting a name affects no other invitation.
  const key = email.toLowerCase();
  const invitation = new authentik.Invitation(key, {
    name: key.replaceAll(/[^a-z0-9]+/g, "-").slice(0, 50),
    flow: team.flow,
    ...(until === undefined ? { validFor: "14d" } : { expires: `${until}T23:59:59Z` }),
    singleUse: true,
    fixedData: { email, name, attributes: { team: group } },
    ...(sendEmail ? { email: { to: [email] } } : {}),
  });
  return [key, invitation.link] as const;
});

/** Links by email. Secret: `pulumi stack output --show-secrets links` prints them. */
export const links = Object.fromEntries(invitations);
