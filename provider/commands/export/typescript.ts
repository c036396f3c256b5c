import { capitalize, toEscapes } from "../../common/printable";

/** Source code in the place of a value. */
export class Source {
  constructor(
    readonly code: string,
    /** The variable that it refers to. */
    readonly variable?: string,
  ) {}
}

/** The variables and functions of each program. */
export const reservedIdentifiers = ["authentik", "config", "pulumi", "readPks"];

/** Formats a value as TypeScript source, indented to fit into a line with `indent`. Strings from authentik cannot inject code. */
export function toLiteral(value: unknown, indent = ""): string {
  if (value instanceof Source) return value.code;
  if (typeof value === "string") return toStringLiteral(value);
  if (typeof value !== "object" || value === null) return String(value);
  const inner = `${indent}  `;
  const block = (opening: string, items: readonly string[], closing: string): string =>
    [opening, ...items.map((item) => `${inner}${item},`), indent + closing].join("\n");
  if (Array.isArray(value)) {
    const items = value.map((item) => toLiteral(item, inner));
    const line = `[${items.join(", ")}]`;
    // In the style of formatters: a short list on one line, an object on several.
    return line.includes("\n") || indent.length + line.length > 80 ? block("[", items, "]") : line;
  }
  const items = Object.entries(value).map(([key, item]) => `${toPropertyKey(key)}: ${toLiteral(item, inner)}`);
  return items.length === 0 ? "{}" : block("{", items, "}");
}

/**
 * Characters to escape: line separators, which end a line or a comment, and characters that move the cursor or hide code from the reader
 * (control and format characters such as bidirectional overrides, unusual spaces, unpaired surrogates).
 */
const unsafeCharacters = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Cn}]|(?! )\p{Zs}/gu;

/** Formats a string in double quotes, in which nothing is interpolated. */
export function toStringLiteral(value: string): string {
  return JSON.stringify(value).replaceAll(unsafeCharacters, toEscapes);
}

function toPropertyKey(key: string): string {
  // As a plain key it would set the object's prototype.
  if (key === "__proto__") return '["__proto__"]';
  return /^[A-Za-z_$][\w$]*$/.test(key) ? key : toStringLiteral(key);
}

/** The resource's logical name: the name in authentik, reduced to characters that read well in URNs and logs. */
export function toLogicalName(name: string, fallback: string): string {
  const plain = name
    .normalize("NFC")
    .replaceAll(/[^\p{L}\p{M}\p{N}]+/gu, (separator) => (/[^ ._-]/u.test(separator) ? "-" : separator))
    // Remove combining marks without a base character.
    .replaceAll(/(?<![\p{L}\p{M}\p{N}])\p{M}+/gu, "")
    .replace(/^[ ._-]+/, "");
  if (!/[\p{L}\p{N}]/u.test(plain)) return fallback;
  // A regular expression for the end would start at each of thousands of separators.
  const characters = [...plain];
  return characters.slice(0, characters.findLastIndex((character) => !" ._-".includes(character)) + 1).join("");
}

/** A variable in camel case. It ends with the kind of the object, which no reserved word does. */
export function toIdentifier(name: string, kind: "flow" | "pk" | "stage"): string {
  const [first = "", ...others] = name
    .normalize("NFC")
    .split(/[^\p{ID_Continue}]+|_+/u)
    .map((word) => word.replace(/^[^\p{ID_Start}\p{Nd}]+/u, ""))
    .filter((word) => word !== "");
  const lower = /^\p{Lu}+$/u.test(first) ? first.toLowerCase() : uncapitalize(first);
  const joined = lower + others.map(capitalize).join("");
  const whole = joined.toLowerCase().endsWith(kind) ? joined : `${joined}${capitalize(kind)}`;
  return /^\p{ID_Start}/u.test(whole) ? uncapitalize(whole) : `${kind}${capitalize(whole)}`;
}

function uncapitalize(word: string): string {
  return word.charAt(0).toLowerCase() + word.slice(1);
}

/** Makes names unique. The first of several equal names stays as it is; the others get a number. */
export function toUniqueNames(names: readonly string[], separator = "-", taken: readonly string[] = []): string[] {
  const reserved = new Set([...taken, ...names]);
  const used = new Set(taken);
  return names.map((name) => {
    let unique = name;
    for (let number = 2; used.has(unique); number++) {
      const numbered = `${name}${separator}${number}`;
      // Skip numbered names that are in the list themselves.
      if (!reserved.has(numbered)) unique = numbered;
    }
    used.add(unique);
    reserved.add(unique);
    return unique;
  });
}
