/**
 * The same enrollment on two authentik servers, staging and production. `connection` names the configuration namespace that holds a
 * server's URL and token. A missing setting of `authentik-staging` is an error, and never falls back to the other server's setting.
 */
import type * as pulumi from "@pulumi/pulumi";
import * as authentik from "pulumi-authentik-invitations";

const connections = { production: "authentik", staging: "authentik-staging" };

const links: Record<string, pulumi.Output<string | undefined>> = {};
for (const [server, connection] of Object.entries(connections)) {
  const partners = new authentik.InviteOnlyEnrollment(`${server}-partners`, {
    slug: "partner-enrollment",
    title: "Welcome, partner",
    connection,
  });
  const invitation = new authentik.Invitation(`${server}-partners`, {
    name: "partners",
    flow: partners.flow,
    // On staging a day is enough for a test. In production the link works until the partners' contract ends.
    ...(server === "staging" ? { validFor: "1d" } : { expires: "2030-12-31T23:59:59Z" }),
    fixedData: { attributes: { kind: "partner" } },
    connection,
  });
  links[server] = invitation.link;
}

/** Links by server. Secret: `pulumi stack output --show-secrets links` prints them. */
export { links };
