/**
 * JSON as authentik parses and stores it. `1` and `1.0` are different numbers, and integers have 64 bits. The database sorts keys
 * and turns large floats into integers. JavaScript's `JSON` does none of this.
 */

/** A number that was written with a decimal point or an exponent, or that does not fit into 64 bits. */
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

/** Matches documents that `JSON.parse` might not parse as the server does. The slower parser below handles these. */
const needsExactParser = /-0|\d[.eE]|\d{16}|\\u/;

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Float);
}

export function parseJson(text: string): Json {
  if (!needsExactParser.test(text)) {
    try {
      return JSON.parse(text) as Json;
    } catch {
      // The parser below throws the server's error message, with the position.
    }
  }
  return new Parser(text).parse();
}

class Parser {
  private position = 0;

  constructor(private readonly text: string) {}

  parse(): Json {
    const value = this.parseValue();
    this.skipWhitespace();
    if (this.position < this.text.length) throw this.error("unexpected content after document");
    return value;
  }

  private error(message: string, position = this.position): JsonError {
    const before = this.text.slice(0, position);
    const line = before.split("\n").length;
    const column = position - (before.lastIndexOf("\n") + 1) + 1;
    return new JsonError(`${message}: line ${line} column ${column} (char ${position})`);
  }

  private skipWhitespace(): void {
    for (;;) {
      const c = this.text.charCodeAt(this.position);
      if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) return;
      this.position += 1;
    }
  }

  private parseValue(): Json {
    this.skipWhitespace();
    const c = this.text[this.position];
    // body.malformed
    if (c === undefined) throw this.error("unexpected end of data");
    if (c === "{") return this.parseObject();
    if (c === "[") return this.parseList();
    if (c === '"') return this.parseString();
    for (const [literal, value] of [
      ["true", true],
      ["false", false],
      ["null", null],
    ] as const) {
      if (this.text.startsWith(literal, this.position)) {
        this.position += literal.length;
        return value;
      }
    }
    return this.parseNumber();
  }

  private parseObject(): JsonObject {
    const object: JsonObject = {};
    if (this.skipEmpty("}")) return object;
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
      const value = this.parseValue();
      // The last of two equal keys wins (body.duplicate-keys). defineProperty also handles the key `__proto__`.
      Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
      if (this.skipCommaOrEnd("}")) return object;
    }
  }

  private parseList(): Json[] {
    const list: Json[] = [];
    if (this.skipEmpty("]")) return list;
    for (;;) {
      list.push(this.parseValue());
      if (this.skipCommaOrEnd("]")) return list;
    }
  }

  /** Skips the opening bracket, and returns true if it also skips the closing one. */
  private skipEmpty(end: string): boolean {
    this.position += 1;
    this.skipWhitespace();
    const isEmpty = this.text[this.position] === end;
    if (isEmpty) this.position += 1;
    return isEmpty;
  }

  /** Skips a comma or the closing bracket. Returns true for the closing bracket. */
  private skipCommaOrEnd(end: string): boolean {
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
      // Everything except quotes, backslashes and control characters.
      const unescaped = /[ !#-[\]-\uffff]*/y;
      unescaped.lastIndex = this.position;
      string += unescaped.exec(this.text)?.[0] ?? "";
      this.position = unescaped.lastIndex;
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
    const c = this.text[this.position + 1];
    if (c === undefined) throw this.error("unexpected end of data", this.position + 1);
    if (c !== "u") {
      if (!'"\\/bfnrt'.includes(c)) throw this.error("invalid escaped character in string");
      this.position += 2;
      return JSON.parse(`"\\${c}"`) as string;
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
    const pattern = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;
    pattern.lastIndex = this.position;
    const match = pattern.exec(this.text);
    // invitations.create.fixed_data.nan
    if (!match) throw this.error("unexpected character");
    this.position = pattern.lastIndex;
    const [digits, fraction, exponent] = match;
    if (fraction === undefined && exponent === undefined) return toInteger(BigInt(digits));
    return new Float(Number(digits));
  }
}

function toInteger(value: bigint): Json {
  // invitations.create.fixed_data.int-65-bit: an integer of more than 64 bits is parsed as a float.
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

/** Formats a float as Python does: always with a decimal point, and with an exponent from 1e16. */
function stringifyFloat(value: number): string {
  if (Object.is(value, -0)) return "-0.0";
  if (Math.abs(value) >= 1e16) return value.toExponential();
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

/** Returns the value as the database stores it (invitations.create.fixed_data.*.retrieve). */
export function storeJson(value: Json): Json {
  if (value instanceof Float) return storeFloat(value.value);
  if (Array.isArray(value)) return value.map(storeJson);
  if (!isObject(value)) return value;
  const object: JsonObject = {};
  // fixed_data.key-order: sorted by length, then by bytes.
  const keys = Object.keys(value)
    .map((key) => ({ key, bytes: Buffer.from(key) }))
    .sort((a, b) => a.bytes.length - b.bytes.length || Buffer.compare(a.bytes, b.bytes));
  for (const { key } of keys) {
    const stored = storeJson(value[key] as Json);
    Object.defineProperty(object, key, { value: stored, enumerable: true, configurable: true, writable: true });
  }
  return object;
}

/** The strings, keys and numbers in a stored value, and how many levels it has. */
export function inspectJson(value: Json): { leaves: Json[]; depth: number } {
  if (typeof value !== "object" || value === null || value instanceof Float) return { leaves: [value], depth: 0 };
  const items = Object.values(value).map(inspectJson);
  const keys = Array.isArray(value) ? [] : Object.keys(value);
  return {
    leaves: [...keys, ...items.flatMap(({ leaves }) => leaves)],
    depth: 1 + Math.max(0, ...items.map(({ depth }) => depth)),
  };
}

/** Whether the database accepts a number that authentik can no longer serialize. */
export function isHuge(value: Json): boolean {
  return typeof value === "bigint" && (value < minInteger || value > maxInteger);
}

/** `-0.0` is stored as `0.0`, and an integral float that Python writes with an exponent (`1e+18`) as an integer (fixed_data.floats). */
function storeFloat(value: number): Json {
  if (Object.is(value, -0)) return new Float(0);
  if (Math.abs(value) < 1e16) return new Float(value);
  const [digits = "0", exponent = "0"] = value.toExponential().split("e");
  const [whole = "0", fraction = ""] = digits.split(".");
  return BigInt(whole + fraction.padEnd(Number(exponent), "0"));
}
