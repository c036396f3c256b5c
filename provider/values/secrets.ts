import { signatureKey } from "../common/reserved-strings";
import { hasSecretInput, type SecretInputs, secretInputsOf } from "../common/secret-inputs";

/** Pulumi marks serialized secrets with this value of the key of signatures (`sdk/go/common/resource`). */
export const secretSignature = "1b47061264138c4ac30d75fd1eb44270";

/** The outputs that follow from an input of another name. */
const derivedOutputs: Readonly<Record<string, readonly string[]>> = {
  email: ["emailedTo", "__unsentTo"],
  flow: ["flowPk", "flowSlug"],
  expires: ["retiredAt", "__declaredExpires"],
  validFor: ["expires", "retiredAt", "__declaredExpires"],
  // Keys can be addresses.
  invitations: ["emailedTo", "retiredAt"],
  "invitations.expires": ["retiredAt"],
  "invitations.validFor": ["retiredAt"],
  "invitations.email": ["emailedTo"],
};

/** The outputs that contain pks, or values of any entry of a batch. */
const secretOutputs = ["pks", "links", "__invitations", "__common", "__details", "__obsolete"];

/** The outputs that contain secrets, as far as the inputs say. */
export function secretOutputsOf(outputs: SecretInputs): ReadonlySet<string> {
  const inputs = secretInputsOf(outputs);
  return new Set([...inputs, ...inputs.flatMap((input) => derivedOutputs[input] ?? []), ...secretOutputs]);
}

/**
 * The outputs of a resource, with those as secrets that contain secrets. The engine would only keep what has the same path as a secret input, and
 * not what authentik returns beside it.
 */
export function protectOutputs<Outputs extends SecretInputs>(outputs: Outputs): Outputs {
  const secret = secretOutputsOf(outputs);
  return markSecrets(outputs, (name) => secret.has(name)) as Outputs;
}

/** Inputs that `read` returns, with those as secrets that were changed outside Pulumi and contain secrets. */
export function protectChangedInputs(
  inputs: Record<string, unknown>,
  changed: readonly string[],
  configured: SecretInputs,
): Record<string, unknown> {
  return markSecrets(inputs, (name) => changed.includes(name) && hasSecretInput(configured, name));
}

/**
 * Inputs after `check`, with those as secrets that contain secrets and did not before. The engine then encrypts the outputs of the same names, even if
 * nothing has to be updated.
 */
export function protectNewSecrets(inputs: Record<string, unknown>, olds: SecretInputs): Record<string, unknown> {
  const isCreated = Object.keys(olds).length === 0;
  const added = isCreated ? [] : secretInputsOf(inputs).filter((name) => !hasSecretInput(olds, name));
  return protectChangedInputs(inputs, added, inputs);
}

/** Whether a value is a serialized secret. Those in an exported state have their value as JSON in `plaintext`. */
export function isSecretValue(value: unknown): value is { readonly value?: unknown; readonly plaintext?: string } {
  return (
    typeof value === "object" &&
    value !== null &&
    Object.hasOwn(value, signatureKey) &&
    (value as { readonly [signatureKey]: unknown })[signatureKey] === secretSignature
  );
}

/** The properties, with those that `isSecret` selects as secrets. */
export function markSecrets(properties: object, isSecret: (name: string) => boolean): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(properties).map(([name, value]) => [name, isSecret(name) ? toSecret(value) : value]),
  );
}

/** A value that Pulumi stores encrypted and does not print. */
export function toSecret(value: unknown): unknown {
  return value === undefined || value === null ? value : { [signatureKey]: secretSignature, value };
}
