/**
 * Invitations for the people in people.csv as one resource, and an enrollment flow that requires an invitation. To invite a person, add a line to
 * that file: the preview in the pull request shows it, and `pulumi up` after the merge creates the invitation.
 */
import * as pulumi from "@pulumi/pulumi";
import * as authentik from "pulumi-authentik-invitations";

/** Whether authentik emails each person their link. */
const sendEmail = new pulumi.Config().getBoolean("sendEmail") ?? false;

const enrollment = new authentik.InviteOnlyEnrollment("intake", { slug: "intake-enrollment", title: "Welcome" });

const intake = new authentik.InvitationBatch("intake-2027", {
  flow: enrollment.flow,
  validFor: "14d",
  singleUse: true,
  fixedData: { attributes: { cohort: "2027" } },
  invitations: authentik.invitationsFromCsv("people.csv", {
    // The email identifies the invitation, so reordering the file or correcting a name affects no other invitation.
    key: "email",
    expires: "expires",
    ...(sendEmail ? { email: "email" } : {}),
    fixedData: ({ email, name, team }) => ({ email, name, attributes: { team } }),
  }),
});

/** Links by email. Secret: `pulumi stack output --show-secrets links` prints them. */
export const links = intake.links;
