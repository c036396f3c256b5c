export type { CsvDate, CsvInvitation, CsvRow, InvitationsFromCsvOptions } from "./csv/file-options";
export { Flow, type FlowArgs, type FlowState } from "./program/flow";
export {
  FlowStageBinding,
  type FlowStageBindingArgs,
  type FlowStageBindingState,
} from "./program/flow-stage-binding";
export { Invitation, type InvitationArgs, type InvitationState } from "./program/invitation";
export { InvitationBatch, type InvitationBatchArgs, type InvitationBatchEntry } from "./program/invitation-batch";
export type { InvitationEmail } from "./program/invitation-email";
export { InvitationStage, type InvitationStageArgs, type InvitationStageState } from "./program/invitation-stage";
export { invitationsFromCsv } from "./program/invitations-from-csv";
export { InviteOnlyEnrollment, type InviteOnlyEnrollmentArgs } from "./program/invite-only-enrollment";
export * from "./program/lookups";
