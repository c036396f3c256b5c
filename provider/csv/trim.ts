import { trim } from "../common/whitespace";

/**
 * Whitespace, no-break spaces, control characters, and what is invisible: zero-width spaces, byte order marks, and marks of the direction of text,
 * which cells copied from a web page or an address book often start with.
 */
const blank = /^[\s\p{Cc}\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]$/u;

export function trimCell(cell: string): string {
  return trim(cell, (character) => blank.test(character));
}
