import { type Instant, parseInstant } from "./instants";
import { Float, isObject, type Json, type JsonObject } from "./json";
import { notRecorded } from "./responses";
import type { VersionBehavior } from "./versions";

/** The validated value of a field, or its validation errors. */
export type FieldResult<T> = { value: T } | { errors: Json[] };

const requiredError = "This field is required.";
const nullError = "This field may not be null.";
const blankError = "This field may not be blank.";
const nulError = "Null characters are not allowed.";

/** Validates the fields of a body and collects the errors of all of them, as a serializer of Django REST framework does. */
export class Serializer {
  readonly errors: JsonObject = {};

  constructor(
    private readonly body: JsonObject,
    /** True for a PATCH: required fields can be omitted. */
    private readonly partial: boolean,
  ) {}

  required<T>(name: string, field: (value: Json) => FieldResult<T>): T | undefined {
    if (!Object.hasOwn(this.body, name)) {
      if (!this.partial) this.errors[name] = [requiredError];
      return undefined;
    }
    return this.optional(name, field);
  }

  optional<T>(name: string, field: (value: Json) => FieldResult<T>): T | undefined {
    if (!Object.hasOwn(this.body, name)) return undefined;
    const result = field(this.body[name] as Json);
    if ("value" in result) return result.value;
    this.errors[name] = result.errors;
    return undefined;
  }

  get hasErrors(): boolean {
    return Object.keys(this.errors).length > 0;
  }
}

export function nullable<T>(field: (value: Json) => FieldResult<T>): (value: Json) => FieldResult<T | null> {
  return (value) => (value === null ? { value: null } : field(value));
}

/** Python's `str.strip`. JavaScript's `trim` also removes U+FEFF, but not U+001C to U+001F and U+0085. */
export function strip(value: string): string {
  const characters = [...value];
  const more = ["\u001c", "\u001d", "\u001e", "\u001f", "\u0085"];
  const isKept = (character: string): boolean =>
    character === "\ufeff" || !(/\s/.test(character) || more.includes(character));
  return characters.slice(characters.findIndex(isKept), characters.findLastIndex(isKept) + 1).join("");
}

export function charField(value: Json, typeError = "Not a valid string."): FieldResult<string> {
  if (value === null) return { errors: [nullError] };
  const string = coerceToString(value);
  if (string === undefined) return { errors: [typeError] };
  const trimmed = strip(string);
  if (trimmed === "") return { errors: [blankError] };
  if (trimmed.includes("\u0000")) return { errors: [nulError] };
  return { value: trimmed };
}

/** Accepts numbers as strings (stages.create.name-number), but not booleans, lists or objects. */
function coerceToString(value: Json): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  if (value instanceof Float) return pythonRepr(value);
  return undefined;
}

export function slugField(behavior: VersionBehavior): (value: Json) => FieldResult<string> {
  return (value) => {
    const result = charField(value, behavior.usesSlugErrorForNonStrings ? behavior.slugError : undefined);
    if ("errors" in result) {
      // A string with a NUL fails both validators.
      return result.errors[0] === nulError ? { errors: [nulError, behavior.slugError] } : result;
    }
    const errors: Json[] = [];
    if ([...result.value].length > behavior.maxSlugLength) {
      errors.push(`Ensure this field has no more than ${behavior.maxSlugLength} characters.`);
    }
    if (!/^[-a-zA-Z0-9_]+$/.test(result.value)) errors.push(behavior.slugError);
    return errors.length > 0 ? { errors } : result;
  };
}

const trueStrings = new Set(["t", "y", "yes", "true", "on", "1"]);
const falseStrings = new Set(["f", "n", "no", "false", "off", "0"]);

export function booleanField(value: Json): FieldResult<boolean> {
  if (value === null) return { errors: [nullError] };
  if (typeof value === "boolean") return { value };
  // single_use.text, single_use.one
  const string = coerceToString(value)?.toLowerCase() ?? "";
  if (trueStrings.has(string)) return { value: true };
  if (falseStrings.has(string)) return { value: false };
  if (value instanceof Float && (value.value === 0 || value.value === 1)) return { value: value.value === 1 };
  return { errors: ["Must be a valid boolean."] };
}

export function dateTimeField(behavior: VersionBehavior): (value: Json) => FieldResult<Instant> {
  return (value) => {
    const instant = typeof value === "string" ? parseInstant(value, behavior.acceptsHour24) : "format";
    if (instant === "range") return { errors: ["Datetime value out of range."] };
    if (instant === "format") {
      return {
        errors: [
          "Datetime has wrong format. Use one of these formats instead: YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z].",
        ],
      };
    }
    return { value: instant };
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
  const trimmed = typeof value === "string" ? strip(value) : value;
  const number = typeof trimmed === "string" && /^-?\d+$/.test(trimmed) ? Number(trimmed) : trimmed;
  if (typeof number !== "number") {
    if (typeof number === "bigint") throw notRecorded("an integer of more than 53 bits");
    return { errors: ["A valid integer is required."] };
  }
  if (number > 2147483647) return { errors: ["Ensure this value is less than or equal to 2147483647."] };
  if (number < -2147483648) return { errors: ["Ensure this value is greater than or equal to -2147483648."] };
  return { value: number };
}

/** Parses a UUID as Python does: dashes, case, braces and `urn:uuid:` are ignored (retrieve.no-dashes, retrieve.braces). */
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

/** The form without dashes, in which events name objects. */
export function toHex(uuid: string): string {
  return uuid.replaceAll("-", "");
}

/** A reference to another object by its pk (invitations.create.flow.*). */
export function primaryKeyField<T>(find: (pk: string) => T | undefined): (value: Json) => FieldResult<T> {
  return (value) => {
    if (value === null || value === "") return { errors: [nullError] };
    if (typeof value === "boolean") return { errors: ["Incorrect type. Expected pk value, received bool."] };
    if (typeof value === "number" || typeof value === "bigint") {
      if (value < 0) throw notRecorded("a negative number as a pk");
      // flow.number: Python accepts a number as a UUID, but no object has such a pk.
      return { errors: [`Invalid pk "${value}" - object does not exist.`] };
    }
    const pk = typeof value === "string" ? parseUuid(value) : undefined;
    if (pk === undefined)
      return { errors: [`“${typeof value === "string" ? value : pythonRepr(value)}” is not a valid UUID.`] };
    const object = find(pk);
    if (object === undefined) return { errors: [`Invalid pk "${value as string}" - object does not exist.`] };
    return { value: object };
  };
}

/** Formats a value as Python's `repr` does (flow.object, flow.list). */
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

/** The name of the value's type in Python (body.list, body.string, body.number). */
export function pythonTypeName(value: Json): string {
  if (value === null) return "NoneType";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "string") return "str";
  if (typeof value === "number" || typeof value === "bigint") return "int";
  if (value instanceof Float) return "float";
  return Array.isArray(value) ? "list" : "dict";
}
