import { createHash } from "node:crypto";

const spelling = /^\{?([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})\}?$/i;

/** The UUID as authentik writes it (lower case, with dashes), from any spelling that authentik takes; undefined if it is none. */
export function canonicalUuid(text: string): string | undefined {
  const parts = spelling.exec(text.trim());
  return parts?.slice(1).join("-").toLowerCase();
}

/**
 * What stands for an invitation wherever its pk must not show: 16 hex digits of the pk's SHA-256. The pk is a bearer token
 * (who has it may enrol), while Pulumi writes a resource's id in clear into the state, the terminal and comments.
 */
export function invitationId(pk: string): string {
  return createHash("sha256")
    .update(canonicalUuid(pk) ?? pk)
    .digest("hex")
    .slice(0, 16);
}
