/** What Pulumi's protocol reserves in any string: see `sdk/go/common/resource` and, for unknown values, `sdk/go/common/resource/plugin/rpc.go`. */

/** Pulumi's placeholder for a value that is unknown at preview, at any depth. */
export const unknownValue = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** The engine's placeholders for unknown values of different types. */
export const unknownValues: ReadonlySet<string> = new Set([
  unknownValue,
  "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
  "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
  "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
  "030794c1-ac77-496b-92df-f27374a8bd58",
  "e48ece36-62e2-4504-bad9-02848725956a",
  "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
]);

/** The key that marks a serialized secret, output, asset, archive or resource. */
export const signatureKey = "4dabf18193072939515e22adb298388d";

/**
 * A string of authentik without what Pulumi interprets. The CLI interprets color directives, such as `<{%fg 9%}>`, in everything that it prints, and crashes
 * on one that it does not know, which leaves a lock and a pending operation. The engine fails on an unexpected placeholder or signature, and
 * reads a file of this machine for that of an asset.
 */
export function breakReserved(value: string): string {
  if (value === signatureKey || unknownValues.has(value)) return `${value} `;
  return value.replaceAll("<{%", "< {%");
}
