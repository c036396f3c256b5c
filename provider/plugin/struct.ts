import { ListValue, NullValue, Struct, Value } from "google-protobuf/google/protobuf/struct_pb";
import { signatureKey, unknownValue, unknownValues } from "../common/reserved-strings";
import { UserError } from "../lifecycle/user-error";
import { isJsonObject } from "../values/json";
import { ownValue } from "../values/properties";
import { secretSignature } from "../values/secrets";

/** A path to a property. Items of a list have their index as a string. */
export type Path = readonly string[];

/** Properties as plain values, and which of them the engine marks as secrets. */
export interface Decoded {
  readonly properties: Readonly<Record<string, unknown>>;
  readonly secrets: readonly Path[];
  /** Which of them are outputs of resources or functions. The engine says so in requests for components only. */
  readonly outputs: readonly Path[];
  /** The resources that are passed as such, whose id is the value. */
  readonly references: readonly Reference[];
}

export interface Reference {
  readonly path: Path;
  readonly urn: string;
}

/** What {@link Decoded} lists beside the values. */
interface Found {
  readonly secrets: Path[];
  readonly outputs: Path[];
  readonly references: Reference[];
}

/** The engine marks serialized outputs and references to resources with these values (`sdk/go/common/resource`). */
const outputSignature = "d0e6a833031e9bbcd3f4e8bde6ca49a4";
const resourceSignature = "5cf8f73096256a8f31e491e813e4eb8e";

/** A key `__proto__` of a map in a serialized message: field 1, with the length 9. */
const protoKey = Buffer.from("\x0a\x09__proto__");

/**
 * Reads a request of the engine. Returns why it cannot be read instead of throwing: gRPC would keep that to itself. google-protobuf makes the value of a
 * key `__proto__` the prototype of a map, so that it would be lost, and reads messages recursively.
 */
export function deserialize(message: Buffer, read: (message: Buffer) => unknown): unknown {
  if (message.includes(protoKey)) {
    return new UserError(
      'The key "__proto__" cannot be used, because Pulumi\'s protocol for Node.js loses it. Choose another key.',
    );
  }
  try {
    return read(message);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return new UserError("An input is nested too deeply: authentik could not read back more than 200 levels.");
  }
}

export function decodeStruct(struct: Struct | undefined): Decoded {
  const found: Found = { secrets: [], outputs: [], references: [] };
  return { properties: decodeFields(struct?.toJavaScript() ?? {}, [], found), ...found };
}

function decodeFields(fields: object, path: Path, found: Found): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, decode(value, [...path, key], found)]));
}

function decode(value: unknown, path: Path, found: Found): unknown {
  if (typeof value === "string") return unknownValues.has(value) ? unknownValue : value;
  if (Array.isArray(value)) return value.map((item, index) => decode(item, [...path, String(index)], found));
  if (!isJsonObject(value)) return value;
  const signature = ownValue(value, signatureKey);
  if (signature === outputSignature) {
    found.outputs.push(path);
    if (value["secret"] === true) found.secrets.push(path);
    return "value" in value ? decode(value["value"], path, found) : unknownValue;
  }
  if (signature === resourceSignature) {
    // As an output of the resource: at preview, its id can be unknown.
    const urn = String(value["urn"]);
    found.outputs.push(path);
    found.references.push({ path, urn });
    return "id" in value ? value["id"] || unknownValue : urn;
  }
  if (signature !== secretSignature) return decodeFields(value, path, found);
  found.secrets.push(path);
  // What is inside a secret is secret anyway.
  return decode(value["value"] ?? null, path, { ...found, secrets: [] });
}

/** Each message is set in its parent while it is still empty, because google-protobuf walks through all of a message that it sets. */
export function encodeStruct(properties: object, struct: Struct = new Struct()): Struct {
  const fields = struct.getFieldsMap();
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined) continue;
    const field = new Value();
    fields.set(key, field);
    fillValue(field, value);
  }
  return struct;
}

function fillValue(field: Value, value: unknown): void {
  if (typeof value === "boolean") field.setBoolValue(value);
  else if (typeof value === "number") field.setNumberValue(value);
  else if (typeof value === "string") field.setStringValue(value);
  else if (Array.isArray(value)) {
    const list = new ListValue();
    field.setListValue(list);
    for (const item of value) fillValue(list.addValues(), item);
  } else if (typeof value === "object" && value !== null) {
    const struct = new Struct();
    field.setStructValue(struct);
    encodeStruct(value, struct);
  } else field.setNullValue(NullValue.NULL_VALUE);
}
