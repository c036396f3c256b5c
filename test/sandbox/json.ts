/**
 * JSON as authentik reads and keeps it: `1` and `1.0` are different numbers, integers go to 64 bits, and what comes
 * back from the database has its keys sorted and its large floats turned into integers. JavaScript's own JSON knows none of this.
 */

/** A number that was written with a point or an exponent, or was too large for an integer. */
export class Float {
  constructor(readonly value: number) {}
}

export type Json = null | boolean | number | bigint | string | Float | Json[] | JsonObject;
export interface JsonObject {
  [key: string]: Json;
}

export class JsonError extends Error {}

const minInteger = -(2n ** 63n);
const maxInteger = 2n ** 64n - 1n;

/** What JavaScript's JSON would read otherwise than the server: then the reader below is used, which is slower. */
const needsExactParser = /-0|\d[.eE]|\d{16}|\\u/;

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Float);
}

export function parseJson(text: string): Json {
  if (!needsExactParser.test(text)) {
    try {
      return JSON.parse(text) as Json;
    } catch {
      // The reader below says where it broke, in the server's words.
    }
  }
  return new Parser(text).parse();
}

class Parser {
  private position = 0;

  constructor(private readonly text: string) {}

  parse(): Json {
    const parseValue = this.value();
    this.skipWhitespace();
    if (this.position < this.text.length) throw this.error("unexpected content after document");
    return parseValue;
  }

  private error(what: string, at = this.position): JsonError {
    const before = this.text.slice(0, at);
    const line = before.split("\n").length;
    const column = at - (before.lastIndexOf("\n") + 1) + 1;
    return new JsonError(`${what}: line ${line} column ${column} (char ${at})`);
  }

  private skipWhitespace(): void {
    for (;;) {
      const c = this.text.charCodeAt(this.position);
      if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) return;
      this.position += 1;
    }
  }

  private value(): Json {
    this.skipWhitespace();
    const c = this.text[this.position];
    // body.malformed
    if (c === undefined) throw this.error("unexpected end of data");
    if (c === "{") return this.parseObject();
    if (c === "[") return this.parseList();
    if (c === '"') return this.parseString();
    for (const [word, meaning] of [
      ["true", true],
      ["false", false],
      ["null", null],
    ] as const) {
      if (this.text.startsWith(word, this.position)) {
        this.position += word.length;
        return meaning;
      }
    }
    return this.parseNumber();
  }

  private parseObject(): JsonObject {
    const object: JsonObject = {};
    this.position += 1;
    this.skipWhitespace();
    if (this.text[this.position] === "}") {
      this.position += 1;
      return object;
    }
    for (;;) {
      this.skipWhitespace();
      if (this.position >= this.text.length) throw this.error("unexpected end of data");
      // body.single-quotes
      if (this.text[this.position] !== '"') throw this.error("unexpected character");
      const key = this.parseString();
      this.skipWhitespace();
      if (this.position >= this.text.length) throw this.error("unexpected end of data");
      if (this.text[this.position] !== ":") throw this.error("unexpected character");
      this.position += 1;
      const value = this.value();
      // The last of two equal keys counts (body.duplicate-keys), also for a key that JavaScript would take for a prototype.
      Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
      if (this.endsWith("}")) return object;
    }
  }

  private parseList(): Json[] {
    const list: Json[] = [];
    this.position += 1;
    this.skipWhitespace();
    if (this.text[this.position] === "]") {
      this.position += 1;
      return list;
    }
    for (;;) {
      list.push(this.value());
      if (this.endsWith("]")) return list;
    }
  }

  private endsWith(end: string): boolean {
    this.skipWhitespace();
    const c = this.text[this.position];
    if (c === undefined) throw this.error("unexpected end of data");
    if (c === end) {
      this.position += 1;
      return true;
    }
    if (c !== ",") throw this.error("unexpected character");
    const comma = this.position;
    this.position += 1;
    this.skipWhitespace();
    // body.trailing-comma
    if (this.text[this.position] === end) throw this.error("trailing comma is not allowed", comma);
    return false;
  }

  private parseString(): string {
    this.position += 1;
    let string = "";
    for (;;) {
      // All but quotes, backslashes and control characters.
      const plain = /[ !#-[\]-\uffff]*/y;
      plain.lastIndex = this.position;
      string += plain.exec(this.text)?.[0] ?? "";
      this.position = plain.lastIndex;
      const c = this.text[this.position];
      if (c === undefined) throw this.error("unexpected end of data");
      if (c === '"') {
        this.position += 1;
        return string;
      }
      if (c !== "\\") throw this.error("unexpected control character in string");
      string += this.parseEscape();
    }
  }

  private parseEscape(): string {
    const plain: Record<string, string> = {
      '"': '"',
      "\\": "\\",
      "/": "/",
      b: "\b",
      f: "\f",
      n: "\n",
      r: "\r",
      t: "\t",
    };
    const c = this.text[this.position + 1];
    if (c === undefined) throw this.error("unexpected end of data", this.position + 1);
    if (c !== "u") {
      const meaning = plain[c];
      if (meaning === undefined) throw this.error("invalid escaped character in string");
      this.position += 2;
      return meaning;
    }
    const high = this.parseHexDigits();
    if (high >= 0xdc00 && high <= 0xdfff) throw this.error("invalid high surrogate in string");
    if (high < 0xd800 || high > 0xdbff) return String.fromCharCode(high);
    // body.lone-surrogate
    if (this.text.slice(this.position, this.position + 2) !== "\\u") throw this.error("no low surrogate in string");
    const low = this.parseHexDigits();
    if (low < 0xdc00 || low > 0xdfff) throw this.error("invalid low surrogate in string");
    return String.fromCharCode(high, low);
  }

  private parseHexDigits(): number {
    const digits = this.text.slice(this.position + 2, this.position + 6);
    if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw this.error("invalid escaped character in string");
    this.position += 6;
    return Number.parseInt(digits, 16);
  }

  private parseNumber(): Json {
    const number = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;
    number.lastIndex = this.position;
    const found = number.exec(this.text);
    // invitations.create.fixed_data.nan
    if (!found) throw this.error("unexpected character");
    this.position = number.lastIndex;
    const [digits, fraction, exponent] = found;
    if (fraction === undefined && exponent === undefined) return toInteger(BigInt(digits));
    return new Float(Number(digits));
  }
}

