/**
 * The entry point of Pulumi's provider process. Every state refers to it (see ../resources/resource.ts), so neither these names nor the subpath
 * `pulumi-authentik-invitations/provider` can ever change.
 */

export { batchProvider as InvitationBatch } from "./batch/provider";
export { invitationProvider as Invitation } from "./invitation/provider";
export { flowProvider as Flow } from "./objects/flow";
export { flowStageBindingProvider as FlowStageBinding } from "./objects/flow-stage-binding";
export { invitationStageProvider as InvitationStage } from "./objects/invitation-stage";
