/**
 * Which inputs contain secrets. Pulumi passes secrets to the provider process as plain values, so the program passes their names in a hidden input:
 * of `fixedData: { code: pulumi.secret("…") }`, the name `fixedData`. Of a batch, `invitations.fixedData` says that the `fixedData` of an entry
 * contains a secret, and `invitations` that all of it is one.
 *
 * Whatever the provider derives from these inputs (outputs, drift, messages, what `recover` stores) must not reveal them. Ask `hasSecretInput`.
 */
export const secretInputsInput = "__secretInputs";

/** Which older versions stored instead: `true` if the program declares addresses as secrets. */
export const secretEmailInput = "__secretEmail";

/** The inputs or outputs of a resource, of which only these are read. */
export interface SecretInputs {
  readonly [secretInputsInput]?: readonly string[];
  readonly [secretEmailInput]?: boolean;
}

export function secretInputsOf(properties: SecretInputs): readonly string[] {
  return properties[secretInputsInput] ?? (properties[secretEmailInput] === true ? ["email", "invitations.email"] : []);
}

/** Whether one of these inputs contains a secret. Without names: whether any does. */
export function hasSecretInput(properties: SecretInputs, ...names: readonly string[]): boolean {
  const secret = secretInputsOf(properties);
  return names.length === 0 ? secret.length > 0 : names.some((name) => secret.includes(name));
}

export function inputNameAt([name, _key, entryInput]: readonly string[]): string {
  return name === "invitations" && entryInput !== undefined ? `invitations.${entryInput}` : (name ?? "");
}

/** For an invitation that `get` reads: the program that declares it may declare its `fixedData` as a secret. */
export const unmanagedSecrets = { [secretInputsInput]: ["fixedData"] } as const;
