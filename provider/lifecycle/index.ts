/**
 * What Pulumi's provider process loads, by the text that stands in every state (see ../resources/provider-text.ts):
 * these names, and the subpath `pulumi-authentik-invitations/provider`, stay as they are for ever.
 */
export { invitationProvider as Invitation } from "./invitation";
export { invitationStageProvider as InvitationStage } from "./invitation-stage";
