/** A value as TypeScript, with the indentation of the line that it begins in. Whatever is in a text, the program's text stays harmless. */
export function literal(value: unknown, indent = ""): string {
  if (typeof value === "string") return textLiteral(value);
  if (typeof value !== "object" || value === null) return String(value);
  const isList = Array.isArray(value);
  const inner = `${indent}  `;
  const items = isList
    ? value.map((item) => literal(item, inner))
    : Object.entries(value).map(([key, item]) => `${keyLiteral(key)}: ${literal(item, inner)}`);
  if (items.length === 0) return isList ? "[]" : "{}";
  const line = isList ? `[${items.join(", ")}]` : "";
  // As formatters leave it: a short list in one line, an object in several.
  if (isList && !line.includes("\n") && indent.length + line.length <= 80) return line;
  return [isList ? "[" : "{", ...items.map((item) => `${inner}${item},`), indent + (isList ? "]" : "}")].join("\n");
}

/**
 * What must not stand in a program as it is: line separators, which end a line or a comment, and what moves the cursor or hides text from
 * the reader (controls, formats such as bidirectional overrides, blanks that are none, halves of characters).
 */
const unsafe = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Cn}]|(?! )\p{Zs}/gu;

/** A text in double quotes: nothing in it is replaced, as `${…}` is between backticks. */
export function textLiteral(text: string): string {
  return JSON.stringify(text).replaceAll(unsafe, (character) =>
    // Each half by itself: the escape is understood by all versions of the language.
    Array.from({ length: character.length }, (_, index) => {
      const code = character.charCodeAt(index).toString(16).padStart(4, "0");
      return `\\u${code}`;
    }).join(""),
  );
}

function keyLiteral(key: string): string {
  // Not computed, it would be the object's prototype.
  if (key === "__proto__") return '["__proto__"]';
  return /^[A-Za-z_$][\w$]*$/.test(key) ? key : textLiteral(key);
}
