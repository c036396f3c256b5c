import { type Instant, parseInstant } from "./instants";
import { Float, isObject, type Json, type JsonObject } from "./json";
import { notRecorded } from "./responses";
import type { VersionBehavior } from "./versions";

/** What a field makes of a value: it, or the texts that say what is wrong with it. */
export type FieldResult<T> = { value: T } | { errors: Json[] };

export const requiredError = "This field is required.";
export const nullError = "This field may not be null.";
const blankError = "This field may not be blank.";
const nulError = "Null characters are not allowed.";

/** Reads the fields of a body one after the other, as the server's forms do, and gathers all errors. */
export class Serializer {
  readonly errors: JsonObject = {};

  constructor(
    private readonly body: JsonObject,
    /** A PATCH, or an optional field of a PUT: what is left out stays as it is. */
    private readonly partial: boolean,
  ) {}

  /** The value of a field that must be there unless the body changes an object in part. */
  required<T>(name: string, read: (value: Json) => FieldResult<T>): T | undefined {
    if (!Object.hasOwn(this.body, name)) {
      if (!this.partial) this.errors[name] = [requiredError];
      return undefined;
    }
    return this.optional(name, read);
  }

  optional<T>(name: string, read: (value: Json) => FieldResult<T>): T | undefined {
    if (!Object.hasOwn(this.body, name)) return undefined;
    const result = read(this.body[name] as Json);
    if ("value" in result) return result.value;
    this.errors[name] = result.errors;
    return undefined;
  }

  get hasErrors(): boolean {
    return Object.keys(this.errors).length > 0;
  }
}

export function nullable<T>(read: (value: Json) => FieldResult<T>): (value: Json) => FieldResult<T | null> {
  return (value) => (value === null ? { value: null } : read(value));
}

export function charField(value: Json, notString = "Not a valid string."): FieldResult<string> {
  if (value === null) return { errors: [nullError] };
  const plain = coerceToString(value);
  if (plain === undefined) return { errors: [notString] };
  const trimmed = plain.trim();
  if (trimmed === "") return { errors: [blankError] };
  if (trimmed.includes("\u0000")) return { errors: [nulError] };
  return { value: trimmed };
}

/** Numbers are taken for text (`stages.create.name-number`), truth values, lists and objects are not. */
function coerceToString(value: Json): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  if (value instanceof Float) return pythonRepr(value);
  return undefined;
}

export function slugField(profile: VersionBehavior): (value: Json) => FieldResult<string> {
  return (value) => {
    const read = charField(value, profile.usesSlugErrorForNonStrings ? profile.slugError : undefined);
    if ("errors" in read) {
      // A NUL is no slug character either.
      return read.errors[0] === nulError ? { errors: [nulError, profile.slugError] } : read;
    }
    const errors: Json[] = [];
    if ([...read.value].length > profile.maxSlugLength) {
      errors.push(`Ensure this field has no more than ${profile.maxSlugLength} characters.`);
    }
    if (!/^[-a-zA-Z0-9_]+$/.test(read.value)) errors.push(profile.slugError);
    return errors.length > 0 ? { errors } : read;
  };
}

const trueStrings = new Set(["t", "y", "yes", "true", "on", "1"]);
const falseStrings = new Set(["f", "n", "no", "false", "off", "0"]);

export function booleanField(value: Json): FieldResult<boolean> {
  if (value === null) return { errors: [nullError] };
  if (typeof value === "boolean") return { value };
  // single_use.text, single_use.one
  const word = coerceToString(value)?.toLowerCase() ?? "";
  if (trueStrings.has(word)) return { value: true };
  if (falseStrings.has(word)) return { value: false };
  if (value instanceof Float && (value.value === 0 || value.value === 1)) return { value: value.value === 1 };
  return { errors: ["Must be a valid boolean."] };
}

export function dateTimeField(profile: VersionBehavior): (value: Json) => FieldResult<Instant> {
  return (value) => {
    const read = typeof value === "string" ? parseInstant(value, profile.acceptsHour24) : "format";
    if (read === "range") return { errors: ["Datetime value out of range."] };
    if (read === "format") {
      return {
        errors: [
          "Datetime has wrong format. Use one of these formats instead: YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z].",
        ],
      };
    }
    return { value: read };
  };
}

