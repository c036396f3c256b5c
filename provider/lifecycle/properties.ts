import { z } from "zod";
import { isKnownText } from "./check";

/** A text that authentik can store: it refuses NUL in names (case `stages.create.name-nul`), and half characters in any JSON. */
export const storableText = z
  .string("must be a text")
  .refine((text) => !text.includes("\0"), "must not hold a NUL character")
  .refine((text) => !/\p{Surrogate}/u.test(text), "must not hold half of a surrogate pair, which is no Unicode text");

/** The configuration namespace that holds the settings of an authentik. */
export const connectionName = z
  .string("must be the name of a configuration namespace, such as authentik-staging")
  .regex(
    /^[A-Za-z][\w-]*$/,
    "must be the name of a configuration namespace, such as authentik-staging (for authentik-staging:url)",
  );

/** A text that is not blank, for authentik trims texts and refuses what is left empty. */
export const filledText = storableText.refine((text) => text.trim() !== "", "must not be empty");

/** Whether a declared text is what authentik has, which trims texts. What is not known yet is not. */
export function isSameText(declared: unknown, stored: string): boolean {
  return isKnownText(declared) && declared.trim() === stored.trim();
}

/** A text in the user's words where authentik has the same, else in authentik's. */
export function asWritten(written: string | undefined, stored: string): string {
  return written !== undefined && isSameText(written, stored) ? written : stored;
}
