import { z } from "zod";
import { normalizeUuid } from "../common/pk";

/** A pk becomes part of paths, so a response must not contain anything else. */
export const wirePk = z.string().refine((pk) => normalizeUuid(pk) === pk, "must be a UUID");

/** A flow's slug becomes part of paths. */
export const wireSlug = z.string().regex(/^[-\w]+$/, "must be a slug");

/** RFC 3339. */
export const wireInstant = z
  .string()
  .refine((instant) => !Number.isNaN(Date.parse(instant.replace(/\.\d+/, ""))), "must be a timestamp");
