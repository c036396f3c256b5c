/**
 * A link that is handed to another provider's resource. It is a secret output, and what is made of it by `pulumi.interpolate` and `apply` is
 * secret, too: it shows in no preview and no log, and stands in the state encrypted. Nobody copies it by hand.
 *
 * `Letter` (outbox.ts) stands for such a resource. With providers of Pulumi's registry it would be one of
 *
 *     new vault.generic.Secret("jane", { path: "kv/invitations/jane", dataJson: pulumi.jsonStringify({ link: jane.link }) });
 *     new aws.secretsmanager.SecretVersion("jane", { secretId: secret.id, secretString: link });
 *     new kubernetes.core.v1.Secret("jane", { stringData: { link } });
 *     new github.ActionsSecret("jane", { repository: "onboarding", secretName: "INVITATION", plaintextValue: link });
 *
 * (`@pulumi/vault`, `@pulumi/aws`, `@pulumi/kubernetes`, `@pulumi/github`). A mail is best sent by what watches such a store.
 */
import * as pulumi from "@pulumi/pulumi";
import * as authentik from "pulumi-authentik-invitations";
import { Letter } from "./outbox";

const jane = new authentik.Invitation("jane", {
  flow: "default-source-enrollment",
  validFor: "14d",
  singleUse: true,
  fixedData: { email: "jane@example.com" },
});

// There is no link where there is no flow; this invitation has one.
const link = jane.link.apply((text) => text ?? "");

const letter = new Letter("jane", {
  to: "jane@example.com",
  text: pulumi.interpolate`Dear Jane, ${link} is yours alone, and works once, until ${jane.expires}.`,
});

export const sentTo = letter.to;
/** Whether what came out of the other resource is secret still. */
export const staysSecret = pulumi.output(pulumi.isSecret(letter.text));