function toInteger(value: bigint): Json {
  // invitations.create.fixed_data.int-65-bit: what does not fit into 64 bits is read as a float.
  if (value < minInteger || value > maxInteger) return new Float(Number(value));
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}

export function stringifyJson(value: Json): string {
  if (value === null || typeof value === "boolean" || typeof value === "number") return String(value);
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "bigint") return value.toString();
  if (value instanceof Float) return stringifyFloat(value.value);
  if (Array.isArray(value)) return `[${value.map(stringifyJson).join(",")}]`;
  const parts: string[] = [];
  for (const key of Object.keys(value)) parts.push(`${JSON.stringify(key)}:${stringifyJson(value[key] as Json)}`);
  return `{${parts.join(",")}}`;
}

/** As Python writes a float: with a point, and with an exponent from 1e16 on. */
function stringifyFloat(value: number): string {
  if (Object.is(value, -0)) return "-0.0";
  if (Math.abs(value) >= 1e16) return value.toExponential();
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

export interface StoredJson {
  value: Json;
  /** The database took it, but no answer can be made of it any more. */
  isUnreadable: boolean;
  depth: number;
  /** A string or a key holds a NUL, which the database refuses. */
  hasNul: boolean;
}

/** What becomes of a value on its way into the database and back (invitations.create.fixed_data.*.retrieve). */
export function storeJson(value: Json): StoredJson {
  if (value === null || typeof value === "boolean" || typeof value === "number" || typeof value === "bigint") {
    return { value, isUnreadable: false, depth: 0, hasNul: false };
  }
  if (typeof value === "string") return { value, isUnreadable: false, depth: 0, hasNul: value.includes("\u0000") };
  if (value instanceof Float) {
    const kept = storeFloat(value.value);
    const poison = typeof kept === "bigint" && (kept < minInteger || kept > maxInteger);
    return { value: kept, isUnreadable: poison, depth: 0, hasNul: false };
  }
  if (Array.isArray(value)) {
    const items = value.map(storeJson);
    return combine(
      items.map((item) => item.value),
      items,
      false,
    );
  }
  const object: JsonObject = {};
  const items: StoredJson[] = [];
  let nul = false;
  // fixed_data.key-order: by length first, then by bytes.
  const keys = Object.keys(value)
    .map((key) => ({ key, bytes: Buffer.from(key) }))
    .sort((a, b) => a.bytes.length - b.bytes.length || Buffer.compare(a.bytes, b.bytes));
  for (const { key } of keys) {
    const item = storeJson(value[key] as Json);
    items.push(item);
    nul ||= key.includes("\u0000");
    Object.defineProperty(object, key, { value: item.value, enumerable: true, configurable: true, writable: true });
  }
  return combine(object, items, nul);
}

function combine(value: Json, items: StoredJson[], nul: boolean): StoredJson {
  return {
    value,
    isUnreadable: items.some((item) => item.isUnreadable),
    depth: 1 + items.reduce((deepest, item) => Math.max(deepest, item.depth), 0),
    hasNul: nul || items.some((item) => item.hasNul),
  };
}

/** fixed_data.floats: `-0.0` comes back as `0.0`, and what Python writes with an exponent and is whole (`1e+18`) as an integer. */
function storeFloat(value: number): Json {
  if (Object.is(value, -0)) return new Float(0);
  if (Math.abs(value) < 1e16) return new Float(value);
  const [digits = "0", exponent = "0"] = value.toExponential().split("e");
  const [whole = "0", fraction = ""] = digits.split(".");
  return BigInt(whole + fraction.padEnd(Number(exponent), "0"));
}
