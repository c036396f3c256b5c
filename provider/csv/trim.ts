/**
 * Whitespace, no-break spaces, control characters, and what is invisible: zero-width spaces, byte order marks, and marks of the direction of text,
 * which cells copied from a web page or an address book often start with.
 */
const blank = /^[\s\p{Cc}\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]$/u;

/** Removes blanks from both ends. A regular expression for the end would take quadratic time. */
export function trimCell(cell: string): string {
  let start = 0;
  let end = cell.length;
  while (start < end && blank.test(cell.charAt(start))) start += 1;
  while (end > start && blank.test(cell.charAt(end - 1))) end -= 1;
  return cell.slice(start, end);
}
