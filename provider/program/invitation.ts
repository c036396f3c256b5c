import * as pulumi from "@pulumi/pulumi";
import { configuredPublicUrl } from "../common/configured-url";
import { formatLink } from "../common/link";
import { invitationId } from "../common/pk";
import type { InvitationEmail } from "./invitation-email";
import { warnAboutLifecycle } from "./invitation-warnings";
import { warnAboutEmailedLinks, warnAboutLinkHost } from "./link-warnings";
import { AuthentikResource, defineUsed, orDefault, resourceType, validateGet } from "./resource";

/** Inputs of an {@link Invitation}. */
export interface InvitationArgs {
  /**
   * Name in authentik: letters a-z and A-Z, digits, `_` and `-`; at most 50 characters on authentik 2024.8. Does not have to be unique.
   *
   * @default the resource's logical name
   */
  name?: pulumi.Input<string>;

  /**
   * When the invitation expires: an RFC 3339 timestamp with a time zone, for example `2027-01-31T23:59:59Z`. Exactly one of `expires` and
   * `validFor` is required. Must be in the future when the invitation is issued. authentik's API has no "never"; use
   * `9999-12-31T23:59:59Z`.
   */
  expires?: pulumi.Input<string>;

  /**
   * How long the invitation is valid after it is issued: a number and a unit: `ms`, `s`, `m` (minutes), `h`, `d`, `w` or
   * `y` (365 days), for example `14d`, `36h` or `90m`. Changing it moves the expiry, still counted from the issue.
   */
  validFor?: pulumi.Input<string>;

  /**
   * Data for the enrollment: it is written to the new user (`email`, `name`, `attributes`, …), unless the flow prompts for the same field. Any
   * JSON object: at most 200 levels deep, integers within ±(2^53 - 1), no NUL characters. Any part of it can be a secret:
   * then all of it is secret after a change in authentik.
   *
   * @default {}
   */
  fixedData?: pulumi.Input<Record<string, unknown>>;

  /**
   * Whether authentik deletes the invitation after its first use, which is when the invitee reaches the invitation stage.
   *
   * @default false
   */
  singleUse?: pulumi.Input<boolean>;

  /**
   * Slug or UUID of the flow that accepts the invitation. Without it, every flow with an invitation stage accepts the invitation, and there is
   * no `link`.
   *
   * @default any flow
   */
  flow?: pulumi.Input<string>;

  /**
   * What happens once the invitation has been used or has expired. `"keep"`: it stays in the state and is not recreated.
   * `"reissue"`: the next `pulumi up` after it expired, or after a refresh found it used, issues a new invitation with a new link; requires
   * `validFor`.
   *
   * @default "keep"
   */
  onRetired?: pulumi.Input<"keep" | "reissue">;

  /** Arbitrary values that reissue the invitation when they change, whatever its status: the old link stops working, and there is a new one. */
  keepers?: pulumi.Input<Record<string, unknown>>;

  /**
   * Configuration namespace with the URL and token of the authentik to use: `authentik-staging` uses `authentik-staging:url`,
   * `authentik-staging:token` and so on. Changing it replaces the invitation.
   *
   * @default "authentik"
   */
  connection?: pulumi.Input<string>;

  /**
   * Who is emailed the link, once the invitation is in authentik (2026.5 and later): on create and on reissue, and, when an address is added to `to`,
   * that address. Never on import, on refresh or to repair drift. Requires `flow`. No link is emailed twice to the same address. authentik makes
   * the link from the host of `authentik:publicUrl`, or else of `authentik:url`. See `docs/sending-links.md`.
   *
   * @default no email
   */
  email?: pulumi.Input<InvitationEmail>;
}

/** What {@link Invitation.get} needs to know in addition to the id. */
export interface InvitationState {
  /**
   * Configuration namespace with the URL and token of the authentik that has the invitation, see {@link InvitationArgs.connection}.
   *
   * @default "authentik"
   */
  connection?: pulumi.Input<string>;
}

