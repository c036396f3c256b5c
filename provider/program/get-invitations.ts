import * as pulumi from "@pulumi/pulumi";
import { normalizeUuid } from "../common/pk";
import type { InvitationSummary } from "../objects/lookups";
import { warnAboutLinkHost } from "./link-warnings";
import { callMock, lookup, lookupOutput, validateArgs, validateOptions } from "./lookup";

/** Arguments of {@link getInvitation}: exactly one of `pk` and `name`. */
export interface GetInvitationArgs {
  /** UUID of the invitation. */
  pk?: string;
  /** Name in authentik. Names are not unique: if several invitations match, the lookup fails. */
  name?: string;
  /**
   * Configuration namespace with the URL and token of the authentik to use.
   *
   * @default "authentik"
   */
  connection?: string;
}

/** Filters of {@link getInvitations}. Without any, it returns all invitations. */
export interface GetInvitationsArgs {
  /** Name in authentik, matched exactly. */
  name?: string;
  /** Slug of the invitations' flow. */
  flowSlug?: string;
  /** Username of the user who created them. */
  createdBy?: string;
  /** Exact expiry, RFC 3339. */
  expires?: string;
  /**
   * Configuration namespace with the URL and token of the authentik to use.
   *
   * @default "authentik"
   */
  connection?: string;
}

/** An invitation, as returned by {@link getInvitation} and {@link getInvitations}. */
export interface GetInvitationResult {
  /** Opaque id, derived from the pk: the same as the `id` of an {@link Invitation}. */
  id: string;
  /** UUID of the invitation. Secret: whoever has it can enroll. */
  pk: pulumi.Output<string>;
  /** The link that the invitee opens. Secret. `undefined` without a flow or a configured URL. */
  link: pulumi.Output<string | undefined>;
  /** Name in authentik. Not unique. */
  name: string;
  /** RFC 3339. `undefined` if it never expires, which cannot be set through the API. */
  expires?: string;
  /** Whether it has expired. Used single-use invitations are not returned, because authentik has deleted them. */
  status: "pending" | "expired";
  /** Data for the enrollment. */
  fixedData: Record<string, unknown>;
  /** Whether authentik deletes it after its first use. */
  singleUse: boolean;
  /** UUID of the flow. `undefined` if any flow accepts it. */
  flowPk?: string;
  /** Slug of the flow. */
  flowSlug?: string;
  /** Username of the user whose token created it. */
  createdBy?: string;
}

/**
 * Looks up an invitation by its pk or name. Also runs during previews. Equal lookups in one run share a request.
 *
 * API: `GET /api/v3/stages/invitation/invitations/`.
 *
 * @permissions `authentik_stages_invitation.view_invitation`.
 *
 * @throws if there is no such invitation that the token's user is allowed to view, or if several have the name
 * @throws if an argument is misspelled or empty, or if not exactly one of `pk` and `name` is set
 *
 * @example
 * ```ts
 * import * as authentik from "pulumi-authentik-invitations";
 *
 * const partners = authentik.getInvitationOutput({ name: "partners-2027" });
 * export const link = partners.link; // secret
 * ```
 */
export async function getInvitation(
  args: GetInvitationArgs,
  opts: pulumi.InvokeOptions = {},
): Promise<GetInvitationResult> {
  await validateOptions("getInvitation", opts);
  await validateArgs("getInvitation", args, ["pk", "name", "connection"], ["pk", "name"]);
  const mocked = await callMock<MockedInvitation>("getInvitation", args, opts);
  if (mocked) return toMockedResult(mocked);
  const { lookUpInvitation } = await import("../objects/lookups.js");
  const key = `invitation ${args.name?.trim()} ${normalizeUuid(args.pk ?? "")}`;
  const found = await lookup(args.connection, key, (connection) => lookUpInvitation(connection, args));
  return toResult(found, args.connection);
}

/**
 * Looks up all invitations that match the filters, sorted by pk. Also runs during previews. Equal lookups in one run share their requests.
 *
 * API: `GET /api/v3/stages/invitation/invitations/`.
 *
 * @permissions `authentik_stages_invitation.view_invitation`.
 *
 * @throws if the token's user is not allowed to view any
 * @throws if an argument is misspelled or empty, because authentik would ignore it
 *
 * @example
 * ```ts
 * import * as authentik from "pulumi-authentik-invitations";
 *
 * const invitations = authentik.getInvitationsOutput({ flowSlug: "enrollment" });
 * export const names = invitations.apply((all) => all.map(({ name }) => name)); // secret, like the invitations
 * ```
 */
export async function getInvitations(
  args: GetInvitationsArgs = {},
  opts: pulumi.InvokeOptions = {},
): Promise<GetInvitationResult[]> {
  await validateOptions("getInvitations", opts);
  await validateArgs("getInvitations", args, ["name", "flowSlug", "createdBy", "expires", "connection"]);
  const mocked = await callMock<{ invitations: MockedInvitation[] }>("getInvitations", args, opts);
  if (mocked) return (mocked.invitations ?? []).map(toMockedResult);
  const { lookUpInvitations } = await import("../objects/lookups.js");
  const { connection: name, ...filters } = args;
  const found = await lookup(name, `invitations ${JSON.stringify(filters)}`, (connection) =>
    lookUpInvitations(connection, filters),
  );
  return found.map((invitation) => toResult(invitation, name));
}

/**
 * Like {@link getInvitation}, but accepts outputs of other resources as arguments, and the option `dependsOn`. The lookup runs once these resources exist:
 * at a preview that creates one of them, the result is unknown. The whole result is secret, because parts of it are.
 */
export function getInvitationOutput(
  args: {
    [Name in keyof GetInvitationArgs]: pulumi.Input<GetInvitationArgs[Name]>;
  },
  opts: pulumi.InvokeOutputOptions = {},
): pulumi.Output<pulumi.Unwrap<GetInvitationResult>> {
  return lookupOutput(args as pulumi.Input<GetInvitationArgs>, opts, getInvitation);
}

/**
 * Like {@link getInvitations}, but accepts outputs of other resources as arguments, and the option `dependsOn`. The lookup runs once these resources exist:
 * at a preview that creates one of them, the result is unknown. The whole result is secret, because parts of it are.
 */
export function getInvitationsOutput(
  args: {
    [Name in keyof GetInvitationsArgs]: pulumi.Input<GetInvitationsArgs[Name]>;
  } = {},
  opts: pulumi.InvokeOutputOptions = {},
): pulumi.Output<pulumi.Unwrap<GetInvitationResult[]>> {
  return lookupOutput(args as pulumi.Input<GetInvitationsArgs>, opts, getInvitations);
}

/** An invitation as the mock of a unit test returns it. */
type MockedInvitation = Partial<pulumi.Unwrap<GetInvitationResult>>;

function toMockedResult(mocked: MockedInvitation): GetInvitationResult {
  return { ...mocked, pk: pulumi.secret(mocked.pk), link: pulumi.secret(mocked.link) } as GetInvitationResult;
}

function toResult(found: InvitationSummary, connection: string | undefined): GetInvitationResult {
  if (found.flowSlug !== undefined) warnAboutLinkHost(connection);
  // Equal lookups share the result, which a program could change.
  const fixedData = { ...found.fixedData };
  return { ...found, fixedData, pk: pulumi.secret(found.pk), link: pulumi.secret(found.link) };
}
