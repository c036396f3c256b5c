import * as z from "zod";
import { normalizeUuid } from "../../common/pk";
import { stripWhitespace } from "../../common/whitespace";
import { type Declared, declareObject, type InputsOf } from "../declaration";
import { invitation } from "../invitation/declaration";
import { type Property, property, slugString, string } from "../property";
import { maxPrefixLength } from "./names";

const { name: _, email, ...sharedProperties } = invitation.properties;

/** An invitation's property in an entry, where an omitted one is as the batch says. */
function ofEntry<Input, Wire>(
  { default: _, ...shared }: Property<Input, Wire>,
  { comment }: { readonly comment: string },
): Property<Input | undefined> {
  return {
    ...(shared as Property<Input | undefined>),
    input: shared.input.optional(),
    comment,
    defaultComment: undefined,
  };
}

const { expires, validFor, fixedData, singleUse, flow, onRetired, keepers } = sharedProperties;

/** What an entry of a batch sets itself. */
export const entryProperties = {
  name: property<string | undefined>({
    comment: "Name in authentik, see {@link InvitationArgs.name}.",
    defaultComment:
      "the batch's name, a dash, and the key as a slug, with some hex digits of its hash if the key had to be changed or shortened",
    type: "string",
    input: slugString,
  }),
  expires: ofEntry(expires, {
    comment: "When this invitation expires, instead of the batch's `expires` or `validFor`.",
  }),
  validFor: ofEntry(validFor, {
    comment: "How long this invitation is valid, instead of the batch's `expires` or `validFor`.",
  }),
  fixedData: ofEntry(fixedData, {
    comment: "Data for the enrollment. It is merged recursively into the batch's `fixedData`.",
  }),
  singleUse: ofEntry(singleUse, { comment: "Whether authentik deletes this invitation after its first use." }),
  flow: ofEntry(flow, { comment: "Slug or UUID of the flow that accepts this invitation." }),
  onRetired: ofEntry(onRetired, { comment: "What happens once this invitation has been used or has expired." }),
  keepers: ofEntry(keepers, { comment: "Arbitrary values that reissue this invitation when they change." }),
  email: ofEntry(email, { comment: "Who is emailed this invitation's link, see {@link InvitationArgs.email}." }),
  import: property<string | undefined>({
    comment:
      "The pk of an existing invitation to import, under the same conditions as the resource option `import`: it must match the entry. It is a secret. It has no effect on an entry that is in the state.",
    type: "string",
    input: z
      .unknown()
      .refine(
        (pk) => typeof pk === "string" && normalizeUuid(pk) !== undefined,
        "must be the pk (a UUID) of the invitation to import",
      ),
  }),
} satisfies Declared;

export type EntryInputs = InputsOf<typeof entryProperties>;

/** What {@link invitationBatch} has in common with an invitation: each is a default for the entries. */
export const sharedNames = Object.keys(sharedProperties) as (keyof typeof sharedProperties)[];

