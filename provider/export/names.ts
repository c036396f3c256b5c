/** The resource's name in the program: what authentik calls it, where that reads well in addresses of resources and in logs. */
export function logicalName(name: string, otherwise: string): string {
  const plain = name
    .normalize("NFC")
    .replaceAll(/[^\p{L}\p{M}\p{N}]*[^\p{L}\p{M}\p{N} ._-][^\p{L}\p{M}\p{N}]*/gu, "-")
    // What belongs to the character before it has none here.
    .replaceAll(/(?<![\p{L}\p{M}\p{N}])\p{M}+/gu, "")
    .replaceAll(/^[ ._-]+|[ ._-]+$/g, "");
  return /[\p{L}\p{N}]/u.test(plain) ? plain : otherwise;
}

/** An identifier of a stage: its name in camel case. It ends with "stage", so that no word of the language comes out. */
export function stageIdentifier(name: string): string {
  const words = name
    .normalize("NFC")
    .split(/[^\p{ID_Continue}]+|_+/u)
    .map((word) => word.replace(/^[^\p{ID_Start}\p{Nd}]+/u, ""))
    .filter((word) => word !== "");
  const [first = "", ...others] = words;
  const lower = /^\p{Lu}+$/u.test(first) ? first.toLowerCase() : uncapitalized(first);
  const joined = lower + others.map(capitalized).join("");
  const whole = /stage$/i.test(joined) ? joined : `${joined}Stage`;
  return /^\p{ID_Start}/u.test(whole) ? uncapitalized(whole) : `stage${capitalized(whole)}`;
}

/**
 * One name for each that is wished for, no two the same. Who wishes for a name that nobody else does gets it, and of several the first;
 * the others get a number.
 */
export function distinct(wishes: readonly string[], separator: string, taken: readonly string[] = []): string[] {
  const given = new Set([...taken, ...wishes]);
  const met = new Set(taken);
  return wishes.map((wish) => {
    let name = wish;
    for (let number = 2; met.has(name); number++) {
      const numbered = `${wish}${separator}${number}`;
      // A name that somebody wishes for is theirs.
      if (!given.has(numbered)) name = numbered;
    }
    met.add(name);
    given.add(name);
    return name;
  });
}

function capitalized(text: string): string {
  const [first = "", ...rest] = text;
  return first.toUpperCase() + rest.join("");
}

function uncapitalized(text: string): string {
  const [first = "", ...rest] = text;
  return first.toLowerCase() + rest.join("");
}
