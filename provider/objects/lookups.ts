import { NotFoundError } from "../authentik/errors";
import { listStages, type StoredStage } from "../authentik/stages";
import { missingStagesError } from "../common/enrollment";
import { formatLink } from "../common/link";
import { invitationId, normalizeUuid } from "../common/pk";
import type { Connection } from "../lifecycle/connections";
import { UserError } from "../lifecycle/user-error";
import { type FlowSummary, findFlowSummary } from "./flow";
import { listFlowStageBindings, type StoredFlowStageBinding } from "./flow-stage-binding";
import { invitations, listInvitations, type StoredInvitation } from "./invitation/requests";
import { findInvitationStage, type StoredInvitationStage } from "./invitation-stage";

type Connected = Pick<Connection, "client">;

/** The flow with this slug or pk. */
export async function lookUpFlow({ client }: Connected, args: { slug?: string; pk?: string }): Promise<FlowSummary> {
  const pk = args.pk === undefined ? undefined : requirePk("getFlow", args.pk);
  const flow = await findFlowSummary(client, pk === undefined ? { slug: args.slug?.trim() ?? "" } : { pk });
  if (flow) return flow;
  const description = pk === undefined ? `slug "${args.slug}"` : `pk ${pk}`;
  throw new UserError(
    `getFlow: authentik has no flow with the ${description} that the token's user is allowed to view.`,
  );
}

/** The invitation stage with this name or pk. */
export async function lookUpInvitationStage(
  { client }: Connected,
  args: { name?: string; pk?: string },
): Promise<StoredInvitationStage> {
  const pk = args.pk === undefined ? undefined : requirePk("getInvitationStage", args.pk);
  const found = await findInvitationStage(client, pk === undefined ? { name: args.name?.trim() ?? "" } : { pk });
  if (found) return found;
  const description = pk === undefined ? `name "${args.name}"` : `pk ${pk}`;
  throw new UserError(
    `getInvitationStage: authentik has no invitation stage with the ${description} that the token's user is allowed to view.`,
  );
}

/** The pks of an enrollment's stages, by their names. One error lists all that are missing. */
export async function lookUpEnrollmentStages(
  connection: Pick<Connection, "client" | "cached">,
  component: string,
  names: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const stages = await Promise.all(
    names.map(async (name) => {
      const found = await connection.cached(`stage ${name.trim()}`, () =>
        listStages(connection.client, { name: name.trim() }),
      );
      return [name, found[0]?.pk] as const;
    }),
  );
  const missing = stages.filter(([, pk]) => pk === undefined).map(([name]) => name);
  if (missing.length > 0)
    throw new UserError(missingStagesError(component, missing, await describeExistingStages(connection.client)));
  return new Map(stages as [string, string][]);
}

/** The stage of any kind with this name, which no two stages have. */
export async function lookUpStage({ client }: Connected, { name }: { name: string }): Promise<StoredStage> {
  const [stage] = await listStages(client, { name: name.trim() });
  if (stage) return stage;
  throw new UserError(
    `getStage: authentik has no stage with the name "${name.trim()}" that the token's user is allowed to view.${await describeExistingStages(client)}`,
  );
}

/** An invitation as lookups return it. Its pk and link are secrets. */
export interface InvitationSummary {
  readonly id: string;
  readonly pk: string;
  readonly link: string | undefined;
  readonly name: string;
  readonly expires: string | undefined;
  readonly status: "pending" | "expired";
  readonly fixedData: Record<string, unknown>;
  readonly singleUse: boolean;
  readonly flowPk: string | undefined;
  readonly flowSlug: string | undefined;
  readonly createdBy: string | undefined;
}

type ConnectedWithLinks = Pick<Connection, "client" | "publicUrl">;

