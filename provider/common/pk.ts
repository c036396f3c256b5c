import { createHash } from "node:crypto";
import { stripWhitespace } from "./whitespace";

const uuidPattern = /^\{?([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})\}?$/i;

/** The UUID in authentik's spelling (lower case, with dashes), from any spelling that authentik accepts; `undefined` if it is not a UUID. */
export function normalizeUuid(value: string): string | undefined {
  const parts = uuidPattern.exec(stripWhitespace(value));
  return parts?.slice(1).join("-").toLowerCase();
}

/**
 * An invitation's opaque id: the first 16 hex digits of its pk's SHA-256. The pk is a bearer token (whoever has it can enroll), and Pulumi
 * writes a resource's id in plaintext to the state, the terminal and pull request comments.
 */
export function invitationId(pk: string): string {
  return createHash("sha256")
    .update(normalizeUuid(pk) ?? pk)
    .digest("hex")
    .slice(0, 16);
}

/** The link that the invitee opens; `undefined` without a flow or a valid base URL. */
export function formatLink(baseUrl: string | undefined, flowSlug: string | undefined, pk: string): string | undefined {
  return flowSlug === undefined || baseUrl === undefined ? undefined : `${baseUrl}/if/flow/${flowSlug}/?itoken=${pk}`;
}
