import * as z from "zod";
import { wireInstant, wirePk } from "../../authentik/wire";
import { breakReserved } from "../../common/reserved-strings";
import { isTimestamp, isWithinYears, timestampRule } from "../../common/timestamp";
import { stripWhitespace } from "../../common/whitespace";
import { fixedData } from "../../values/fixed-data";
import { parseDuration } from "../../values/instant";
import { isJsonObject, isSameJson, mapStrings } from "../../values/json";
import { declareObject } from "../declaration";
import { boolean, property, slugString, string } from "../property";
import type { EmailInputs } from "./email";

export const invitation = declareObject({
  name: "Invitation",
  noun: "invitation",
  path: "stages/invitation/invitations/",
  app: "authentik_stages_invitation",
  model: "invitation",
  identity: ["name"],
  hasSecretPk: true,
  properties: {
    name: string({
      defaultsTo: "logical name",
      comment:
        "Name in authentik: letters a-z and A-Z, digits, `_` and `-`; at most 50 characters on authentik 2024.8. Does not have to be unique.",
      output: "Name in authentik.",
      input: slugString,
    }),
    expires: property<string | undefined, string | null>({
      comment:
        'When the invitation expires: an RFC 3339 timestamp with a time zone, for example `2027-01-31T23:59:59Z`. Exactly one of `expires` and `validFor` is required. Must be in the future when the invitation is issued. authentik\'s API has no "never"; use `9999-12-31T23:59:59Z`.',
      output: "When the invitation expires, an RFC 3339 timestamp. Also set if `validFor` is used.",
      type: "string",
      outputType: "string",
      input: z
        .string(`${timestampRule}. For a Date, use .toISOString()`)
        .refine((value) => isTimestamp(value), { error: timestampRule, abort: true })
        .refine(
          (value) => isWithinYears(Date.parse(value.toUpperCase())),
          "must be between the years 1 and 9999 (UTC)",
        ),
      // Null if it never expires, which cannot be set through the API.
      wire: wireInstant.nullable(),
    }),
    validFor: property<string | undefined>({
      comment:
        "How long the invitation is valid after it is issued: a number and a unit: `ms`, `s`, `m` (minutes), `h`, `d`, `w` or `y` (365 days), for example `14d`, `36h` or `90m`. Changing it moves the expiry, still counted from the issue.",
      output: "How long the invitation is valid, counted from `issuedAt`.",
      type: "string",
      input: z
        .string("must be a duration as a string, for example 14d")
        .refine((value) => parseDuration(value) !== undefined, {
          error: "must be a number and a unit, for example 14d, 36h or 90m (minutes)",
          abort: true,
        })
        .refine((value) => (parseDuration(value) ?? 0n) > 0n, { error: "must be greater than zero", abort: true })
        .refine(
          (value) => isWithinYears(Date.now() + Number(parseDuration(value) ?? 0n) / 1000),
          "must not end later than the year 9999",
        ),
    }),
    fixedData: property<Readonly<Record<string, unknown>>, Readonly<Record<string, unknown>>>({
      comment:
        "Data for the enrollment: it is written to the new user (`email`, `name`, `attributes`, …), unless the flow prompts for the same field. Any JSON object: at most 200 levels deep, integers within ±(2^53 - 1), no NUL characters. Any part of it can be a secret: then all of it is secret after a change in authentik.",
      output: "Data for the enrollment. Secret if the program wraps it in `pulumi.secret`.",
      type: "Record<string, unknown>",
      input: fixedData,
      // z.record would drop a key `__proto__`.
      wire: z
        .custom<Readonly<Record<string, unknown>>>(isJsonObject, "must be an object")
        .nullish()
        .transform((value) => value ?? {}),
      default: {},
      asConfigured: (configured, stored) =>
        isSameJson(configured, stored) ? configured : mapStrings(stored, breakReserved),
    }),
    singleUse: boolean({
      default: false,
      comment:
        "Whether authentik deletes the invitation after its first use, which is when the invitee reaches the invitation stage.",
      output: "Whether authentik deletes the invitation after its first use.",
    }),
    flow: property<string | undefined, string | null>({
      comment:
        "Slug or UUID of the flow that accepts the invitation. Without it, every flow with an invitation stage accepts the invitation, and there is no `link`.",
      output: "Slug or UUID of the flow, as configured.",
      defaultComment: "any flow",
      type: "string",
      input: z
        .string("must be a flow's slug or UUID, as a string")
        .refine((value) => stripWhitespace(value) !== "", "must not be empty. Omit it to accept any flow")
        .refine(
          (value) => /^[-\w]*$/.test(stripWhitespace(value)),
          "must be a flow's slug (letters, digits, _ and -) or UUID",
        ),
      wire: wirePk.nullable(),
    }),
    onRetired: property<"keep" | "reissue" | undefined>({
      comment:
        'What happens once the invitation has been used or has expired. `"keep"`: it stays in the state and is not recreated. `"reissue"`: the next `pulumi up` after it expired, or after a refresh found it used, issues a new invitation with a new link; requires `validFor`.',
      defaultComment: '"keep"',
      type: '"keep" | "reissue"',
      input: z.enum(["keep", "reissue"], 'must be "keep" or "reissue"'),
    }),
    keepers: property<Readonly<Record<string, unknown>> | undefined>({
      comment:
        "Arbitrary values that reissue the invitation when they change, whatever its status: the old link stops working, and there is a new one.",
      output: "Arbitrary values that reissue the invitation when they change.",
      type: "Record<string, unknown>",
      input: z.record(z.string(), z.unknown(), "must be an object"),
    }),
    email: property<EmailInputs | undefined>({
      comment:
        "Who is emailed the link, once the invitation is in authentik (2026.5 and later): on create and on reissue, and, when an address is added to `to`, that address. Never on import, on refresh or to repair drift. Requires `flow`. No link is emailed twice to the same address. authentik makes the link from the host of `authentik:publicUrl`, or else of `authentik:url`. See `docs/sending-links.md`.",
      output: "Who is emailed the link. Secret if the program wraps it, or an address in it, in `pulumi.secret`.",
      defaultComment: "no email",
      // Validated by `validateEmail`.
      type: "InvitationEmail",
      input: z.unknown(),
    }),
  },
  outputs: {
    pk: {
      type: "string",
      comment:
        "UUID of the invitation. Secret: whoever has it can enroll. The resource's `id` is an opaque hash of it.",
      isSecret: true,
    },
    status: {
      type: '"pending" | "used" | "expired"',
      comment:
        "`pending`, `used` or `expired`, as of the last refresh or update. Uses are read from authentik's event log (permission `authentik_events.view_event`). Without it, a single-use invitation that no longer exists counts as used.",
      dependsOn: ["expires", "validFor"],
    },
    retiredAt: {
      type: "string | undefined",
      comment: "When the invitation was used or when it expired, an RFC 3339 timestamp.",
      dependsOn: ["expires", "validFor"],
    },
    gone: {
      type: "boolean | undefined",
      comment:
        "`true` once the invitation has been used or has expired, and authentik has deleted it. It is not read from authentik after that.",
    },
    issuedAt: {
      type: "string | undefined",
      comment:
        "When the invitation was issued, an RFC 3339 timestamp. `validFor` is counted from it. An estimate for imported invitations, and missing for those that `get` reads.",
    },
    flowPk: { type: "string | undefined", comment: "UUID of the flow.", dependsOn: ["flow"] },
    flowSlug: { type: "string | undefined", comment: "Slug of the flow.", dependsOn: ["flow"] },
    link: {
      type: "string | undefined",
      comment:
        "The link that the invitee opens: `https://…/if/flow/{slug}/?itoken={pk}`. Secret. `undefined` without a flow. It has the host of `authentik:publicUrl`, or else of `authentik:url`. Another slug or URL changes it in the same `pulumi up`, without a request.",
      isSecret: true,
      dependsOn: ["flow"],
    },
    createdBy: {
      type: "string | undefined",
      comment:
        "Username of the user whose token created the invitation. authentik deletes an invitation together with this user.",
    },
    emailedTo: {
      type: "string[] | undefined",
      comment:
        "The addresses in `email.to` for which authentik accepted the request to email the link, or may have: a request whose response was lost counts, with a warning. Not proof of delivery. Secret if `email` is.",
      dependsOn: ["email"],
    },
    __unsentTo: { type: "string[] | undefined", comment: "The addresses that the next run emails.", isInternal: true },
  },
  documentation: {
    description: `Manages an invitation: a link that lets someone enroll, with data for the new user. Changing \`connection\` or \`keepers\`
reissues it. Changing any other input of a pending invitation updates it in place, and the link stays the same.`,
    examples: [
      {
        title: "For one person, valid for two weeks, usable once.",
        program: `import * as authentik from "pulumi-authentik-invitations";

const jane = new authentik.Invitation("jane", {
  flow: "enrollment",
  validFor: "14d",
  singleUse: true,
  fixedData: { email: "jane@example.com", attributes: { team: "backend" } },
});

export const link = jane.link; // secret: https://…/if/flow/enrollment/?itoken=…`,
        yaml: `resources:
  jane:
    type: authentik-invitations:Invitation
    properties:
      flow: enrollment
      validFor: 14d
      singleUse: true
      fixedData:
        email: jane@example.com
        attributes: { team: backend }
outputs:
  link: \${jane.link} # secret`,
      },
      {
        title: "Import an existing invitation. Remove the option after `pulumi up`.",
        program: `new authentik.Invitation("partners", { name: "partners-2027", expires: "2027-12-31T23:59:59Z" }, {
  import: new pulumi.Config().require("partnersPk"), // set with --secret
});`,
      },
      {
        title: "Let authentik email the link, so that only the invitee sees it (authentik 2026.5 and later).",
        program: `new authentik.Invitation("sam", {
  flow: "enrollment",
  validFor: "14d",
  singleUse: true,
  email: { to: ["sam@example.com"] },
});`,
      },
    ],
    lookup: { function: "getInvitation", by: "name" },
    importing: `Set the resource option \`import\` to the pk. The pk is a secret, so store it in the configuration rather than in the program:
\`import: new pulumi.Config().require("partnersPk")\`, set with \`--secret\`. If the invitation matches the program, nothing is written. Otherwise
the import fails, lists the properties that differ (never their values), and changes nothing. \`pulumi import\` does not support dynamic
resources.`,
    read: "{pk}/",
    drift: `A refresh shows changed inputs line by line, with the user who changed them, and \`pulumi up\` reverts them in place. A deleted
invitation is recreated, with a new link. A used or expired invitation is not drift, and is not reissued automatically: see \`onRetired\`,
\`keepers\` and \`docs/invitation-lifecycle.md\`. When a flow is deleted, authentik makes its invitations valid for any flow: that is drift, and a
warning.`,
    isDriftComplete: true,
    morePermissions: "`authentik_flows.view_flow` if `flow` is a slug",
    eventUse: "to distinguish used from deleted invitations and to report who changed them",
    throws: [
      "at preview, if the invitation is about to be issued and `expires` is in the past",
      "if `email` is set and authentik is older than 2026.5, before anything is created",
      "if the link could not be emailed; the invitation is kept in the state, and the next `pulumi up` emails the addresses that are missing",
      "if there is no flow with the slug or UUID in `flow`",
      "if the response to the create request is lost, and authentik's event log does not say what it created; the request is never sent twice",
    ],
  },
});
