/**
 * A text of the server as one line that a terminal and a CI log can be given: whoever may write a name or an error page in authentik must
 * not be able to move the cursor there, or to begin a line that means something to a log's reader.
 */
export function printable(text: string): string {
  return text.replaceAll(/[\s\p{Cc}\p{Cf}]+/gu, " ").trim();
}
