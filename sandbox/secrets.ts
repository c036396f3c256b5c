import { appendFileSync } from "node:fs";
import { join } from "node:path";

/** Set by the environment of the tests: ../secrecy/environment.js. */
const issuedSecrets = Symbol.for("authentik.issuedSecrets");

/** Chosen keys that occur elsewhere, such as `token`, are no secrets. */
const minLength = 32;

/**
 * Records a token or an invitation's pk, so that the tests can search all output for it. In a process that a test starts, such as the demo,
 * it is recorded in a file.
 */
export function recordSecret(secret: string): void {
  if (secret.length < minLength) return;
  const recorded = (globalThis as { [issuedSecrets]?: Set<string> })[issuedSecrets];
  const folder = process.env["EMBEDDED_AUTHENTIK_SECRETS"];
  if (recorded) recorded.add(secret);
  else if (folder !== undefined) appendFileSync(join(folder, `${process.pid}.child`), `${secret}\n`);
}
