/**
 * The entry point of Pulumi's provider process. Every state refers to it (see ../program/resource.ts), so neither these names nor the subpath
 * `pulumi-authentik-invitations/provider` can ever change.
 */

export { flowProvider as Flow } from "./flow";
export { flowStageBindingProvider as FlowStageBinding } from "./flow-stage-binding";
export { invitationProvider as Invitation } from "./invitation/provider";
export { batchProvider as InvitationBatch } from "./invitation-batch/provider";
export { invitationStageProvider as InvitationStage } from "./invitation-stage";
