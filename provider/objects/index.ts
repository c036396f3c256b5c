/**
 * The entry point of Pulumi's provider process. Every state refers to it (see ../common/provider-source.ts), so neither these names nor the subpath
 * `pulumi-authentik-invitations/provider` can ever change.
 */

export { flowOperations as Flow } from "./flow";
export { flowStageBindingOperations as FlowStageBinding } from "./flow-stage-binding";
export { invitationOperations as Invitation } from "./invitation/operations";
export { batchOperations as InvitationBatch } from "./invitation-batch/operations";
export { invitationStageOperations as InvitationStage } from "./invitation-stage";
