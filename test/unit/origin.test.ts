import { createNonce, createTag, formatOrigin, originInput, parseOrigin } from "../../provider/common/origin";

const origin = { stack: "dev", tag: "0123456789", nonce: "0123456789ab" };

test("the input starts with two underscores, so that Pulumi neither displays nor diffs it", () => {
  expect(originInput).toBe("__origin");
});

test("an origin is formatted and parsed without loss, for every stack name that Pulumi allows", () => {
  expect(formatOrigin(origin)).toBe("dev/0123456789/0123456789ab");
  for (const stack of ["dev", "Prod_2.eu-west", "a".repeat(100)]) {
    expect(parseOrigin(formatOrigin({ ...origin, stack }))).toEqual({ ...origin, stack });
  }
});

test.each([
  ["a missing value", undefined],
  ["an unknown value", "04da6b54-80e4-46f7-96ec-b56ff0331ba9"],
  ["an object", { stack: "dev" }],
  ["an empty string", ""],
  ["two parts", "dev/0123456789"],
  ["four parts", "org/dev/0123456789/0123456789ab"],
  ["a nonce that is not hexadecimal", "dev/0123456789/x"],
  ["a line break", "dev/0123456789/0123456789ab\n"],
  ["a character that no stack name has", "d;ev/0123456789/0123456789ab"],
])("%s is not an origin", (_case, value) => {
  expect(parseOrigin(value)).toBeUndefined();
});

test("a tag is the same for equal URNs, different for others, and does not contain the URN", () => {
  const urns = Array.from({ length: 5000 }, (_, index) => `urn:pulumi:dev::team::authentik:Invitation::jane-${index}`);
  const tags = urns.map(createTag);
  expect(new Set(tags).size).toBe(urns.length);
  expect(urns.map(createTag)).toEqual(tags);
  expect(tags.every((tag) => /^[0-9a-f]{10}$/.test(tag))).toBe(true);
});

test("a nonce is random, and 12 hexadecimal digits", () => {
  const nonces = Array.from({ length: 5000 }, createNonce);
  expect(new Set(nonces).size).toBe(nonces.length);
  expect(nonces.every((nonce) => /^[0-9a-f]{12}$/.test(nonce))).toBe(true);
});
