export { type Flow, type GetFlowArgs, getFlow, getFlowOutput } from "./functions/get-flow";
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
export { Invitation, type InvitationArgs } from "./resources/invitation";
export { InvitationStage, type InvitationStageArgs } from "./resources/invitation-stage";
