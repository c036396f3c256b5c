import { secretEmailInput } from "../../common/secret-email";

/** Pulumi marks serialized secrets with these two values (`sdk/go/common/resource`). */
export const signatureKey = "4dabf18193072939515e22adb298388d";
export const secretSignature = "1b47061264138c4ac30d75fd1eb44270";

/** The outputs of a resource, with the addresses in `emailedTo` secret if the program declares them as a secret. */
export function protectAddresses<
  Outputs extends { readonly emailedTo?: unknown; readonly [secretEmailInput]?: boolean },
>(outputs: Outputs): Outputs {
  const { emailedTo, [secretEmailInput]: isSecret } = outputs;
  return isSecret && emailedTo !== undefined ? { ...outputs, emailedTo: toSecretOutput(emailedTo) } : outputs;
}

/** An output that Pulumi stores encrypted and does not print. */
function toSecretOutput(value: unknown): unknown {
  return { [signatureKey]: secretSignature, value };
}
