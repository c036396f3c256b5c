/**
 * Turns a string from the server into one line that is safe to print. Whoever can set a name or an error page in authentik must not be able
 * to move the cursor of a terminal, or to start a line that a CI system interprets as a command.
 */
export function toPrintableLine(value: string): string {
  return value.replaceAll(/[\s\p{Cc}\p{Cf}]+/gu, " ").trim();
}
