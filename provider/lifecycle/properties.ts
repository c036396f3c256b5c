import { z } from "zod";

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
