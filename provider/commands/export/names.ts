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
  const end = [...plain].findLastIndex((character) => !" ._-".includes(character));
  return [...plain].slice(0, end + 1).join("");
}

/** The variable for a stage. */
export function toStageIdentifier(name: string): string {
  return toIdentifier(name, "stage");
}

/** A name in camel case. It ends with the kind of the object, which no reserved word does. */
export function toIdentifier(name: string, kind: "flow" | "pk" | "stage"): string {
  const words = name
    .normalize("NFC")
    .split(/[^\p{ID_Continue}]+|_+/u)
    .map((word) => word.replace(/^[^\p{ID_Start}\p{Nd}]+/u, ""))
    .filter((word) => word !== "");
  const [first = "", ...others] = words;
  const lower = /^\p{Lu}+$/u.test(first) ? first.toLowerCase() : uncapitalize(first);
  const joined = lower + others.map(capitalize).join("");
  const whole = joined.toLowerCase().endsWith(kind) ? joined : `${joined}${capitalize(kind)}`;
  return /^\p{ID_Start}/u.test(whole) ? uncapitalize(whole) : `${kind}${capitalize(whole)}`;
}

/** Makes names unique. The first of several equal names stays as it is; the others get a number. */
export function toUniqueNames(names: readonly string[], separator: string, taken: readonly string[] = []): string[] {
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

function capitalize(word: string): string {
  const [first = "", ...rest] = word;
  return first.toUpperCase() + rest.join("");
}

function uncapitalize(word: string): string {
  const [first = "", ...rest] = word;
  return first.toLowerCase() + rest.join("");
}
