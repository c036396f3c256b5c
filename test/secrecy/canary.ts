import { randomBytes } from "node:crypto";
import { recordSecret } from "../../sandbox/secrets";

/**
 * A value for whatever a test declares as a secret: `fixedData`, addresses, headers, names. It fails the test file if it occurs in an output, a
 * state, a history, a backup, a plan or a comment: see ./environment.js.
 */
export function canary(): string {
  const digits = randomBytes(16).toString("hex");
  recordSecret(digits);
  return `canary-${digits}`;
}
