/**
 * The same on two authentiks, one for trying things and one that counts. `connection` names the configuration namespace that holds an
 * authentik's address and token:
 *
 *     pulumi config set authentik:url https://authentik.example.com
 *     pulumi config set --secret authentik:token
 *     pulumi config set authentik-staging:url https://staging.authentik.example.com
 *     pulumi config set --secret authentik-staging:token
 *
 * What is missing for `authentik-staging` is an error; it never falls back to the other server's address or token.
 */
import type * as pulumi from "@pulumi/pulumi";
import * as authentik from "pulumi-authentik-invitations";

const connections = { production: "authentik", staging: "authentik-staging" };

const links: Record<string, pulumi.Output<string | undefined>> = {};
for (const [place, connection] of Object.entries(connections)) {
  const partners = new authentik.InviteOnlyEnrollment(`${place}-partners`, {
    slug: "partner-enrollment",
    title: "Welcome, partner",
    connection,
  });
  const invitation = new authentik.Invitation(`${place}-partners`, {
    name: "partners",
    flow: partners.flow,
    // Staging is tried out for a day; partners have until the end of the contract.
    ...(place === "staging" ? { validFor: "1d" } : { expires: "2030-12-31T23:59:59Z" }),
    fixedData: { attributes: { kind: "partner" } },
    connection,
  });
  links[place] = invitation.link;
}

/** Secret: `pulumi stack output --show-secrets links`. */
export { links };
