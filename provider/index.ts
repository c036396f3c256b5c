export { type FoundFlow, type GetFlowArgs, getFlow, getFlowOutput } from "./functions/get-flow";
export {
  type FoundFlowStageBinding,
  type GetFlowStageBindingsArgs,
  getFlowStageBindings,
  getFlowStageBindingsOutput,
} from "./functions/get-flow-stage-bindings";
export {
  type FoundInvitationStage,
  type GetInvitationStageArgs,
  getInvitationStage,
  getInvitationStageOutput,
} from "./functions/get-invitation-stage";
export {
  type FoundInvitation,
  type GetInvitationArgs,
  type GetInvitationsArgs,
  getInvitation,
  getInvitationOutput,
  getInvitations,
  getInvitationsOutput,
} from "./functions/get-invitations";
export { type FoundStage, type GetStageArgs, getStage, getStageOutput } from "./functions/get-stage";
export {
  type CsvDate,
  type CsvInvitation,
  type CsvRow,
  type InvitationsFromCsvOptions,
  invitationsFromCsv,
} from "./functions/invitations-from-csv";
export { Flow, type FlowArgs } from "./resources/flow";
export { FlowStageBinding, type FlowStageBindingArgs } from "./resources/flow-stage-binding";
export { Invitation, type InvitationArgs } from "./resources/invitation";
export { InvitationBatch, type InvitationBatchArgs, type InvitationBatchEntry } from "./resources/invitation-batch";
export type { InvitationEmail } from "./resources/invitation-email";
export { InvitationStage, type InvitationStageArgs } from "./resources/invitation-stage";
export { InviteOnlyEnrollment, type InviteOnlyEnrollmentArgs } from "./resources/invite-only-enrollment";
