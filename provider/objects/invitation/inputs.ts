import * as z from "zod";
import { originInput } from "../../common/origin";
import type { SecretInputs } from "../../common/secret-inputs";
import { isTimestamp, timestampRule } from "../../common/timestamp";
import { stripWhitespace } from "../../common/whitespace";
import { validate } from "../../lifecycle/validation";
import { fixedData } from "../../values/fixed-data";
import { parseDuration } from "../../values/instant";
import { type Properties, unknownValue } from "../../values/properties";
import { connectionName, storableString } from "../../values/strings";
import { type EmailInputs, validateEmail } from "./email";

/** An invitation's inputs after `check`: with defaults, and otherwise as configured. */
export interface InvitationInputs extends SecretInputs {
  readonly name: string;
  readonly expires?: string;
  readonly validFor?: string;
  readonly fixedData: Readonly<Record<string, unknown>>;
  readonly singleUse: boolean;
  readonly flow?: string;
  readonly onRetired?: "keep" | "reissue";
  readonly keepers?: Readonly<Record<string, unknown>>;
  readonly connection?: string;
  readonly email?: EmailInputs;
  readonly [originInput]?: string;
}

/** The schemas of an invitation's properties, each optional. */
export const invitationProperties = {
  name: storableString
    .refine((name) => stripWhitespace(name) !== "", "must not be empty")
    .refine(
      (name) => /^[-\w]*$/.test(stripWhitespace(name)),
      "must contain only letters (a-z, A-Z), digits, _ and -. Defaults to the resource's logical name; set it explicitly if the logical name has other characters",
    )
    .optional(),
  expires: z
    .string(`${timestampRule}. For a Date, use .toISOString()`)
    .refine((value) => isTimestamp(value), {
      error: timestampRule,
      abort: true,
    })
    .refine((value) => isWithinYears(Date.parse(value.toUpperCase())), "must be between the years 1 and 9999 (UTC)")
    .optional(),
  validFor: z
    .string("must be a duration as a string, for example 14d")
    .refine((value) => parseDuration(value) !== undefined, {
      error: "must be a number and a unit, for example 14d, 36h or 90m (minutes)",
      abort: true,
    })
    .refine((value) => (parseDuration(value) ?? 0n) > 0n, { error: "must be greater than zero", abort: true })
    .refine(
      (value) => isWithinYears(Date.now() + Number(parseDuration(value) ?? 0n) / 1000),
      "must not end later than the year 9999",
    )
    .optional(),
  fixedData: fixedData.optional(),
  singleUse: z.boolean("must be true or false").optional(),
  flow: z
    .string("must be a flow's slug or UUID, as a string")
    .refine((value) => stripWhitespace(value) !== "", "must not be empty. Omit it to accept any flow")
    .refine(
      (value) => /^[-\w]*$/.test(stripWhitespace(value)),
      "must be a flow's slug (letters, digits, _ and -) or UUID",
    )
    .optional(),
  onRetired: z.enum(["keep", "reissue"], 'must be "keep" or "reissue"').optional(),
  keepers: z.record(z.string(), z.unknown(), "must be an object").optional(),
  // Validated by `validateEmail`.
  email: z.unknown().optional(),
  connection: connectionName.optional(),
};

const schema = z.strictObject(invitationProperties);

/** Validates an invitation's inputs. An expiry in the past is an error only if the invitation is about to be issued. */
export function validateInvitation(inputs: Properties, isIssued: boolean): string[] {
  return [
    ...validate(schema, inputs),
    ...validateExpiry(inputs, isIssued),
    ...validateReissue(inputs),
    ...validateEmail(inputs["email"], inputs["flow"]),
  ];
}

export function validateReissue({ onRetired, expires, validFor }: Properties): string[] {
  const isUnknown = expires === unknownValue || validFor === unknownValue;
  return onRetired === "reissue" && validFor === undefined && !isUnknown
    ? ['onRetired: "reissue" requires validFor instead of expires, so that each new invitation gets its own expiry']
    : [];
}

export function validateExpiry({ expires, validFor }: Properties, isIssued: boolean): string[] {
  // An unknown may resolve to undefined, so neither rule can be applied yet.
  if (expires === unknownValue || validFor === unknownValue) return [];
  if (expires !== undefined && validFor !== undefined) return ["expires: set either expires or validFor, not both"];
  if (expires === undefined && validFor === undefined) {
    return [
      "expires: set either expires (for example 2027-01-31T23:59:59Z) or validFor (for example 14d). Without one, authentik expires the invitation after 30 minutes",
    ];
  }
  // JavaScript also parses other formats, in which a day may be taken for a month. The format has an error of its own.
  const isPast = typeof expires === "string" && isTimestamp(expires) && Date.parse(expires.toUpperCase()) <= Date.now();
  return isIssued && isPast ? ["expires: is in the past"] : [];
}

function isWithinYears(milliseconds: number): boolean {
  const year = new Date(milliseconds).getUTCFullYear();
  return year >= 1 && year <= 9999;
}
