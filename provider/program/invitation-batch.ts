import * as pulumi from "@pulumi/pulumi";
import { configuredPublicUrl } from "../common/configured-url";
import { csvPlacesInput } from "../common/csv-places";
import { formatLink } from "../common/link";
import type { InvitationArgs } from "./invitation";
import type { InvitationEmail } from "./invitation-email";
import { placesOf } from "./invitations-from-csv";
import { warnAboutEmailedLinks, warnAboutLinkHost } from "./link-warnings";
import { AuthentikResource, defineUsed, orDefault, resourceType } from "./resource";

/** What is different for one invitation of an {@link InvitationBatch}. Everything that is omitted is as the batch says. */
export interface InvitationBatchEntry {
  /**
   * Name in authentik, see {@link InvitationArgs.name}.
   *
   * @default the batch's name, a dash, and the key as a slug, with some hex digits of its hash if the key had to be changed or shortened
   */
  name?: pulumi.Input<string>;
  /** When this invitation expires, instead of the batch's `expires` or `validFor`. */
  expires?: pulumi.Input<string>;
  /** How long this invitation is valid, instead of the batch's `expires` or `validFor`. */
  validFor?: pulumi.Input<string>;
  /** Data for the enrollment. It is merged recursively into the batch's `fixedData`. */
  fixedData?: pulumi.Input<Record<string, unknown>>;
  /** Whether authentik deletes this invitation after its first use. */
  singleUse?: pulumi.Input<boolean>;
  /** Slug or UUID of the flow that accepts this invitation. */
  flow?: pulumi.Input<string>;
  /** What happens once this invitation has been used or has expired. */
  onRetired?: pulumi.Input<"keep" | "reissue">;
  /** Arbitrary values that reissue this invitation when they change. */
  keepers?: pulumi.Input<Record<string, unknown>>;
  /** Who is emailed this invitation's link, see {@link InvitationArgs.email}. */
  email?: pulumi.Input<InvitationEmail>;
  /**
   * The pk of an existing invitation to import, under the same conditions as the resource option `import`: it must match the entry. It is a secret.
   * It has no effect on an entry that is in the state.
   */
  import?: pulumi.Input<string>;
}

/** Inputs of an {@link InvitationBatch}. All but `name`, `invitations` and `connection` are defaults for the entries. */
export interface InvitationBatchArgs
  extends Pick<
    InvitationArgs,
    "expires" | "validFor" | "fixedData" | "singleUse" | "flow" | "onRetired" | "keepers" | "connection"
  > {
  /**
   * Prefix of the invitations' names in authentik: letters a-z and A-Z, digits, `_` and `-`; at most 32 characters.
   *
   * @default the resource's logical name
   */
  name?: pulumi.Input<string>;

  /** The invitations: a key of your choice, such as an email address, and what is different for it. `{}` if nothing is. */
  invitations: pulumi.Input<Record<string, pulumi.Input<InvitationBatchEntry>>>;
}

interface Details {
  readonly flowSlug?: string | null;
}

/**
 * Manages any number of invitations as one resource. Pulumi stores its state after each resource, and reads resources one at a time, so thousands
 * of single {@link Invitation} resources take minutes. A batch sends its requests concurrently, and reads by list pages.
 *
 * For each key, everything holds that holds for an {@link Invitation}: adding a key issues an invitation, changing it updates the invitation in
 * place, removing it deletes the invitation. Changing `keepers` of an entry reissues that invitation, changing those of the batch all of them.
 *
 * API: `/api/v3/stages/invitation/invitations/`.
 *
 * @example
 * ```ts
 * import * as authentik from "pulumi-authentik-invitations";
 *
 * const intake = new authentik.InvitationBatch("intake-2027", {
 *   flow: "staff-enrollment",
 *   validFor: "14d",
 *   singleUse: true,
 *   fixedData: { attributes: { cohort: "2027" } },
 *   invitations: {
 *     "ada@example.com": { fixedData: { email: "ada@example.com", name: "Ada" } },
 *     "grace@example.com": { expires: "2027-06-30T23:59:59Z", fixedData: { email: "grace@example.com" } },
 *   },
 * });
 *
 * export const links = intake.links; // secret: { "ada@example.com": "https://…", … }
 * ```
 *
 * @importing A batch has no object in authentik, so it cannot be imported as a whole. Set `import` of an entry to the pk of an existing invitation.
 * The pk is a secret, so store it in the configuration rather than in the program.
 *
 * @drift A refresh lists the batch's invitations, and shows the keys that changed, line by line, with the user who changed them. `pulumi up`
 * reverts them in place, and recreates deleted invitations. Used and expired invitations are not drift: see {@link Invitation}.
 *
 * @permissions Those of {@link Invitation}.
 *
 * @throws at preview, without a request, if inputs are invalid or misspelled; the first 20 are reported at once, by path and without values
 * @throws if some invitations fail; the others are created and kept in the state, and the next `pulumi up` continues with those that are missing
 */
