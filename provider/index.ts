export { type GetFlowArgs, type GetFlowResult, getFlow, getFlowOutput } from "./functions/get-flow";
export {
  type GetFlowStageBindingResult,
  type GetFlowStageBindingsArgs,
  getFlowStageBindings,
  getFlowStageBindingsOutput,
} from "./functions/get-flow-stage-bindings";
export {
  type GetInvitationStageArgs,
  type GetInvitationStageResult,
  getInvitationStage,
  getInvitationStageOutput,
} from "./functions/get-invitation-stage";
export {
  type GetInvitationArgs,
  type GetInvitationResult,
  type GetInvitationsArgs,
  getInvitation,
  getInvitationOutput,
  getInvitations,
  getInvitationsOutput,
} from "./functions/get-invitations";
export { type GetStageArgs, type GetStageResult, getStage, getStageOutput } from "./functions/get-stage";
export {
  type CsvDate,
  type CsvInvitation,
  type CsvRow,
  type InvitationsFromCsvOptions,
  invitationsFromCsv,
} from "./functions/invitations-from-csv";
export { Flow, type FlowArgs, type FlowState } from "./resources/flow";
export {
  FlowStageBinding,
  type FlowStageBindingArgs,
  type FlowStageBindingState,
} from "./resources/flow-stage-binding";
export { Invitation, type InvitationArgs, type InvitationState } from "./resources/invitation";
export { InvitationBatch, type InvitationBatchArgs, type InvitationBatchEntry } from "./resources/invitation-batch";
export type { InvitationEmail } from "./resources/invitation-email";
export { InvitationStage, type InvitationStageArgs, type InvitationStageState } from "./resources/invitation-stage";
export { InviteOnlyEnrollment, type InviteOnlyEnrollmentArgs } from "./resources/invite-only-enrollment";
