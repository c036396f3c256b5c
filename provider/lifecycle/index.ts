/**
 * What Pulumi's provider process loads, by the text that stands in every state (see ../resources/resource.ts):
 * these names, and the subpath `pulumi-authentik-invitations/provider`, stay as they are for ever.
 */

export { flowProvider as Flow } from "./flow";
export { flowStageBindingProvider as FlowStageBinding } from "./flow-stage-binding";
export { invitationProvider as Invitation } from "./invitation";
export { invitationStageProvider as InvitationStage } from "./invitation-stage";
