/**
 * The modules that tests of HTTP requests import and the package does not export. scripts/bundle.mjs bundles them in the same chunks as the package, and
 * jest.config.js resolves imports of this file to the result, `dist/bundle-internals.js`. So these tests run the code that ships. The package
 * does not include that file.
 */
import { invitations } from "../provider/objects/invitation/requests";
import { invitationStages } from "../provider/objects/invitation-stage";

export { Client, type ClientRequest } from "../provider/authentik/client";
export * from "../provider/authentik/errors";
export * from "../provider/authentik/events";
export { type HttpResponse, type Limits, Transport, type TransportRequest } from "../provider/authentik/transport";
export { readInvitations } from "../provider/commands/export/snapshot";
export { planRecovery } from "../provider/commands/recover/plan";
export { secretInputsInput } from "../provider/common/secret-inputs";
export { type Connection, connect } from "../provider/lifecycle/connections";
export { InvitationReader } from "../provider/objects/invitation/reader";
export { listInvitations } from "../provider/objects/invitation/requests";
export { listStages } from "../provider/objects/stage";

export const { create: createInvitation, retrieve: retrieveInvitation, delete: deleteInvitation } = invitations;
export const { create: createInvitationStage, retrieve: retrieveInvitationStage } = invitationStages;

/** What the classes are generated from. */
export { connectionProperty, permission } from "../provider/objects/declaration";
export { flow } from "../provider/objects/flow";
export { flowStageBinding } from "../provider/objects/flow-stage-binding";
export { invitation } from "../provider/objects/invitation/declaration";
export { entryProperties, invitationBatch, sharedNames } from "../provider/objects/invitation-batch/declaration";
export { invitationStage } from "../provider/objects/invitation-stage";
export type { Lookup } from "../provider/objects/lookup";
export { lookups } from "../provider/objects/lookups";
export { connectionInput } from "../provider/objects/property";
export { providerInputNames, secretOutputNames } from "../provider/plugin/schema";
export { ProviderService } from "../provider/plugin/service";
