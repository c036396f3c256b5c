import { createHash } from "node:crypto";
import { stripWhitespace } from "../../common/whitespace";
import { formatPath } from "../../values/properties";

/** authentik 2024.8 rejects longer names (case `invitations.create.name.51`). */
const maxLength = 50;

/** Hex digits that distinguish keys with the same slug. */
const hashLength = 6;

/** The longest prefix that leaves room for some of the key. */
export const maxPrefixLength = maxLength - hashLength - 12;

/** Names that were computed already, by prefix and key: transliterating thousands of keys takes a while, and each operation needs them. */
const known = new Map<string, string>();

/** The entries' names in authentik by key: the prefix, a dash, and the key as a slug. A key that had to be changed gets some digits of its hash. */
export async function toEntryNames(prefix: string, keys: readonly string[]): Promise<Map<string, string>> {
  // Published as an ES module only.
  const { default: slugify } = await import("@sindresorhus/slugify");
  const options = { decamelize: false, lowercase: false, preserveCharacters: ["_"] };
  const trimmed = stripWhitespace(prefix);
  return new Map(
    keys.map((key) => {
      const id = JSON.stringify([trimmed, key]);
      const name = known.get(id) ?? toEntryName(trimmed, key, isSlug(key) ? key : slugify(key, options));
      known.set(id, name);
      return [key, name];
    }),
  );
}

function toEntryName(prefix: string, key: string, slug: string): string {
  const name = `${prefix}-${slug}`;
  if (slug === key && name.length <= maxLength) return name;
  const hash = createHash("sha256").update(key).digest("hex").slice(0, hashLength);
  const shortened = name.slice(0, maxLength - hashLength - 1).replace(/-+$/, "");
  return `${shortened}-${hash}`;
}

function isSlug(key: string): boolean {
  return /^[-\w]+$/.test(key);
}

export function entryPath(key: string): string {
  return formatPath(["invitations", key]);
}

/** Keys that a message names before it only counts the rest. */
export const maxKeys = 5;

export function listKeys(keys: readonly string[]): string {
  const rest = keys.length - maxKeys;
  return keys.slice(0, maxKeys).join(", ") + (rest > 0 ? ` and ${rest.toLocaleString("en-US")} more` : "");
}
