import { getFlow } from "./flow";
import { getFlowStageBindings } from "./flow-stage-binding";
import { getInvitation, getInvitations } from "./invitation/lookups";
import { getInvitationStage } from "./invitation-stage";
import type { Lookup } from "./lookup";
import { getStage } from "./stage";

export { argumentError, hasLink, lookupKey, protectSecrets } from "./lookup";
export { lookUpEnrollmentStages } from "./stage";

/** The lookups, by the name of the function. */
export const lookups: ReadonlyMap<string, Lookup> = new Map(
  [getFlow, getFlowStageBindings, getInvitationStage, getInvitation, getInvitations, getStage].map((lookup) => [
    lookup.name,
    lookup as Lookup,
  ]),
);
