import { stripVTControlCharacters } from "node:util";

const maxLineLength = 2_000;

/** Names of variables, and of parameters in URLs and connection strings, whose values are secret. */
const secretName = /TOKEN|PASSPHRASE|PASSWORD|PASSWD|SECRET|CREDENTIAL|SIGNATURE|HEADERS|KEY|^PWD$|^SIG$/i;

let secretPatterns: readonly RegExp[] | undefined;

/**
 * Removes secrets, control characters, and the end of an overlong line. The provider prints neither tokens nor links, but the program might,
 * and CI runners mask secrets in logs only, not in comments.
 */
export function redactLine(line: string): string {
  secretPatterns ??= findSecrets()
    .sort((a, b) => b.length - a.length)
    .flatMap(toPatterns);
  let redacted = stripVTControlCharacters(line).replace(/(?!\t)[\p{Cc}\p{Bidi_Control}]/gu, "");
  for (const pattern of secretPatterns) redacted = redacted.replace(pattern, "[redacted]");
  redacted = redacted
    .replace(/itoken(=|%3D)[0-9A-Za-z-]+/gi, "itoken$1[redacted]")
    .replace(/([a-z][a-z\d+.-]*:\/\/[^\s:/@]*:)[^\s/@]+@/gi, "$1[redacted]@");
  return redacted.length > maxLineLength ? `${truncate(redacted, maxLineLength)} […]` : redacted;
}

/** Replaces half of a surrogate pair, which is not valid Unicode, with U+FFFD. */
export function truncate(string: string, maxLength: number): string {
  return Buffer.from(string.slice(0, maxLength), "utf8").toString("utf8");
}

/** The secrets in the environment: variables with such a name, and in any variable, the passwords in URLs and connection strings. */
function findSecrets(): string[] {
  const variables = Object.entries(process.env).flatMap(([name, value]) => (value ? [{ name, value }] : []));
  const whole = variables
    .filter(({ name }) => secretName.test(name) && name !== "PWD")
    .flatMap(({ value }) => [value, ...findStrings(value)].flatMap((secret) => [secret, ...secret.split(/[\r\n]+/)]))
    .filter((value) => value.length >= 6);
  const parts = variables.flatMap(({ value }) => [...findPasswords(value), ...findParameters(value)]);
  const secrets = [...whole, ...parts.filter((value) => value.length >= 4)].map((value) => value.trim());
  return [...new Set([...secrets, ...secrets.map(decode)])].filter((value) => value !== "");
}

/** The password in each URL, or the user of a URL without one. Unencoded, a password can contain `@`, so each possible end counts. */
function findPasswords(value: string): string[] {
  return [...value.matchAll(/:\/\/(\S+)/g)].flatMap(([, rest = ""]) =>
    [...rest.matchAll(/@/g)].map(({ index }) => {
      const userInfo = rest.slice(0, index);
      return userInfo.slice(userInfo.indexOf(":") + 1);
    }),
  );
}

/** The parameters with a secret name, as in `?sslpassword=…` or `;AccountKey=…`. */
function findParameters(value: string): string[] {
  return [...value.matchAll(/(?:^|[?&;,\s])([\w.-]+)=([^&;,\s]+)/g)].flatMap(([, name = "", parameter = ""]) =>
    secretName.test(name) ? [parameter] : [],
  );
}

/** The strings in a JSON value, such as the key of a service account. */
function findStrings(json: string): string[] {
  const strings: string[] = [];
  try {
    JSON.parse(json, (_key, value: unknown) => {
      if (typeof value === "string") strings.push(value);
    });
  } catch {
    // Not JSON.
  }
  return strings;
}

function decode(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

/** Matches a secret as it is, encoded for URLs or JSON as far as any encoder does, and in base64 at any position. */
function toPatterns(secret: string): RegExp[] {
  const characters = [...secret].map((character) => {
    const literal = character.replace(/[\\^$.*+?()[\]{}|/-]/, "\\$&");
    if (/[A-Za-z\d]/.test(character)) return literal;
    const bytes = [...Buffer.from(character)].map((byte) => byte.toString(16).padStart(2, "0"));
    const percent = bytes.map((byte) => `%${byte.replace(/[a-f]/g, (digit) => `[${digit}${digit.toUpperCase()}]`)}`);
    const unicode = character.charCodeAt(0).toString(16).padStart(4, "0");
    return `(?:\\\\?${literal}|${percent.join("")}|\\\\u${unicode}${character === " " ? "|\\+" : ""})`;
  });
  const whole = Buffer.from(secret).toString("base64").replace(/=+$/, "");
  const fragments = [whole, ...[0, 1, 2].map((offset) => toBase64Fragment(secret, offset))].filter(
    (part) => part.length >= 6,
  );
  const base64 = fragments.map((part) => part.replace(/\+/g, "[+-]").replace(/\//g, "[/_]"));
  return [new RegExp(characters.join(""), "g"), ...base64.map((part) => new RegExp(`${part}=*`, "g"))];
}

/** The characters of base64 that do not depend on what surrounds the secret. `offset` is the number of bytes before it, modulo 3. */
function toBase64Fragment(secret: string, offset: number): string {
  const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(secret)]);
  const encoded = bytes.toString("base64").replace(/=+$/, "");
  return encoded.slice(offset === 0 ? 0 : offset + 1, bytes.length % 3 === 0 ? undefined : -1);
}
