/**
 * The program of the live tests: something of every property. All names have a prefix, for it runs against servers that others
 * use. What it holds besides is switched by configuration.
 */
import * as pulumi from "@pulumi/pulumi";
import * as authentik from "pulumi-authentik-invitations";
import { declared, handmade } from "./declared";

const config = new pulumi.Config();
const prefix = config.require("prefix");
const flow = config.require("flow");

const stage = new authentik.InvitationStage(`${prefix}stage`, { continueFlowWithoutInvitation: true });

const dated = new authentik.Invitation(`${prefix}dated`, {
  flow,
  expires: declared.expires,
  singleUse: true,
  fixedData: { email: "live@example.com", attributes: { team: declared.team, since: 2030 } },
});

const lasting = new authentik.Invitation(`${prefix}lasting`, {
  flow,
  validFor: declared.validFor,
  fixedData: { attributes: { stage: stage.id } },
});

const open = new authentik.Invitation(`${prefix}open`, { validFor: "36h" });

new authentik.Invitation(`${prefix}doomed`, { flow, validFor: "1d" });
new authentik.InvitationStage(`${prefix}doomed-stage`);

// Made by hand and taken over: at first with the option `import`, then without it, as the documents advise.
const imports = config.getBoolean("imports");
if (imports !== undefined) {
  const taken = (pk: string): pulumi.CustomResourceOptions => (imports ? { import: config.require(pk) } : {});
  new authentik.Invitation(`${prefix}handmade`, { flow, ...handmade }, taken("handmadeInvitation"));
  new authentik.InvitationStage(`${prefix}handmade-stage`, {}, taken("handmadeStage"));
}

// Only looked at.
const seen = config.getBoolean("look")
  ? {
      invitation: authentik.Invitation.get("seen", config.requireSecret("foreignInvitation")),
      stage: authentik.InvitationStage.get("seen-stage", config.require("foreignStage")),
    }
  : undefined;

export const links = { dated: dated.link, lasting: lasting.link };
export const openLink = open.link.apply((link) => link ?? "none");
export const seenInvitation = seen && {
  name: seen.invitation.name,
  expires: seen.invitation.expires,
  singleUse: seen.invitation.singleUse,
  fixedData: seen.invitation.fixedData,
  flowSlug: seen.invitation.flowSlug,
  status: seen.invitation.status,
  link: seen.invitation.link,
};
export const seenStage = seen && {
  name: seen.stage.name,
  continueFlowWithoutInvitation: seen.stage.continueFlowWithoutInvitation,
};
