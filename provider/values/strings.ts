import * as z from "zod";
import { breakReserved } from "../common/reserved-strings";
import { stripWhitespace } from "../common/whitespace";
import { hasUnpairedSurrogate, unpairedSurrogate } from "./json";
import { isKnownString } from "./properties";

/** A string that authentik can store: authentik rejects NUL in names (case `stages.create.name-nul`) and unpaired surrogates in any JSON. */
export const storableString = z
  .string("must be a string")
  .refine((value) => !value.includes("\0"), "must not contain a NUL character, which authentik cannot store")
  .refine((value) => !unpairedSurrogate.test(value), hasUnpairedSurrogate);

/** A string that is not blank: authentik trims strings and rejects empty ones. */
export const nonBlankString = storableString.refine((value) => stripWhitespace(value) !== "", "must not be empty");

/** The configuration namespace with the settings of one authentik. */
export const connectionName = z
  .string("must be the name of a configuration namespace, such as authentik-staging")
  .regex(
    /^[A-Za-z][\w-]*$/,
    "must be the name of a configuration namespace, such as authentik-staging (for authentik-staging:url)",
  );

/** Whether a declared string equals the stored one, ignoring surrounding whitespace, which authentik trims. False for an unknown. */
export function isSameString(declared: unknown, stored: string): boolean {
  return isKnownString(declared) && stripWhitespace(declared) === stripWhitespace(stored);
}

/** The string as configured if it equals the stored one, otherwise the stored one as the CLI can print it. */
export function asConfigured(configured: string | undefined, stored: string): string {
  return configured !== undefined && isSameString(configured, stored) ? configured : breakReserved(stored);
}
