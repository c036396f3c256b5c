import * as z from "zod";
import { normalizeUuid } from "../common/pk";

/** A pk becomes part of paths, so a response must not contain anything else. */
export const wirePk = z.string().refine((pk) => normalizeUuid(pk) === pk, "must be a UUID");

/** A flow's slug becomes part of paths. */
export const wireSlug = z.string().regex(/^[-\w]+$/, "must be a slug");

/** RFC 3339. Strict, because timestamps are printed, and `Date.parse` takes anything in parentheses. */
export const wireInstant = z.iso.datetime({ offset: true, error: "must be an RFC 3339 timestamp" });

/** A response with another object than the requested one would replace it in the state. */
export function wireObject<T extends { pk: string }>(schema: z.ZodType<T>, requestedPk: string): z.ZodType<T> {
  return schema.refine(({ pk }) => pk === requestedPk, { path: ["pk"], error: "must be the requested one" });
}

/**
 * A field that is only displayed, so that its absence or another type in another version of authentik is no error. authentik's enums are strings,
 * because newer versions have values that older ones do not.
 */
export const displayedString = z.string().optional().catch(undefined);