/**
 * Manages an invitation: a link that lets someone enroll, with data for the new user. Changing `connection` or `keepers` reissues it. Changing
 * any other input of a pending invitation updates it in place, and the link stays the same.
 *
 * API: `/api/v3/stages/invitation/invitations/`.
 *
 * @example For one person, valid for two weeks, usable once.
 * ```ts
 * import * as authentik from "pulumi-authentik-invitations";
 *
 * const jane = new authentik.Invitation("jane", {
 *   flow: "enrollment",
 *   validFor: "14d",
 *   singleUse: true,
 *   fixedData: { email: "jane@example.com", attributes: { team: "backend" } },
 * });
 *
 * export const link = jane.link; // secret: https://…/if/flow/enrollment/?itoken=…
 * ```
 *
 * @example Import an existing invitation. Remove the option after `pulumi up`.
 * ```ts
 * new authentik.Invitation("partners", { name: "partners-2027", expires: "2027-12-31T23:59:59Z" }, {
 *   import: new pulumi.Config().require("partnersPk"), // set with --secret
 * });
 * ```
 *
 * @importing Set the resource option `import` to the pk. The pk is a secret, so store it in the configuration rather than in the program:
 * `import: new pulumi.Config().require("partnersPk")`, set with `--secret`. If the invitation matches the program, nothing is written. Otherwise
 * the import fails, lists the properties that differ (never their values), and changes nothing. `pulumi import` does not support dynamic
 * resources.
 *
 * @drift A refresh shows changed inputs line by line, with the user who changed them, and `pulumi up` reverts them in place. A deleted
 * invitation is recreated, with a new link. A used or expired invitation is not drift, and is not reissued automatically: see `onRetired`,
 * `keepers` and `docs/invitation-lifecycle.md`. When a flow is deleted, authentik makes its invitations valid for any flow: that is drift, and
 * a warning.
 *
 * @example Let authentik email the link, so that only the invitee sees it (authentik 2026.5 and later).
 * ```ts
 * new authentik.Invitation("sam", {
 *   flow: "enrollment",
 *   validFor: "14d",
 *   singleUse: true,
 *   email: { to: ["sam@example.com"] },
 * });
 * ```
 *
 * @permissions `authentik_stages_invitation.add_invitation`, `authentik_stages_invitation.view_invitation`,
 * `authentik_stages_invitation.change_invitation`, `authentik_stages_invitation.delete_invitation`, and `authentik_flows.view_flow` if
 * `flow` is a slug. Optional, to distinguish used from deleted invitations and to report who changed them: `authentik_events.view_event`,
 * which also shows every email that authentik sends, recovery links included.
 *
 * @throws at preview, without a request, if inputs are invalid or misspelled; all of them are reported at once, by path and without values
 * @throws at preview, if the invitation is about to be issued and `expires` is in the past
 * @throws if `email` is set and authentik is older than 2026.5, before anything is created
 * @throws if the link could not be emailed; the invitation is kept in the state, and the next `pulumi up` emails the addresses that are missing
 * @throws if there is no flow with the slug or UUID in `flow`
 * @throws if the response to the create request is lost, and authentik's event log does not say what it created; the request is never sent twice
 */
export class Invitation extends AuthentikResource {
  /** The resource's type, by which policies find it. */
  static readonly __pulumiType: string = resourceType("Invitation");

  /** Name in authentik. */
  declare public readonly name: pulumi.Output<string>;
  /** When the invitation expires, an RFC 3339 timestamp. Also set if `validFor` is used. */
  declare public readonly expires: pulumi.Output<string>;
  /** How long the invitation is valid, counted from `issuedAt`. */
  declare public readonly validFor: pulumi.Output<string | undefined>;
  /** Data for the enrollment. Secret if the program wraps it in `pulumi.secret`. */
  declare public readonly fixedData: pulumi.Output<Record<string, unknown>>;
  /** Whether authentik deletes the invitation after its first use. */
  declare public readonly singleUse: pulumi.Output<boolean>;
  /** Slug or UUID of the flow, as configured. */
  declare public readonly flow: pulumi.Output<string | undefined>;
  /** What happens once the invitation has been used or has expired. */
  declare public readonly onRetired: pulumi.Output<"keep" | "reissue" | undefined>;
  /** Arbitrary values that reissue the invitation when they change. */
  declare public readonly keepers: pulumi.Output<Record<string, unknown> | undefined>;
  /** Configuration namespace of the authentik that has the invitation. */
  declare public readonly connection: pulumi.Output<string | undefined>;
  /** Who is emailed the link. Secret if the program wraps it, or an address in it, in `pulumi.secret`. */
  declare public readonly email: pulumi.Output<pulumi.UnwrappedObject<InvitationEmail> | undefined>;

