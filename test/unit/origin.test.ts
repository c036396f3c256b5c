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

test("a tag is 10 hexadecimal digits of the URN's hash", () => {
  const urnOf = (name: string): string => `urn:pulumi:dev::team::authentik:Invitation::${name}`;
  // States contain it, so it never changes.
  expect(createTag(urnOf("jane"))).toBe("59a1c43de4");
  expect(createTag(urnOf("joan"))).toBe("946eadcc00");
});

test("a nonce is random, and 12 hexadecimal digits", () => {
  const nonces = [createNonce(), createNonce()];
  expect(nonces[0]).not.toBe(nonces[1]);
  for (const nonce of nonces) expect(nonce).toMatch(/^[0-9a-f]{12}$/);
});
