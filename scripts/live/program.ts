/**
 * The program of the live tests, which sets every property at least once. All names have a prefix, because the server may be in use. The
 * configuration has the pks of the objects to import and to read.
 */
import * as pulumi from "@pulumi/pulumi";
import * as authentik from "pulumi-authentik-invitations";
import { declared, type ExternalPks, external } from "./values";

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

// First with the resource option `import`, then without it, as the documentation recommends.
const { imported = [], existing: [invitationPk, stagePk] = [] } = config.getObject<ExternalPks>("external") ?? {};
if (config.get("external") !== undefined) {
  const [invitationImport, stageImport] = imported.map((pk) => ({ import: pk }));
  new authentik.Invitation(`${prefix}imported`, { flow, ...external }, invitationImport);
  new authentik.InvitationStage(`${prefix}imported-stage`, { continueFlowWithoutInvitation: true }, stageImport);
}

const existing = invitationPk &&
  stagePk && {
    invitation: authentik.Invitation.get("existing", pulumi.secret(invitationPk)),
    stage: authentik.InvitationStage.get("existing-stage", stagePk),
  };

export const links = { dated: dated.link, lasting: lasting.link };
export const openLink = open.link.apply((link) => link ?? "none");
export const existingInvitation = existing && {
  name: existing.invitation.name,
  expires: existing.invitation.expires,
  singleUse: existing.invitation.singleUse,
  fixedData: existing.invitation.fixedData,
  flowSlug: existing.invitation.flowSlug,
  status: existing.invitation.status,
  link: existing.invitation.link,
};
export const existingStage = existing && {
  name: existing.stage.name,
  continueFlowWithoutInvitation: existing.stage.continueFlowWithoutInvitation,
};
