import { createHash, randomBytes } from "node:crypto";

/**
 * The hidden input that says where a resource's requests come from: `{stack}/{tag}/{nonce}`. Pulumi neither displays nor diffs properties
 * whose names start with two underscores.
 */
export const originInput = "__origin";

/** Where a request comes from. authentik's event log keeps it as part of the User-Agent. */
export interface Origin {
  readonly stack: string;
  /** Hash of the resource's URN. */
  readonly tag: string;
  /** Random, different for each creation of the resource. It identifies the create request in the event log. */
  readonly nonce: string;
}

export function formatOrigin({ stack, tag, nonce }: Origin): string {
  return `${stack}/${tag}/${nonce}`;
}

/** `undefined` for an unknown value, and for resources that were created by a version without origins. */
export function parseOrigin(value: unknown): Origin | undefined {
  const parts = typeof value === "string" ? /^([\w.-]+)\/([0-9a-f]+)\/([0-9a-f]+)$/.exec(value) : null;
  if (parts === null) return undefined;
  const [, stack = "", tag = "", nonce = ""] = parts;
  return { stack, tag, nonce };
}

export function originOf(properties: { readonly [originInput]?: string }): Origin | undefined {
  return parseOrigin(properties[originInput]);
}

/** Short enough for every state and User-Agent, long enough that two resources of a stack do not share it. */
export function createTag(urn: string): string {
  return createHash("sha256").update(urn).digest("hex").slice(0, 10);
}

export function createNonce(): string {
  return randomBytes(6).toString("hex");
}

/**
 * The hidden input that says where the entries of a batch come from, for validation errors: file and line by key. `check` does not return it, so that it is
 * neither in the state nor a change when a row moves.
 */
export const csvPlacesInput = "__csvPlaces";
