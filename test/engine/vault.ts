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
