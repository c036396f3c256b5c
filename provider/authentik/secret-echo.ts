/** Characters in a row that a message must have in common with a secret to count as repeating it. */
const windowSize = 8;

/**
 * Whether a message repeats a part of a secret, in any case, with or without separators, and in the encodings that proxies use: percent, HTML and JSON
 * escapes, hexadecimal and base64.
 */
export function repeatsSecret(message: string, secrets: readonly string[]): boolean {
  const forms = decodedForms(message).map(normalize);
  return secrets.some((secret) => {
    const normalized = normalize(secret);
    const encodings = [normalized, ...base64Forms(secret), normalize(Buffer.from(secret).toString("hex"))];
    return encodings.some((encoding) => windows(encoding).some((part) => forms.some((form) => form.includes(part))));
  });
}

function windows(encoding: string): string[] {
  if (encoding.length < 4) return [];
  const size = Math.min(encoding.length, windowSize);
  // A short secret counts as a whole. Parts of a longer one count as well.
  return Array.from({ length: encoding.length - size + 1 }, (_, start) => encoding.slice(start, start + size));
}

function normalize(value: string): string {
  return value
    .normalize("NFKC")
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]+/gu, "");
}

/** The characters of base64 that depend only on the secret, at the three positions at which it can start. */
function base64Forms(secret: string): string[] {
  const bytes = Buffer.from(secret);
  return [0, 1, 2]
    .map((offset) =>
      Buffer.concat([Buffer.alloc(offset), bytes])
        .toString("base64")
        .replace(/=+$/, ""),
    )
    .map((encoded, offset) => normalize(encoded.slice(offset === 0 ? 0 : offset + 1, -1)))
    .filter((encoded) => encoded.length >= windowSize);
}

function decodedForms(text: string): string[] {
  const toCharacter = (_: string, hex: string): string => String.fromCharCode(Number.parseInt(hex, 16));
  const decoders = [
    (value: string) => value.replaceAll(/%([0-9a-f]{2})/gi, toCharacter),
    (value: string) => value.replaceAll(/\\u([0-9a-f]{4})/gi, toCharacter),
    (value: string) =>
      value.replaceAll(/&#(x?)([0-9a-f]{1,6});/gi, (_, isHex: string, code: string) =>
        String.fromCodePoint(Math.min(Number.parseInt(code, isHex ? 16 : 10) || 0, 0x10ffff)),
      ),
  ];
  const forms = [text];
  // Twice, for a message that a second proxy has encoded again.
  for (let round = 0; round < 2; round += 1) {
    for (const decode of decoders) forms.push(decode(forms.at(-1) ?? ""));
  }
  return [...new Set(forms)];
}