export const invitationBatch = declareObject({
  name: "InvitationBatch",
  noun: "batch",
  path: invitation.path,
  app: invitation.app,
  model: invitation.model,
  identity: ["name"],
  properties: {
    name: string({
      defaultsTo: "logical name",
      comment:
        "Prefix of the invitations' names in authentik: letters a-z and A-Z, digits, `_` and `-`; at most 32 characters.",
      output: "Prefix of the invitations' names.",
      input: slugString.refine(
        (name) => stripWhitespace(name).length <= maxPrefixLength,
        `must be at most ${maxPrefixLength} characters, because it is the prefix of the invitations' names`,
      ),
    }),
    ...sharedProperties,
    invitations: property<Readonly<Record<string, EntryInputs>>>({
      comment:
        "The invitations: a key of your choice, such as an email address, and what is different for it. `{}` if nothing is.",
      type: "Record<string, pulumi.Input<InvitationBatchEntry>>",
      input: z.record(z.string(), z.unknown(), "must be an object that maps a key to what is different for it"),
      isRequired: true,
    }),
  },
  outputs: {
    pks: {
      type: "Record<string, string>",
      comment: "The pks of the invitations by key. Secret: whoever has one can enroll.",
      isSecret: true,
      dependsOn: ["*"],
    },
    links: {
      type: "Record<string, string>",
      comment:
        "The link of each invitation by key: `https://…/if/flow/{slug}/?itoken={pk}`. Secret. Without the invitations that have no flow. Another slug or URL changes them in the same `pulumi up`, see {@link Invitation.link}.",
      isSecret: true,
      dependsOn: ["*"],
    },
    ids: {
      type: "Record<string, string>",
      comment: "Opaque ids of the invitations by key: hashes of their pks.",
      dependsOn: ["*"],
    },
    statuses: {
      type: `Record<string, ${invitation.outputs.status.type}>`,
      comment: "`pending`, `used` or `expired` by key, as of the last refresh or update.",
      dependsOn: ["*"],
    },
    retiredAt: {
      type: "Record<string, string> | undefined",
      comment:
        "When the invitation was used or expired, by key, an RFC 3339 timestamp: see {@link Invitation.retiredAt}. `undefined` if none was or has.",
      dependsOn: ["*"],
    },
    emailedTo: {
      type: "Record<string, string[]> | undefined",
      comment:
        "The addresses to which links were emailed, by key, see {@link Invitation.emailedTo}. Secret if the `email` of an entry contains a secret, or if all of `invitations` is one.",
      dependsOn: ["*"],
    },
    // Pulumi only keeps a secret of an input secret in the output of the same name, and `invitations` is none.
    __invitations: { type: "unknown", comment: "The entries as configured.", isSecret: true, isInternal: true },
    __common: { type: "unknown", comment: "What the invitations have in common.", isSecret: true, isInternal: true },
    __details: { type: "unknown", comment: "What differs from it, by key.", isSecret: true, isInternal: true },
    __revision: { type: "number", comment: "How often the batch was updated.", isInternal: true },
    __obsolete: {
      type: "unknown",
      comment: "Replaced invitations that could not be deleted yet.",
      isSecret: true,
      isInternal: true,
    },
  },
  documentation: {
    description: `Manages any number of invitations as one resource. Pulumi stores its state after each resource, and reads resources one at a
time, so thousands of single {@link Invitation} resources take minutes. A batch sends its requests concurrently, and reads by list pages.

For each key, everything holds that holds for an {@link Invitation}: adding a key issues an invitation, changing it updates the invitation in
place, removing it deletes the invitation. Changing \`keepers\` of an entry reissues that invitation, changing those of the batch all of them.`,
    examples: [
      {
        program: `import * as authentik from "pulumi-authentik-invitations";

const intake = new authentik.InvitationBatch("intake-2027", {
  flow: "staff-enrollment",
  validFor: "14d",
  singleUse: true,
  fixedData: { attributes: { cohort: "2027" } },
  invitations: {
    "ada@example.com": { fixedData: { email: "ada@example.com", name: "Ada" } },
    "grace@example.com": { expires: "2027-06-30T23:59:59Z", fixedData: { email: "grace@example.com" } },
  },
});

export const links = intake.links; // secret: { "ada@example.com": "https://…", … }`,
        yaml: `resources:
  intake-2027:
    type: authentik-invitations:InvitationBatch
    properties:
      flow: staff-enrollment
      validFor: 14d
      singleUse: true
      fixedData:
        attributes: { cohort: "2027" }
      invitations:
        ada@example.com:
          fixedData: { email: ada@example.com, name: Ada }
        grace@example.com:
          expires: 2027-06-30T23:59:59Z
          fixedData: { email: grace@example.com }
outputs:
  links: \${intake-2027.links} # secret`,
      },
    ],
    importing: `A batch has no object in authentik, so it cannot be imported as a whole. Set \`import\` of an entry to the pk of an existing
invitation. The pk is a secret, so store it in the configuration rather than in the program.`,
    drift: `A refresh lists the batch's invitations, and shows the keys that changed, line by line, with the user who changed them. \`pulumi up\`
reverts them in place, and recreates deleted invitations. Used and expired invitations are not drift: see {@link Invitation}.`,
    isDriftComplete: true,
    permissions: "Those of {@link Invitation}.",
    reported: "the first 20",
    throws: [
      "if some invitations fail; the others are created and kept in the state, and the next `pulumi up` continues with those that are missing",
    ],
  },
});