export class InvitationBatch extends AuthentikResource {
  /** The resource's type, by which policies find it. */
  static readonly __pulumiType: string = resourceType("InvitationBatch");

  /** Prefix of the invitations' names. */
  declare public readonly name: pulumi.Output<string>;
  /** Configuration namespace of the authentik server that has the invitations. */
  declare public readonly connection: pulumi.Output<string | undefined>;
  /** The pks of the invitations by key. Secret: whoever has one can enroll. */
  declare public readonly pks: pulumi.Output<Record<string, string>>;
  /**
   * The link of each invitation by key: `https://…/if/flow/{slug}/?itoken={pk}`. Secret. Without the invitations that have no flow. Another slug
   * or URL changes them in the same `pulumi up`, see {@link Invitation.link}.
   */
  declare public readonly links: pulumi.Output<Record<string, string>>;
  /** Opaque ids of the invitations by key: hashes of their pks. */
  declare public readonly ids: pulumi.Output<Record<string, string>>;
  /** `pending`, `used` or `expired` by key, as of the last refresh or update. */
  declare public readonly statuses: pulumi.Output<Record<string, "pending" | "used" | "expired">>;
  /** When the invitation was used or expired, by key, an RFC 3339 timestamp: see {@link Invitation.retiredAt}. `undefined` if none was or has. */
  declare public readonly retiredAt: pulumi.Output<Record<string, string> | undefined>;
  /** The addresses to which links were emailed, by key, see {@link Invitation.emailedTo}. Secret if the `email` of an entry contains a secret, or if all of `invitations` is one. */
  declare public readonly emailedTo: pulumi.Output<Record<string, string[]> | undefined>;

  /**
   * What the invitations have in common.
   *
   * @internal
   */
  declare public readonly __common: pulumi.Output<Details>;
  /**
   * What differs from it, by key.
   *
   * @internal
   */
  declare public readonly __details: pulumi.Output<Record<string, Details>>;

  /**
   * @param name logical name of the resource
   * @param args inputs of the batch
   * @param opts resource options
   */
  constructor(name: string, args: InvitationBatchArgs, opts?: pulumi.CustomResourceOptions) {
    const maySendEmails = mayHaveEmail(args?.invitations);
    super(
      "InvitationBatch",
      name,
      { ...args, name: orDefault(name, args?.name), [csvPlacesInput]: placesOf(args?.invitations) },
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
        "pks",
        "links",
        "ids",
        "statuses",
        "retiredAt",
        "emailedTo",
        "__invitations",
        "__common",
        "__details",
        "__revision",
        "__obsolete",
      ],
      // Pulumi only keeps a secret of an input secret in the output of the same name, and `invitations` is none.
      ["pks", "links", "__invitations", "__common", "__details", "__obsolete"],
      // Pulumi would display thousands of unchanged ids and statuses around one that changed.
      { ...opts, hideDiffs: [...(opts?.hideDiffs ?? []), "ids", "statuses", "retiredAt", "emailedTo"] },
    );
    const { links } = this;
    defineUsed(this, "links", () => {
      warnAboutLinkHost(args?.connection);
      return orBuilt(links, this, args?.connection);
    });
    if (maySendEmails) {
      pulumi.output(args.invitations).apply((entries) => {
        if (Object.values(entries).some((entry) => entry?.email)) warnAboutEmailedLinks(args.connection);
      });
    }
  }
}

/** The links in the state, or those that the program builds: the state of an earlier version has none until a refresh or an update writes them. */
function orBuilt(
  links: pulumi.Output<Record<string, string> | undefined>,
  { pks, __common, __details }: InvitationBatch,
  connection: pulumi.Input<string> | undefined,
): pulumi.Output<Record<string, string>> {
  const built = pulumi
    .all([links, pks, __common, __details, connection])
    .apply(([stored, pksByKey, common, details, name]) => {
      if (stored !== undefined) return stored;
      const baseUrl = configuredPublicUrl(name)?.url;
      // Unit tests with mocks may return no pks.
      const entries = Object.entries(pksByKey ?? {}).flatMap(([key, pk]) => {
        const own = details[key];
        const slug = (own && "flowSlug" in own ? own.flowSlug : common.flowSlug) ?? undefined;
        const link = formatLink(baseUrl, slug, pk);
        return link === undefined ? [] : [[key, link] as const];
      });
      return Object.fromEntries(entries);
    });
  return pulumi.secret(built);
}

/** Whether an entry has `email`. Assumed of entries that are not known yet. */
function mayHaveEmail(invitations: InvitationBatchArgs["invitations"] | undefined): boolean {
  const isPlain = (value: unknown): value is Record<string, unknown> =>
    typeof value === "object" && value !== null && !pulumi.Output.isInstance(value) && !(value instanceof Promise);
  if (!isPlain(invitations)) return invitations !== undefined;
  return Object.values(invitations).some((entry) =>
    isPlain(entry) ? entry["email"] !== undefined : entry !== undefined,
  );
}
