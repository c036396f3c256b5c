import { secretEmailInput } from "../../common/secret-email";

/** Pulumi marks serialized secrets with these two values (`sdk/go/common/resource`). */
export const signatureKey = "4dabf18193072939515e22adb298388d";
export const secretSignature = "1b47061264138c4ac30d75fd1eb44270";

/** The outputs that contain addresses of the input `email`. */
const addressOutputs = ["emailedTo", "__unsentTo"] as const;

/** The outputs of a resource, with addresses as secrets if the program declares them as secrets. */
export function protectAddresses<
  Outputs extends { readonly [Name in (typeof addressOutputs)[number]]?: unknown } & {
    readonly [secretEmailInput]?: boolean;
  },
>(outputs: Outputs): Outputs {
  if (!outputs[secretEmailInput]) return outputs;
  const secrets = addressOutputs.filter((name) => outputs[name] !== undefined);
  return { ...outputs, ...Object.fromEntries(secrets.map((name) => [name, toSecretOutput(outputs[name])])) };
}

/** Whether an output contains addresses that the program declares as secrets. */
export function isSecretAddressOutput(name: string, outputs: { readonly [secretEmailInput]?: unknown }): boolean {
  return outputs[secretEmailInput] === true && addressOutputs.some((output) => output === name);
}

/** An output that Pulumi stores encrypted and does not print. */
function toSecretOutput(value: unknown): unknown {
  return { [signatureKey]: secretSignature, value };
}
