/**
 * Invitations for the people in people.csv as one resource, for those in teilnehmer.csv as another, and an enrollment flow that requires an invitation. To invite a person, add a line to
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

/** The participants of a training, from a spreadsheet's export with semicolons, in Windows-1252. */
const training = new authentik.InvitationBatch("training-2035", {
  flow: enrollment.flow,
  singleUse: true,
  invitations: authentik.invitationsFromCsv("teilnehmer.csv", {
    encoding: "windows-1252",
    key: "E-Mail",
    // One person is in the file twice.
    duplicates: "first",
    skip: (row) => row["Status"] === "abgesagt",
    // The links are valid until three days after the start.
    expires: { column: "Startdatum", format: "DD.MM.YYYY", addDays: 3 },
    fixedData: (row) => ({ email: row["E-Mail"], name: `${row["Vorname"]} ${row["Nachname"]}` }),
  }),
});

/** Links by email. Secret: `pulumi stack output --show-secrets links` prints them. */
export const links = intake.links;
export const trainingLinks = training.links;
