/** The names that objects/index.ts exports. Old states refer to them. */
export type ResourceName = "Flow" | "FlowStageBinding" | "Invitation" | "InvitationBatch" | "InvitationStage";

/**
 * The source code by which Pulumi's provider process loads a resource's dynamic provider. Every state stores it twice per resource, and old
 * states must keep working, so it never changes. The package is resolved from the program's directory, so the installed version runs.
 * `createRequire` also resolves it if the program is part of this package (Node's self-referencing), as at the root of this repository.
 */
export function providerSource(resource: string): string {
  return `exports.handler=()=>require('module').createRequire(process.cwd()+'/')('pulumi-authentik-invitations/provider').${resource}`;
}

/** Whether this is the source code of a resource with this name, which a later version may have added. */
export function isProviderSource(source: unknown, resource: string): boolean {
  return /^[A-Z][A-Za-z]*$/.test(resource) && source === providerSource(resource);
}

/** The type of a dynamic resource. */
export function dynamicType(resource: string): string {
  return `pulumi-nodejs:dynamic/authentik:${resource}`;
}
