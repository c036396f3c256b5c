import type { originInput } from "../../common/origin";
import { unknownValue } from "../../common/reserved-strings";
import type { SecretInputs } from "../../common/secret-inputs";
import { isTimestamp, isWithinYears } from "../../common/timestamp";
import { validate } from "../../lifecycle/validation";
import type { Properties } from "../../values/properties";
import { connectionProperty, type InputsOf, inputSchema } from "../declaration";
import { connectionInput } from "../property";
import { invitation } from "./declaration";
import { validateEmail } from "./email";

/** An invitation's inputs after `check`: with defaults, and otherwise as configured. */
export type InvitationInputs = InputsOf<typeof invitation.properties> &
  SecretInputs & { readonly [connectionInput]?: string; readonly [originInput]?: string };

const schema = inputSchema({
  ...invitation.properties,
  [connectionInput]: connectionProperty(invitation.noun),
});

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
  // JavaScript also parses other formats, in which a day may be taken for a month. The format and the year have errors of their own.
  const instant = typeof expires === "string" && isTimestamp(expires) ? Date.parse(expires.toUpperCase()) : Number.NaN;
  return isIssued && isWithinYears(instant) && instant <= Date.now() ? ["expires: is in the past"] : [];
}
