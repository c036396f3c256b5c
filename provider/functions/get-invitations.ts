import * as pulumi from "@pulumi/pulumi";
import type { StoredInvitation } from "../authentik/invitations";
import { canonicalUuid, invitationId } from "../pk";
import { addressOf, linkOf } from "../resources/resource";
import { checkArgs, lookUp, refuse } from "./look-up";

/** How {@link getInvitation} finds the invitation: by exactly one of `pk` and `name`. */
export interface GetInvitationArgs {
  /** UUID. */
  pk?: string;
  /** Names are not unique: a name that several have is an error. */
  name?: string;
  /**
   * The configuration namespace that holds address and token of the authentik to ask.
   *
   * @default "authentik"
   */
  connection?: string;
}

/** What {@link getInvitations} narrows its answer by; nothing gives all. */
export interface GetInvitationsArgs {
  /** Name in authentik, to the letter. */
  name?: string;
  /** Slug of the flow that they are bound to. */
  flowSlug?: string;
  /** Name of the user that created them. */
  createdBy?: string;
  /** RFC 3339: those that expire at just this instant. */
  expires?: string;
  /**
   * The configuration namespace that holds address and token of the authentik to ask.
   *
   * @default "authentik"
   */
  connection?: string;
}

/** An invitation that {@link getInvitation} or {@link getInvitations} has found. */
export interface FoundInvitation {
  /** What stands for the pk where that must not show, as in {@link Invitation}. */
  id: string;
  /** UUID. Secret: who has it may enrol. */
  pk: pulumi.Output<string>;
  /** What the invitee opens. Secret; nothing where there is no flow. */
  link: pulumi.Output<string | undefined>;
  /** Name in authentik. Not unique. */
  name: string;
  /** RFC 3339; nothing where somebody made it unlimited past the API. */
  expires?: string;
  /** Whether its time has passed. A used one is not found: authentik has deleted it. */
  status: "pending" | "expired";
  /** Data for the enrolment. */
  fixedData: Record<string, unknown>;
  /** Whether authentik deletes it when it is used. */
  singleUse: boolean;
  /** UUID of the flow; nothing where any flow takes it. */
  flowPk?: string;
  /** Slug of the flow. */
  flowSlug?: string;
  /** Name of the user whose token issued it. */
  createdBy?: string;
}

/**
 * Finds an invitation by its pk or its name. It asks at preview, too, and once a process.
 *
 * API: `GET /api/v3/stages/invitation/invitations/`.
 *
 * @permissions `authentik_stages_invitation.view_invitation`.
 *
 * @throws if there is none that the token's user may see, or several have the name
 * @throws for arguments that are misspelt, empty, or not exactly one of `pk` and `name`
 *
 * @example
 * ```ts
 * import * as authentik from "pulumi-authentik-invitations";
 *
 * const partners = authentik.getInvitationOutput({ name: "partners-2027" });
 * export const link = partners.link; // secret
 * ```
 */
export async function getInvitation(args: GetInvitationArgs): Promise<FoundInvitation> {
  await checkArgs("getInvitation", args, ["pk", "name", "connection"], ["pk", "name"]);
  const { listInvitations, retrieveInvitation } = await import("../authentik/invitations.js");
  const { NotFoundError } = await import("../authentik/errors.js");
  const { connection } = args;
  if (args.pk !== undefined) {
    const pk = canonicalUuid(args.pk) ?? (await refuse("getInvitation: pk must be a UUID."));
    try {
      const stored = await lookUp(connection, `invitation ${pk}`, ({ client }) => retrieveInvitation(client, pk));
      return describe(stored, connection);
    } catch (error) {
      if (!(error instanceof Error && error.cause instanceof NotFoundError)) throw error;
      return await refuse("getInvitation: authentik has no invitation with this pk that the token's user may see.");
    }
  }
  const name = args.name?.trim() ?? "";
  const only = await lookUp(connection, `invitation ${JSON.stringify({ name })}`, async ({ client }) => {
    const [first, ...others] = await listInvitations(client, { name });
    if (first === undefined)
      return await refuse(
        `getInvitation: authentik has no invitation with the name "${name}" that the token's user may see.`,
      );
    if (others.length > 0) {
      return await refuse(
        `getInvitation: ${others.length + 1} invitations have the name "${name}": give the pk, or use getInvitations.`,
      );
    }
    return first;
  });
  return describe(only, connection);
}

/**
 * Finds all invitations that fit, on all pages, ordered by pk. It asks at preview, too, and once a process.
 *
 * API: `GET /api/v3/stages/invitation/invitations/`.
 *
 * @permissions `authentik_stages_invitation.view_invitation`.
 *
 * @throws if the token's user may view none
 * @throws for arguments that are misspelt or empty, which authentik would take for none
 *
 * @example
 * ```ts
 * import * as authentik from "pulumi-authentik-invitations";
 *
 * const invitations = authentik.getInvitationsOutput({ flowSlug: "enrollment" });
 * export const names = invitations.apply((all) => all.map(({ name }) => name));
 * ```
 */
export async function getInvitations(args: GetInvitationsArgs = {}): Promise<FoundInvitation[]> {
  await checkArgs("getInvitations", args, ["name", "flowSlug", "createdBy", "expires", "connection"]);
  const { listInvitations } = await import("../authentik/invitations.js");
  const { connection, ...filters } = args;
  const stored = await lookUp(connection, `invitations ${JSON.stringify(filters)}`, ({ client }) =>
    listInvitations(client, filters),
  );
  return stored.map((one) => describe(one, connection));
}

/** Like {@link getInvitation}, of arguments that other resources give. The answer is secret as a whole, for a part of it is. */
export function getInvitationOutput(
  args: {
    [Name in keyof GetInvitationArgs]: pulumi.Input<GetInvitationArgs[Name]>;
  },
): pulumi.Output<pulumi.Unwrap<FoundInvitation>> {
  return pulumi.output(args).apply((known) => pulumi.output(getInvitation(known as GetInvitationArgs)));
}

/** Like {@link getInvitations}, of arguments that other resources give. The answer is secret as a whole, for a part of it is. */
export function getInvitationsOutput(
  args: {
    [Name in keyof GetInvitationsArgs]: pulumi.Input<GetInvitationsArgs[Name]>;
  } = {},
): pulumi.Output<pulumi.Unwrap<FoundInvitation[]>> {
  return pulumi.output(args).apply((known) => pulumi.output(getInvitations(known as GetInvitationsArgs)));
}

function describe(stored: StoredInvitation, connection: string | undefined): FoundInvitation {
  const { pk, name, expires, fixedData, singleUse, flow, flowSlug, createdBy } = stored;
  const isExpired = expires !== null && Date.parse(expires) <= Date.now();
  return {
    id: invitationId(pk),
    pk: pulumi.secret(pk),
    link: pulumi.secret(linkOf(addressOf(connection), flowSlug, pk)),
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
