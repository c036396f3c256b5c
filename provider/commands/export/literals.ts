/** Source code in the place of a value. */
export class Source {
  readonly code: string;

  constructor(code: string) {
    this.code = code;
  }
}

/** Formats a value as TypeScript source, indented to fit into a line with `indent`. Strings from authentik cannot inject code. */
export function toLiteral(value: unknown, indent = ""): string {
  if (value instanceof Source) return value.code;
  if (typeof value === "string") return toStringLiteral(value);
  if (typeof value !== "object" || value === null) return String(value);
  const isList = Array.isArray(value);
  const inner = `${indent}  `;
  const items = isList
    ? value.map((item) => toLiteral(item, inner))
    : Object.entries(value).map(([key, item]) => `${toPropertyKey(key)}: ${toLiteral(item, inner)}`);
  if (items.length === 0) return isList ? "[]" : "{}";
  const line = isList ? `[${items.join(", ")}]` : "";
  // In the style of formatters: a short list on one line, an object on several.
  if (isList && !line.includes("\n") && indent.length + line.length <= 80) return line;
  return [isList ? "[" : "{", ...items.map((item) => `${inner}${item},`), indent + (isList ? "]" : "}")].join("\n");
}

/**
 * Characters to escape: line separators, which end a line or a comment, and characters that move the cursor or hide code from the reader
 * (control and format characters such as bidirectional overrides, unusual spaces, unpaired surrogates).
 */
const unsafeCharacters = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Cn}]|(?! )\p{Zs}/gu;

/** Formats a string in double quotes, in which nothing is interpolated. */
export function toStringLiteral(value: string): string {
  return JSON.stringify(value).replaceAll(unsafeCharacters, (character) =>
    // Escape each UTF-16 code unit, which every version of the language supports.
    Array.from({ length: character.length }, (_, index) => {
      const code = character.charCodeAt(index).toString(16).padStart(4, "0");
      return `\\u${code}`;
    }).join(""),
  );
}

function toPropertyKey(key: string): string {
  // As a plain key it would set the object's prototype.
  if (key === "__proto__") return '["__proto__"]';
  return /^[A-Za-z_$][\w$]*$/.test(key) ? key : toStringLiteral(key);
}
