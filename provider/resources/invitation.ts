import * as pulumi from "@pulumi/pulumi";
import { invitationId } from "../pk";
import { warnOfLife } from "./invitation-warnings";
import { AuthentikResource, addressOf, linkOf, textOr } from "./resource";

/** What an {@link Invitation} is made of. */
export interface InvitationArgs {
  /**
   * Name in authentik: letters a-z and A-Z, digits, `_` and `-`; at most 50 on authentik 2024.8. Not unique.
   *
   * @default the resource's logical name
   */
  name?: pulumi.Input<string>;

  /**
   * When the invitation stops working: an RFC 3339 instant with its zone, such as `2027-01-31T23:59:59Z`. Exactly one of `expires` and
   * `validFor` is needed. It must lie in the future when the invitation is issued. There is no "never" (authentik's API
   * cannot say it); `9999-12-31T23:59:59Z` is as good.
   */
  expires?: pulumi.Input<string>;

  /**
   * How long the invitation works, counted from the moment of its issue: one number and one unit, such as `14d`, `36h`, `90m`. A
   * change moves the expiry, counted from the issue still.
   */
  validFor?: pulumi.Input<string>;

  /**
   * Data for the enrolment: what prompts are filled with, and what the user is written with (`email`, `name`, `attributes`, …). Any JSON
   * object: at most 200 levels deep, integers within ±(2^53 - 1), no NUL. Wrap the whole in `pulumi.secret` where any of
   * it is secret: what somebody adds to it in authentik under a new key is shown as drift, and is otherwise not known to be secret.
   *
   * @default {}
   */
  fixedData?: pulumi.Input<Record<string, unknown>>;

  /**
   * Whether authentik deletes the invitation when it is first used: when the invitee reaches the invitation stage.
   *
   * @default false
   */
  singleUse?: pulumi.Input<boolean>;

  /**
   * The flow that takes the invitation, by its slug or its UUID. Without one every flow with an invitation stage takes it, and there is no
   * `link`.
   *
   * @default any flow
   */
  flow?: pulumi.Input<string>;

  /**
   * What happens once the invitation is used or has expired. `"keep"`: nothing, it stays in the state as it is, and its link is dead.
   * `"reissue"`: the next `pulumi up` after a refresh issues a new one, with a new link, in its place; needs `validFor`.
   *
   * @default "keep"
   */
  onRetired?: pulumi.Input<"keep" | "reissue">;

  /**
   * Any values; a change of them issues the invitation anew, whatever became of the old one: its link is dead then, and there is a new one.
   */
  keepers?: pulumi.Input<Record<string, unknown>>;

  /**
   * The configuration namespace that holds address and token of the authentik to use: `authentik-staging` stands for
   * `authentik-staging:url`, `authentik-staging:token` and so on. A change replaces the invitation.
   *
   * @default "authentik"
   */
  connection?: pulumi.Input<string>;
}

/**
 * The arguments `connection`, for the links. The outputs of that name will not do: one that is not in the state counts as unknown at preview,
 * and the link with it. And no field of the class: it would show where a program exports a resource as a whole.
 */
const connectionArguments = new WeakMap<Invitation, pulumi.Input<string> | undefined>();

/**
 * An invitation: a link by which somebody may enrol, with data that they cannot change. All inputs are changed in place, and the link stays
 * the same, but for `connection` and `keepers`: a change of these issues it anew.
 *
 * API: `/api/v3/stages/invitation/invitations/`.
 *
 * @example For one person, for two weeks, once.
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
 * @example Taking over an invitation that exists. Remove the option once `pulumi up` has run.
 * ```ts
 * new authentik.Invitation("partners", { name: "partners-2027", expires: "2027-12-31T23:59:59Z" }, {
 *   import: "6184365b-70c4-4848-be37-5086db15eb52",
 * });
 * ```
 *
 * @importing The resource option `import` takes the pk. That is a secret, and better a setting than in the code:
 * `import: new pulumi.Config().require("partnersPk")`, set with `--secret`. Where the code says what authentik has, nothing is written; where it
 * differs, it is refused with the names of what differs, never the values, and nothing is changed. `pulumi import` does not work for
 * dynamic resources.
 *
 * @drift A change of an input by hand is shown by line, told with the name of who did it, and put right in place. An invitation that
 * somebody deleted is issued again, with a new link. A used or expired one is no drift, and is not issued again by itself: see
 * `onRetired`, `keepers` and `docs/life-of-an-invitation.md`. Where authentik deletes the flow, its invitations are for any flow from then on; that
 * is drift, and a warning.
 *
 * @permissions `authentik_stages_invitation.add_invitation`, `authentik_stages_invitation.view_invitation`,
 * `authentik_stages_invitation.change_invitation`, `authentik_stages_invitation.delete_invitation`, and `authentik_flows.view_flow` where
 * `flow` is a slug. To tell used from deleted, and who changed what, also `authentik_events.view_event`, which is not required.
 *
 * @throws at preview, without a request, for inputs that are wrong or misspelt, all of them at once, by their paths and without their values
 * @throws at preview where it is to be issued and `expires` lies in the past
 * @throws where there is no flow with the slug in `flow`, or with the UUID
 * @throws where the answer to its creation was lost and it is not clear which invitation that made; it is never sent twice
 */