/** The invitation with this pk or name. */
export async function lookUpInvitation(
  connection: ConnectedWithLinks,
  args: { pk?: string; name?: string },
): Promise<InvitationSummary> {
  if (args.pk !== undefined) {
    const pk = requirePk("getInvitation", args.pk);
    try {
      return toSummary(await invitations.retrieve(connection.client, pk), connection);
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
      throw new UserError(
        "getInvitation: authentik has no invitation with this pk that the token's user is allowed to view.",
      );
    }
  }
  const name = args.name?.trim() ?? "";
  const [first, ...others] = await listInvitations(connection.client, { name });
  if (first === undefined) {
    throw new UserError(
      `getInvitation: authentik has no invitation with the name "${name}" that the token's user is allowed to view.`,
    );
  }
  if (others.length > 0) {
    throw new UserError(
      `getInvitation: ${others.length + 1} invitations have the name "${name}". Set pk instead, or use getInvitations.`,
    );
  }
  return toSummary(first, connection);
}

/** The invitations that match the filters, sorted by pk. */
export async function lookUpInvitations(
  connection: ConnectedWithLinks,
  filters: { name?: string; flowSlug?: string; createdBy?: string; expires?: string },
): Promise<InvitationSummary[]> {
  const found = await listInvitations(connection.client, filters);
  return found.map((invitation) => toSummary(invitation, connection));
}

function toSummary(stored: StoredInvitation, { publicUrl }: Pick<Connection, "publicUrl">): InvitationSummary {
  const { pk, name, expires, fixedData, singleUse, flow, flowSlug, createdBy } = stored;
  const isExpired = expires !== null && Date.parse(expires) <= Date.now();
  return {
    id: invitationId(pk),
    pk,
    link: formatLink(publicUrl, flowSlug, pk),
    name,
    expires: expires ?? undefined,
    status: isExpired ? "expired" : "pending",
    fixedData: { ...fixedData },
    singleUse,
    flowPk: flow ?? undefined,
    flowSlug,
    createdBy,
  };
}

/** The bindings of the flow with this slug or pk, sorted by their order. */
export async function lookUpFlowStageBindings(
  connection: Pick<Connection, "client" | "flowPk">,
  args: { flow: string },
): Promise<StoredFlowStageBinding[]> {
  const flow = args.flow.trim();
  return await listFlowStageBindings(connection.client, normalizeUuid(flow) ?? (await connection.flowPk(flow)));
}

/** The end of an error about a stage that does not exist. */
export async function describeExistingStages(client: Connected["client"]): Promise<string> {
  // A failing list must not hide that the stage does not exist.
  const all = await listStages(client).catch(() => []);
  const names = all.map(({ name }) => name).sort();
  return names.length > 0 ? ` Existing stages: ${names.join(", ")}.` : "";
}

function requirePk(functionName: string, value: string): string {
  const pk = normalizeUuid(value);
  if (pk === undefined) throw new UserError(`${functionName}: pk must be a UUID.`);
  return pk;
}

/**
 * Says what is wrong with a lookup's arguments. authentik ignores unknown and empty filters (case `list.name.empty`), so a misspelled argument or an
 * unset variable would match everything.
 */
export function argumentError(
  functionName: string,
  args: Readonly<Record<string, unknown>>,
  names: readonly string[],
  exactlyOneOf?: readonly string[],
): string | undefined {
  const set = Object.entries(args).filter(([, value]) => value !== undefined);
  const unknown = set.find(([name]) => !names.includes(name));
  if (unknown) return `${functionName}: unknown argument ${unknown[0]}. The arguments are ${names.join(", ")}.`;
  const notString = set.find(([, value]) => typeof value !== "string");
  if (notString) return `${functionName}: ${notString[0]} must be a string.`;
  const empty = set.find(([, value]) => String(value).trim() === "");
  if (empty) return `${functionName}: ${empty[0]} must not be empty.`;
  if (exactlyOneOf && set.filter(([name]) => exactlyOneOf.includes(name)).length !== 1) {
    const required =
      exactlyOneOf.length === 1 ? `${exactlyOneOf[0]} is required` : `set exactly one of ${exactlyOneOf.join(" and ")}`;
    return `${functionName}: ${required}.`;
  }
  return undefined;
}
