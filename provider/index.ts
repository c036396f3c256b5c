export type { CsvDate, CsvInvitation, CsvRow, InvitationsFromCsvOptions } from "./csv/file-options";
export { Flow, type FlowArgs, type FlowState } from "./program/flow";
export {
  FlowStageBinding,
  type FlowStageBindingArgs,
  type FlowStageBindingState,
} from "./program/flow-stage-binding";
export { type GetFlowArgs, type GetFlowResult, getFlow, getFlowOutput } from "./program/get-flow";
export {
  type GetFlowStageBindingResult,
  type GetFlowStageBindingsArgs,
  getFlowStageBindings,
  getFlowStageBindingsOutput,
} from "./program/get-flow-stage-bindings";
export {
  type GetInvitationStageArgs,
  type GetInvitationStageResult,
  getInvitationStage,
  getInvitationStageOutput,
} from "./program/get-invitation-stage";
export {
  type GetInvitationArgs,
  type GetInvitationResult,
  type GetInvitationsArgs,
  getInvitation,
  getInvitationOutput,
  getInvitations,
  getInvitationsOutput,
} from "./program/get-invitations";
export { type GetStageArgs, type GetStageResult, getStage, getStageOutput } from "./program/get-stage";
export { Invitation, type InvitationArgs, type InvitationState } from "./program/invitation";
export { InvitationBatch, type InvitationBatchArgs, type InvitationBatchEntry } from "./program/invitation-batch";
export type { InvitationEmail } from "./program/invitation-email";
export { InvitationStage, type InvitationStageArgs, type InvitationStageState } from "./program/invitation-stage";
export { invitationsFromCsv } from "./program/invitations-from-csv";
export { InviteOnlyEnrollment, type InviteOnlyEnrollmentArgs } from "./program/invite-only-enrollment";