export function dictField(value: Json): FieldResult<JsonObject> {
  if (value === null) return { errors: [nullError] };
  if (!isObject(value)) return { errors: ["Value must be a dictionary, and not have any duplicate keys."] };
  return { value };
}

export function choiceField(choices: readonly string[]): (value: Json) => FieldResult<string> {
  return (value) => {
    if (value === null) return { errors: [nullError] };
    if (typeof value === "string" && choices.includes(value)) return { value };
    // flows.create.bad-designation
    return { errors: [`"${typeof value === "string" ? value : pythonRepr(value)}" is not a valid choice.`] };
  };
}

export function integerField(value: Json): FieldResult<number> {
  if (value === null) return { errors: [nullError] };
  const text = typeof value === "string" ? value.trim() : value;
  const number = typeof text === "string" && /^-?\d+$/.test(text) ? Number(text) : text;
  if (typeof number !== "number") {
    if (typeof number === "bigint") throw notRecorded("an order beyond 32 bits");
    return { errors: ["A valid integer is required."] };
  }
  // The schema's limits.
  if (number > 2147483647) return { errors: ["Ensure this value is less than or equal to 2147483647."] };
  if (number < -2147483648) return { errors: ["Ensure this value is greater than or equal to -2147483648."] };
  return { value: number };
}

/** A UUID as Python reads it: dashes, case, braces and `urn:uuid:` do not matter (retrieve.no-dashes, retrieve.braces). */
export function parseUuid(text: string): string | undefined {
  const hex = text
    .replace(/urn:/g, "")
    .replace(/uuid:/g, "")
    .replace(/^[{}]+|[{}]+$/g, "")
    .replace(/-/g, "");
  if (!/^[0-9a-fA-F]{32}$/.test(hex)) return undefined;
  return toDashedUuid(hex.toLowerCase());
}

export function toDashedUuid(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** The hexadecimal form without dashes, in which events name objects. */
export function toHex(uuid: string): string {
  return uuid.replaceAll("-", "");
}

/** A reference to another object by its pk (invitations.create.flow.*). */
export function primaryKeyField<T>(find: (pk: string) => T | undefined): (value: Json) => FieldResult<T> {
  return (value) => {
    if (value === null || value === "") return { errors: [nullError] };
    if (typeof value === "boolean") return { errors: ["Incorrect type. Expected pk value, received bool."] };
    if (typeof value === "number" || typeof value === "bigint") {
      if (value < 0) throw notRecorded("a negative number as a reference");
      // flow.number: a number is a UUID too, only none that exists.
      return { errors: [`Invalid pk "${value}" - object does not exist.`] };
    }
    const pk = typeof value === "string" ? parseUuid(value) : undefined;
    if (pk === undefined)
      return { errors: [`“${typeof value === "string" ? value : pythonRepr(value)}” is not a valid UUID.`] };
    const found = find(pk);
    if (found === undefined) return { errors: [`Invalid pk "${value as string}" - object does not exist.`] };
    return { value: found };
  };
}

/** A value as Python would print it (flow.object, flow.list). */
function pythonRepr(value: Json): string {
  if (value === null) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  if (value instanceof Float) return Number.isInteger(value.value) ? `${value.value}.0` : String(value.value);
  if (typeof value === "string") return /'/.test(value) ? `"${value}"` : `'${value}'`;
  if (Array.isArray(value)) return `[${value.map(pythonRepr).join(", ")}]`;
  return `{${Object.entries(value)
    .map(([key, item]) => `${pythonRepr(key)}: ${pythonRepr(item)}`)
    .join(", ")}}`;
}

/** The name of a value's type in Python (body.list, body.string, body.number). */
export function pythonTypeName(value: Json): string {
  if (value === null) return "NoneType";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "string") return "str";
  if (typeof value === "number" || typeof value === "bigint") return "int";
  if (value instanceof Float) return "float";
  return Array.isArray(value) ? "list" : "dict";
}
