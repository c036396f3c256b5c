/** Whitespace in Python, but not in JavaScript. */
const additionalWhitespace = new Set(["\u001c", "\u001d", "\u001e", "\u001f", "\u0085"]);

function isWhitespace(character: string): boolean {
  // JavaScript counts U+FEFF as whitespace.
  return additionalWhitespace.has(character) || (/\s/.test(character) && character !== "\ufeff");
}

/** Removes whitespace from both ends exactly as authentik does (Python's `str.strip`), so that declared and stored strings compare equal. */
export function stripWhitespace(value: string): string {
  return trim(value, isWhitespace);
}

/** Removes characters from both ends. A regular expression for the end would take quadratic time. */
export function trim(value: string, isRemoved: (character: string) => boolean): string {
  let start = 0;
  let end = value.length;
  while (start < end && isRemoved(value.charAt(start))) start += 1;
  while (end > start && isRemoved(value.charAt(end - 1))) end -= 1;
  return value.slice(start, end);
}
