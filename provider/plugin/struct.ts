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
}

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
  const secrets: Path[] = [];
  const properties = struct === undefined ? {} : decodeFields(struct, [], secrets);
  return { properties, secrets };
}

function decodeFields(struct: Struct, path: Path, secrets: Path[]): Record<string, unknown> {
  const fields: [string, unknown][] = [];
  struct.getFieldsMap().forEach((value, key) => {
    fields.push([key, decodeValue(value, [...path, key], secrets)]);
  });
  // As own properties, whatever their names.
  return Object.fromEntries(fields);
}

function decodeValue(value: Value, path: Path, secrets: Path[]): unknown {
  switch (value.getKindCase()) {
    case Value.KindCase.BOOL_VALUE:
      return value.getBoolValue();
    case Value.KindCase.NUMBER_VALUE:
      return value.getNumberValue();
    case Value.KindCase.STRING_VALUE:
      return unknownValues.has(value.getStringValue()) ? unknownValue : value.getStringValue();
    case Value.KindCase.LIST_VALUE:
      return (value.getListValue()?.getValuesList() ?? []).map((item, index) =>
        decodeValue(item, [...path, String(index)], secrets),
      );
    case Value.KindCase.STRUCT_VALUE:
      return decodeObject(value.getStructValue() ?? new Struct(), path, secrets);
    default:
      return null;
  }
}

function decodeObject(struct: Struct, path: Path, secrets: Path[]): unknown {
  const fields = struct.getFieldsMap();
  if (fields.get(signatureKey)?.getStringValue() !== secretSignature) return decodeFields(struct, path, secrets);
  secrets.push(path);
  // What is inside a secret is secret anyway.
  return decodeValue(fields.get("value") ?? new Value(), path, []);
}

export function encodeStruct(properties: Readonly<Record<string, unknown>>): Struct {
  const struct = new Struct();
  const fields = struct.getFieldsMap();
  for (const [key, value] of Object.entries(properties)) if (value !== undefined) fields.set(key, encodeValue(value));
  return struct;
}

function encodeValue(value: unknown): Value {
  const encoded = new Value();
  if (typeof value === "boolean") return encoded.setBoolValue(value);
  if (typeof value === "number") return encoded.setNumberValue(value);
  if (typeof value === "string") return encoded.setStringValue(value);
  if (Array.isArray(value)) return encoded.setListValue(new ListValue().setValuesList(value.map(encodeValue)));
  if (typeof value === "object" && value !== null) return encoded.setStructValue(encodeStruct({ ...value }));
  return encoded.setNullValue(NullValue.NULL_VALUE);
}
