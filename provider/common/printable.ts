import { breakReserved } from "./reserved-strings";

/**
 * Turns a string from the server or the program into one line that is safe to print. Whoever can set a name or an error page must not be
 * able to move the cursor of a terminal, or to start a line that a CI system interprets as a command.
 */
export function toPrintableLine(value: string): string {
  return breakReserved(value.replaceAll(/[\s\p{Cc}\p{Cf}\p{Cs}]+/gu, " ").trim());
}

/** Capitalizes an object's description at the start of a message. */
export function capitalize(description: string): string {
  return description.charAt(0).toUpperCase() + description.slice(1);
}

/** Like {@link toPrintableLine}, for output of another program that may have several lines. */
export function toPrintableLines(value: string): string {
  return value
    .split("\n")
    .map((line) => breakReserved(line.replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]+/gu, " ").trimEnd()))
    .join("\n");
}

/** JSON that is safe to print. `JSON.stringify` does not escape C1 controls and characters that reverse the direction of text. */
export function toPrintableJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, null, indent).replaceAll(/[\x7f-\x9f\p{Cf}\p{Zl}\p{Zp}]|<(?=\{%)/gu, toEscapes);
}

/** The `\u` escape of each UTF-16 code unit of a character. */
export function toEscapes(character: string): string {
  return character
    .split("")
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .join("");
}
