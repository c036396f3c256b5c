/**
 * Passes an invitation's link to another provider's resource. The link is a secret output, and so is everything derived from it with
 * `pulumi.interpolate` or `apply`: previews and logs do not show it, and the state stores it encrypted.
 *
 * `Message` (outbox.ts) stands for such a resource. With providers from the Pulumi Registry it could be one of
 *
 *     new vault.generic.Secret("jane", { path: "kv/invitations/jane", dataJson: pulumi.jsonStringify({ link: jane.link }) });
 *     new aws.secretsmanager.SecretVersion("jane", { secretId: secret.id, secretString: link });
 *     new kubernetes.core.v1.Secret("jane", { stringData: { link } });
 *     new github.ActionsSecret("jane", { repository: "onboarding", secretName: "INVITATION", plaintextValue: link });
 *
 * (`@pulumi/vault`, `@pulumi/aws`, `@pulumi/kubernetes`, `@pulumi/github`). To email links, let a service watch that secret store.
 */
import * as pulumi from "@pulumi/pulumi";
import * as authentik from "pulumi-authentik-invitations";
import { Message } from "./outbox";

const enrollment = new authentik.InviteOnlyEnrollment("links", { title: "Welcome" });

const jane = new authentik.Invitation("jane", {
  flow: enrollment.flow,
  validFor: "14d",
  singleUse: true,
  fixedData: { email: "jane@example.com" },
});

// `link` is undefined for an invitation without a flow. This one has a flow.
const link = jane.link.apply((value) => value ?? "");

const message = new Message("jane", {
  to: "jane@example.com",
  body: pulumi.interpolate`Dear Jane, use ${link} to create your account. The link works once, until ${jane.expires}.`,
});

export const sentTo = message.to;
/** Whether the other resource's output is still a secret. */
export const staysSecret = pulumi.output(pulumi.isSecret(message.body));
