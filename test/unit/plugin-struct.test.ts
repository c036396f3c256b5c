import { CreateRequest } from "@pulumi/pulumi/proto/provider_pb";
import type { Struct } from "google-protobuf/google/protobuf/struct_pb";
import { unknownValue } from "../../provider/common/reserved-strings";
import { markSecretInputs, markSecretOutputs, secretInputNames } from "../../provider/plugin/secrets";
import { decodeStruct, deserialize, encodeStruct } from "../../provider/plugin/struct";
import { toSecret } from "../../provider/values/secrets";
import { timeOf } from "./support/time";

test("properties arrive as they were sent", () => {
  const properties = { a: [1, true, null, { b: "c" }], constructor: 2, toString: { valueOf: "x" } };
  expect(decodeStruct(encodeStruct(properties))).toEqual({ properties, secrets: [], outputs: [], references: [] });
});

test("the time to encode properties depends on their number, not on how deep they are", async () => {
  const count = 1000;
  const flat = Object.fromEntries(Array.from({ length: count }, (_, index) => [`key-${index}`, { a: index }]));
  let deep: Record<string, unknown> = {};
  for (let index = 0; index < count; index++) deep = { a: deep };
  // It was 1,000 times as long when each level walked through all levels below it.
  expect(await timeOf(() => encodeStruct(deep))).toBeLessThan(20 * (await timeOf(() => encodeStruct(flat))));
});

test("a request with the key __proto__, which would be lost, is an error", () => {
  const request = (properties: Struct): Uint8Array => new CreateRequest().setProperties(properties).serializeBinary();
  const withKey = Buffer.from(request(encodeStruct({ fixedData: { __prot0__: { admin: true } } })));
  withKey[withKey.indexOf("__prot0__") + 6] = "o".charCodeAt(0);
  const read = (message: Buffer): unknown => CreateRequest.deserializeBinary(message);
  expect(deserialize(withKey, read)).toMatchObject({
    message: expect.stringContaining('The key "__proto__" cannot be'),
  });
  expect(deserialize(Buffer.from(request(encodeStruct({ name: "__proto__" }))), read)).toBeInstanceOf(CreateRequest);
});

test("secrets arrive as plain values with their paths, and are marked again at the same paths", () => {
  const sent = { fixedData: { code: toSecret("x"), list: [1, toSecret({ a: toSecret(2) })] }, name: "jane" };
  const { properties, secrets } = decodeStruct(encodeStruct(sent));
  expect(properties).toEqual({ fixedData: { code: "x", list: [1, { a: 2 }] }, name: "jane" });
  expect(secrets).toEqual([
    ["fixedData", "code"],
    ["fixedData", "list", "1"],
  ]);
  expect(secretInputNames(secrets)).toEqual(["fixedData"]);
  expect(markSecretInputs(properties, secrets)).toEqual({
    fixedData: { code: toSecret("x"), list: [1, toSecret({ a: 2 })] },
    name: "jane",
  });
});

test("an output is secret as a whole if an input of its name contains a secret", () => {
  const outputs = { pk: "p", title: "t", slug: "s", fixedData: toSecret({}) };
  expect(markSecretOutputs(outputs, ["pk", "fixedData"], [["title"]])).toEqual({
    pk: toSecret("p"),
    title: toSecret("t"),
    slug: "s",
    fixedData: toSecret({}),
  });
});

test("unknown values of every type become the one that the lifecycle knows", () => {
  const unknowns = [
    unknownValue,
    "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
    "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
    "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
    "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
  ];
  expect(decodeStruct(encodeStruct({ unknowns })).properties).toEqual({ unknowns: unknowns.map(() => unknownValue) });
});
