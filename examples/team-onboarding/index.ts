/**
 * One invitation for each person in people.yaml, and the flow that takes them. Who joins the team adds three lines to that file: the
 * preview in the pull request shows one invitation, and the merge issues it.
 */
import { join } from "node:path";
import * as authentik from "pulumi-authentik-invitations";
import { readPeople } from "./people";

const people = readPeople(join(__dirname, "people.yaml"));

const team = new authentik.InviteOnlyEnrollment("team", { slug: "team-enrollment", title: "Welcome to the team" });

const invitations = people.map(({ email, name, team: group, until }) => {
  // The address is what tells one person from another: the order of the file, and a corrected name, change no other invitation.
  const key = email.toLowerCase();
  const invitation = new authentik.Invitation(key, {
    name: key.replaceAll(/[^a-z0-9]+/g, "-").slice(0, 50),
    flow: team.flow,
    ...(until === undefined ? { validFor: "14d" } : { expires: `${until}T23:59:59Z` }),
    singleUse: true,
    fixedData: { email, name, attributes: { team: group } },
  });
  return [key, invitation.link] as const;
});

/** By address; secret: `pulumi stack output --show-secrets links`. */
export const links = Object.fromEntries(invitations);
