import { createHash } from "node:crypto";
import { createNonce, type Origin, originInput } from "../../common/origin";

/**
 * Where the requests of an entry come from. The tag and the nonce follow from the batch's, so that `recover` can compute them.
 * `revision` counts the updates of the batch, so that a key that is removed and added again has another nonce.
 */
export function entryOrigin(origin: Origin | undefined, key: string, revision = 0): Origin | undefined {
  if (origin === undefined) return undefined;
  return {
    stack: origin.stack,
    tag: hash([origin.tag, key], origin.tag.length),
    nonce: hash([origin.nonce, key, String(revision)], origin.nonce.length),
  };
}

export function nextRevision({ __revision = 0 }: { readonly __revision?: number }): number {
  return __revision + 1;
}

/** The id of a batch, which no object in authentik has. It follows from the origin, so that `recover` can compute it. */
export function batchId(inputs: { readonly [originInput]?: string }): string {
  return hash([inputs[originInput] ?? createNonce()], 16);
}

function hash(values: readonly string[], length: number): string {
  return createHash("sha256").update(JSON.stringify(values)).digest("hex").slice(0, length);
}
