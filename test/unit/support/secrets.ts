/** Pulumi's marks of a secret (`sdk/go/common/resource`). */
export const signatureKey = "4dabf18193072939515e22adb298388d";
const secretSignature = "1b47061264138c4ac30d75fd1eb44270";

/** A secret in the form in which a provider returns it to the engine. */
export function secret(value: unknown): Record<string, unknown> {
  return { [signatureKey]: secretSignature, value };
}

/** Replaces secrets by their values, as the engine does before it passes them to a provider. */
export function unwrapSecrets(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(unwrapSecrets);
  if (signatureKey in value) return unwrapSecrets((value as { value?: unknown }).value);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, unwrapSecrets(item)]));
}

/** What of a value Pulumi prints and stores in plaintext. */
export function withoutSecrets(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    typeof item === "object" && item !== null && signatureKey in item ? "[secret]" : item,
  );
}
