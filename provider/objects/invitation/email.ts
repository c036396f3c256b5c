import * as z from "zod";
import { isAddress, toAddressKey } from "../../common/email-address";
import { unknownValue } from "../../common/reserved-strings";
import { validate } from "../../lifecycle/validation";
import { isJsonObject } from "../../values/json";
import { withoutUndefined } from "../../values/properties";
import { nonBlankString } from "../../values/strings";

/** What a state has of an invitation's emails, in addition to the input `email`. */
export interface EmailProgress {
  /** The addresses for which authentik accepted the request, or may have. */
  readonly emailedTo?: readonly string[];
  /** The addresses for which a request certainly failed. The next run emails them. */
  readonly __unsentTo?: readonly string[];
}

const invalidAddress = "must be an email address, for example jane@example.com";

const addresses = z
  .array(
    // authentik validates no address (case `email.send.not-an-address`).
    z.string(invalidAddress).refine((value) => value === unknownValue || isAddress(value), invalidAddress),
    // A string instead of a list would send an email for each of its letters (case `email.send.text`).
    'must be a list of email addresses, for example ["jane@example.com"]',
  )
  .superRefine((values, context) => {
    const keys = values.map((value) => (typeof value === "string" ? toAddressKey(value) : value));
    for (const [index, key] of keys.entries()) {
      const first = keys.indexOf(key);
      if (first === index || key === unknownValue) continue;
      context.addIssue({ code: "custom", path: [index], message: `is the same address as [${first}]` });
    }
  });

const schema = z.strictObject({
  to: addresses.min(1, "must contain at least one email address"),
  cc: addresses.optional(),
  bcc: addresses.optional(),
  template: nonBlankString.optional(),
});

export type EmailInputs = z.output<typeof schema>;

/** Validates the input `email`. `flow` is the flow that applies to the invitation. */
export function validateEmail(email: unknown, flow: unknown): string[] {
  if (email === undefined || email === unknownValue) return [];
  if (!isJsonObject(email)) return ['email: must be an object, for example { to: ["jane@example.com"] }'];
  const withoutLink =
    flow === undefined ? ["email: requires flow, because an invitation without a flow has no link to send"] : [];
  return [...validate(schema, withoutUndefined(email), ["email"]), ...withoutLink];
}

/** The input `email` after `check`: an optional property that the program sets to null is omitted. */
export function normalizeEmail(email: unknown): unknown {
  return isJsonObject(email) ? withoutUndefined(email) : email;
}

/** The input `email` without the addresses that are still to be emailed, so that a preview after a refresh shows them. */
export function withoutUnsent(email: EmailInputs | undefined, { __unsentTo }: EmailProgress): EmailInputs | undefined {
  if (email === undefined || __unsentTo === undefined) return email;
  const unsent = addressKeys(__unsentTo);
  const to = email.to.filter((address) => !unsent.has(toAddressKey(address)));
  return to.length === 0 ? undefined : { ...email, to };
}

/** The addresses in the form in which they are compared. */
export function addressKeys(addresses: readonly string[] = []): Set<string> {
  return new Set(addresses.map(toAddressKey));
}