export class Invitation extends AuthentikResource {
  /** Name in authentik. */
  declare public readonly name: pulumi.Output<string>;
  /** When it stops working, RFC 3339; also where `validFor` was given. */
  declare public readonly expires: pulumi.Output<string>;
  /** How long it works, counted from `issuedAt`. */
  declare public readonly validFor: pulumi.Output<string | undefined>;
  /** Data for the enrolment. Secret where the program wrapped it in `pulumi.secret`. */
  declare public readonly fixedData: pulumi.Output<Record<string, unknown>>;
  /** Whether authentik deletes it when it is used. */
  declare public readonly singleUse: pulumi.Output<boolean>;
  /** The flow, as the program wrote it: slug or UUID. */
  declare public readonly flow: pulumi.Output<string | undefined>;
  /** What happens once it is used or expired. */
  declare public readonly onRetired: pulumi.Output<"keep" | "reissue" | undefined>;
  /** Values whose change issues it anew. */
  declare public readonly keepers: pulumi.Output<Record<string, unknown> | undefined>;
  /** The configuration namespace that it was issued with. */
  declare public readonly connection: pulumi.Output<string | undefined>;

  /** UUID of the invitation in authentik. Secret: who has it may enrol. The resource's `id` is derived from it and opaque. */
  declare public readonly pk: pulumi.Output<string>;
  /**
   * `pending`, `used` (a single-use one, or one that somebody made so) or `expired`, as of the last refresh or change. Whether it was used
   * is read from authentik's event log (permission `authentik_events.view_event`); without it, a single-use one that is gone counts as used.
   */
  declare public readonly status: pulumi.Output<"pending" | "used" | "expired">;
  /** Since when it is used or expired, RFC 3339. */
  declare public readonly retiredAt: pulumi.Output<string | undefined>;
  /** Whether it is used or expired and authentik has deleted it, so that it is not asked for any more. */
  declare public readonly gone: pulumi.Output<boolean | undefined>;
  /** When it was issued, RFC 3339: what `validFor` counts from. Of an imported one, an estimate. */
  declare public readonly issuedAt: pulumi.Output<string>;
  /** UUID of the flow. */
  declare public readonly flowPk: pulumi.Output<string | undefined>;
  /** Slug of the flow. */
  declare public readonly flowSlug: pulumi.Output<string | undefined>;
  /** Name of the user whose token issued it. authentik deletes an invitation with the user that created it. */
  declare public readonly createdBy: pulumi.Output<string | undefined>;

  /**
   * Reads an invitation that exists, without managing it.
   *
   * @param name name of the resource in the program
   * @param pk UUID of the invitation; it is hashed for `id` and kept as a secret
   * @param opts resource options
   * @param connection see {@link InvitationArgs.connection}
   *
   * API: `GET /api/v3/stages/invitation/invitations/{pk}/`
   */
  static get(
    name: string,
    pk: pulumi.Input<string>,
    opts?: pulumi.CustomResourceOptions,
    connection?: pulumi.Input<string>,
  ): Invitation {
    // The id shows in clear, and a hash of a secret is no secret.
    const id = pulumi.unsecret(pulumi.output(pk).apply(invitationId));
    return new Invitation(name, { pk: pulumi.secret(pk), connection }, { ...opts, id });
  }

  /**
   * @param name logical name of the resource
   * @param args what the invitation is made of
   * @param opts resource options; `import: "<pk>"` takes over an invitation that exists and is as the program says
   */
  constructor(name: string, args: InvitationArgs, opts?: pulumi.CustomResourceOptions);
  /** @internal */
  constructor(
    name: string,
    args: { pk: pulumi.Input<string>; connection?: pulumi.Input<string> },
    opts: pulumi.CustomResourceOptions,
  );
  constructor(
    name: string,
    // No argument at all, which only JavaScript lets pass, is for check to refuse.
    args: InvitationArgs | { pk: pulumi.Input<string>; connection?: pulumi.Input<string> } = {},
    opts?: pulumi.CustomResourceOptions,
  ) {
    const isRead = opts?.id !== undefined;
    super(
      "Invitation",
      name,
      isRead ? args : { ...args, name: textOr(name, (args as InvitationArgs).name) },
      {
        name: undefined,
        expires: undefined,
        validFor: undefined,
        fixedData: undefined,
        singleUse: undefined,
        flow: undefined,
        onRetired: undefined,
        keepers: undefined,
        connection: undefined,
        pk: undefined,
        status: undefined,
        retiredAt: undefined,
        gone: undefined,
        issuedAt: undefined,
        flowPk: undefined,
        flowSlug: undefined,
        createdBy: undefined,
      },
      ["pk"],
      opts,
    );
    connectionArguments.set(this, args.connection);
    if (!isRead) warnOfLife(this, args);
  }

  /**
   * The address that the invitee opens: `https://…/if/flow/{slug}/?itoken={pk}`. Secret. Made in the program from `pk`, `flowSlug` and
   * the configured address; nothing where there is no flow.
   */
  get link(): pulumi.Output<string | undefined> {
    // Made where it is asked for: programs of many invitations and few links need not pay for all.
    const link = pulumi
      .all([this.pk, this.flowSlug, connectionArguments.get(this)])
      .apply(([pk, slug, connection]) => linkOf(addressOf(connection), slug, pk));
    return pulumi.secret(link);
  }
}
