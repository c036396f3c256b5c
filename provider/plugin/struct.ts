import { ListValue, NullValue, Struct, Value } from "google-protobuf/google/protobuf/struct_pb";
import { UserError } from "../lifecycle/user-error";
import { unknownValue } from "../values/properties";
import { secretSignature, signatureKey } from "../values/secrets";

/** A path to a property. Items of a list have their index as a string. */
export type Path = readonly string[];

/** Properties as plain values, and which of them the engine marks as secrets. */
export interface Decoded {
  readonly properties: Readonly<Record<string, unknown>>;
  readonly secrets: readonly Path[];
  /** Which of them are outputs of resources or functions. The engine says so in requests for components only. */
  readonly outputs: readonly Path[];
}

/** What {@link Decoded} lists beside the values. */
interface Found {
  readonly secrets: Path[];
  readonly outputs: Path[];
}

/** The engine marks serialized outputs with this value (`sdk/go/common/resource`). */
const outputSignature = "d0e6a833031e9bbcd3f4e8bde6ca49a4";

/** The engine's placeholders for unknown values of different types (`sdk/go/common/resource/plugin/rpc.go`). */
const unknownValues: ReadonlySet<string> = new Set([
  unknownValue,
  "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
  "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
  "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
  "030794c1-ac77-496b-92df-f27374a8bd58",
  "e48ece36-62e2-4504-bad9-02848725956a",
  "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
]);

/** A key `__proto__` of a map in a serialized message: field 1, with the length 9. */
const protoKey = Buffer.from("\x0a\x09__proto__");

/** google-protobuf makes the value of a key `__proto__` the prototype of a map, so that it would be lost. */
export function rejectProtoKey(message: Buffer): void {
  if (message.includes(protoKey))
    throw new UserError(
      'The key "__proto__" cannot be used, because Pulumi\'s protocol for Node.js loses it. Choose another key.',
    );
}

export function decodeStruct(struct: Struct | undefined): Decoded {
  const found: Found = { secrets: [], outputs: [] };
  const properties = struct === undefined ? {} : decodeFields(struct, [], found);
  return { properties, ...found };
}

function decodeFields(struct: Struct, path: Path, found: Found): Record<string, unknown> {
  const fields: [string, unknown][] = [];
  struct.getFieldsMap().forEach((value, key) => {
    fields.push([key, decodeValue(value, [...path, key], found)]);
  });
  // As own properties, whatever their names.
  return Object.fromEntries(fields);
}

function decodeValue(value: Value, path: Path, found: Found): unknown {
  switch (value.getKindCase()) {
    case Value.KindCase.BOOL_VALUE:
      return value.getBoolValue();
    case Value.KindCase.NUMBER_VALUE:
      return value.getNumberValue();
    case Value.KindCase.STRING_VALUE:
      return unknownValues.has(value.getStringValue()) ? unknownValue : value.getStringValue();
    case Value.KindCase.LIST_VALUE:
      return (value.getListValue()?.getValuesList() ?? []).map((item, index) =>
        decodeValue(item, [...path, String(index)], found),
      );
    case Value.KindCase.STRUCT_VALUE:
      return decodeObject(value.getStructValue() ?? new Struct(), path, found);
    default:
      return null;
  }
}

function decodeObject(struct: Struct, path: Path, found: Found): unknown {
  const fields = struct.getFieldsMap();
  const signature = fields.get(signatureKey)?.getStringValue();
  if (signature === outputSignature) {
    found.outputs.push(path);
    if (fields.get("secret")?.getBoolValue()) found.secrets.push(path);
    const value = fields.get("value");
    return value === undefined ? unknownValue : decodeValue(value, path, found);
  }
  if (signature !== secretSignature) return decodeFields(struct, path, found);
  found.secrets.push(path);
  // What is inside a secret is secret anyway.
  return decodeValue(fields.get("value") ?? new Value(), path, { secrets: [], outputs: found.outputs });
}

export function encodeStruct(properties: Readonly<Record<string, unknown>>): Struct {
  const struct = new Struct();
  fillStruct(struct, properties);
  return struct;
}

/** Each message is set in its parent while it is still empty, because google-protobuf walks through all of a message that it sets. */
function fillStruct(struct: Struct, properties: Readonly<Record<string, unknown>>): void {
  const fields = struct.getFieldsMap();
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined) continue;
    const field = new Value();
    fields.set(key, field);
    fillValue(field, value);
  }
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
    fillStruct(struct, { ...value });
  } else field.setNullValue(NullValue.NULL_VALUE);
}
