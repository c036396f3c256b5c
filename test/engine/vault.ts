import { createCipheriv, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** For `pulumi stack init --secrets-provider`. */
export const secretsProvider = "hashivault://test";

let environment: Promise<Record<string, string>> | undefined;

/**
 * The environment in which `pulumi` gets the key of a stack's secrets from a Vault. To derive it from a passphrase takes a third of the CPU time of a
 * small command. The secrets in the state are encrypted in the same way. This Vault runs in the test's process, and does not encrypt the key.
 */
export function vaultEnvironment(): Promise<Record<string, string>> {
  environment ??= startVault();
  return environment;
}

/** A secret as `pulumi config set --secret` writes it, for a stack with this configuration file. */
export function encryptSecret(stackConfiguration: string, secret: string): string {
  const [, encryptedKey = ""] = /^encryptedkey: (\S+)$/m.exec(stackConfiguration) ?? [];
  // This Vault returns the key as it gets it: in Base64, which Pulumi encodes again.
  const key = Buffer.from(Buffer.from(encryptedKey, "base64").toString(), "base64");
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  const encrypted = Buffer.concat([cipher.update(secret), cipher.final(), cipher.getAuthTag()]);
  return `v1:${nonce.toString("base64")}:${encrypted.toString("base64")}`;
}

async function startVault(): Promise<Record<string, string>> {
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    const { plaintext, ciphertext = "" } = JSON.parse(body) as { plaintext?: string; ciphertext?: string };
    const data = plaintext === undefined ? { plaintext: ciphertext } : { ciphertext: plaintext };
    response.setHeader("content-type", "application/json").end(JSON.stringify({ data }));
  });
  server.listen(0, "127.0.0.1").unref();
  await once(server, "listening");
  return {
    VAULT_SERVER_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    VAULT_SERVER_TOKEN: "vault",
  };
}
