export { Invitation, type InvitationArgs } from "./resources/invitation";
export { type FlowOfStage, InvitationStage, type InvitationStageArgs } from "./resources/invitation-stage";