  /** UUID of the invitation. Secret: whoever has it can enroll. The resource's `id` is an opaque hash of it. */
  declare public readonly pk: pulumi.Output<string>;
  /**
   * `pending`, `used` or `expired`, as of the last refresh or update. Uses are read from authentik's event log (permission
   * `authentik_events.view_event`). Without it, a single-use invitation that no longer exists counts as used.
   */
  declare public readonly status: pulumi.Output<"pending" | "used" | "expired">;
  /** When the invitation was used or when it expired, an RFC 3339 timestamp. */
  declare public readonly retiredAt: pulumi.Output<string | undefined>;
  /** `true` once the invitation has been used or has expired, and authentik has deleted it. It is not read from authentik after that. */
  declare public readonly gone: pulumi.Output<boolean | undefined>;
  /** When the invitation was issued, an RFC 3339 timestamp. `validFor` is counted from it. An estimate for imported invitations. */
  declare public readonly issuedAt: pulumi.Output<string>;
  /** UUID of the flow. */
  declare public readonly flowPk: pulumi.Output<string | undefined>;
  /** Slug of the flow. */
  declare public readonly flowSlug: pulumi.Output<string | undefined>;
  /**
   * The link that the invitee opens: `https://…/if/flow/{slug}/?itoken={pk}`. Secret. `undefined` without a flow. It has the host of
   * `authentik:publicUrl`, or else of `authentik:url`. Another slug or URL changes it in the same `pulumi up`, without a request.
   */
  declare public readonly link: pulumi.Output<string | undefined>;
  /** Username of the user whose token created the invitation. authentik deletes an invitation together with this user. */
  declare public readonly createdBy: pulumi.Output<string | undefined>;
  /**
   * The addresses in `email.to` for which authentik accepted the request to email the link, or may have: a request whose response was lost counts,
   * with a warning. Not proof of delivery. Secret if `email` is.
   */
  declare public readonly emailedTo: pulumi.Output<string[] | undefined>;

  /**
   * Reads an existing invitation without managing it. To look it up by its name, use {@link getInvitation}. To read it from another server, set `connection` in
   * `state`.
   *
   * @param name logical name of the resource
   * @param id UUID of the invitation: its `pk`, not its `id`. Stored as a secret
   * @param state the invitation's `connection`
   * @param opts resource options
   *
   * API: `GET /api/v3/stages/invitation/invitations/{pk}/`
   */
  static get(
    name: string,
    id: pulumi.Input<pulumi.ID>,
    state?: InvitationState,
    opts?: pulumi.CustomResourceOptions,
  ): Invitation {
    validateGet("Invitation", id, state, ["connection"]);
    // A resource's id is always plaintext, and a hash of the pk does not reveal it.
    const hash = pulumi.unsecret(pulumi.output(id).apply(invitationId));
    return new Invitation(name, { pk: pulumi.secret(id), ...state }, { ...opts, id: hash });
  }

  /** @internal */
  constructor(
    name: string,
    args: { pk: pulumi.Input<string>; connection?: pulumi.Input<string> },
    opts: pulumi.CustomResourceOptions,
  );
  /**
   * @param name logical name of the resource
   * @param args inputs of the invitation
   * @param opts resource options; `import: "<pk>"` imports an existing invitation that matches the inputs
   */
  constructor(name: string, args: InvitationArgs, opts?: pulumi.CustomResourceOptions);
  constructor(
    name: string,
    // JavaScript programs can omit the arguments, which `check` then reports.
    args: InvitationArgs | { pk: pulumi.Input<string>; connection?: pulumi.Input<string> } = {},
    opts?: pulumi.CustomResourceOptions,
  ) {
    const isRead = opts?.id !== undefined;
    const { name: declaredName, email } = args as InvitationArgs;
    super(
      "Invitation",
      name,
      isRead ? args : { ...args, name: orDefault(name, declaredName) },
      [
        "name",
        "expires",
        "validFor",
        "fixedData",
        "singleUse",
        "flow",
        "onRetired",
        "keepers",
        "connection",
        "email",
        "pk",
        "status",
        "retiredAt",
        "gone",
        "issuedAt",
        "flowPk",
        "flowSlug",
        "link",
        "createdBy",
        "emailedTo",
        "__unsentTo",
      ],
      ["pk", "link"],
      opts,
    );
    const { link } = this;
    defineUsed(this, "link", () => {
      warnAboutLinkHost(args.connection);
      return orBuilt(link, this, args.connection);
    });
    if (email !== undefined) warnAboutEmailedLinks(args.connection);
    if (!isRead) warnAboutLifecycle(this, args);
  }
}

/** The link in the state, or one that the program builds: the state of an earlier version has none until a refresh or an update writes it. */
function orBuilt(
  link: pulumi.Output<string | undefined>,
  { pk, flowSlug }: Invitation,
  connection: pulumi.Input<string> | undefined,
): pulumi.Output<string | undefined> {
  const built = pulumi
    .all([link, pk, flowSlug, connection])
    .apply(([stored, ...parts]) => stored ?? formatLink(configuredPublicUrl(parts[2])?.url, parts[1], parts[0]));
  return pulumi.secret(built);
}
