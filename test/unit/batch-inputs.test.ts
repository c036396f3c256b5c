import fc from "fast-check";
import { unknownValue } from "../../provider/common/reserved-strings";
import { toInvitationInputs } from "../../provider/objects/invitation-batch/inputs";
import { maxPrefixLength, toEntryNames } from "../../provider/objects/invitation-batch/names";
import { runs } from "../hostile/runs";
import { batchInputs, type Properties } from "./support/batch";
import { checkBatch } from "./support/check";

const getReasons = async (news: Properties, olds?: Properties): Promise<string[]> =>
  (await checkBatch(news, olds)).reasons;

describe("the check of a batch", () => {
  test("reports the errors of all entries at once, by path", async () => {
    const invitations = {
      "ada@example.com": { expires: "2020-01-01T00:00:00Z" },
      grace: { singleUs: true },
      joan: { fixedData: "x", import: "not a pk" },
      mary: { onRetired: "reissue", expires: "2031-01-01T00:00:00Z" },
    };
    expect(await getReasons(batchInputs(invitations))).toEqual([
      'invitations["ada@example.com"].expires: is in the past',
      "invitations.grace.singleUs: unknown property. Did you mean singleUse?",
      expect.stringMatching(/^invitations\.joan\.fixedData: /),
      "invitations.joan.import: must be the pk (a UUID) of the invitation to import",
      expect.stringMatching(/^invitations\.mary\.onRetired: "reissue" requires validFor/),
    ]);
  });

  test("lists the first 20 errors, and counts the rest", async () => {
    const keys = Array.from({ length: 30 }, (_, index) => `p${index}`);
    const reasons = await getReasons(batchInputs(Object.fromEntries(keys.map((key) => [key, { singleUse: 1 }]))));
    expect(reasons).toHaveLength(21);
    expect(reasons.at(-1)).toBe("10 more errors");
  });

  test("names two entries that import the same invitation", async () => {
    const pk = "0f9c1c67-4a0b-4c69-9d4a-d1a6f0fb9f0e";
    const entries = { ada: { import: pk }, bob: { import: pk.toUpperCase() }, eve: { import: unknownValue } };
    expect(await getReasons(batchInputs({ ...entries, joan: { import: unknownValue } }))).toEqual([
      expect.stringContaining("Two resources import the same object: invitations.ada, and invitations.bob."),
    ]);
  });

  test("accepts unknown values", async () => {
    expect(await getReasons(batchInputs({ ada: unknownValue, joan: { fixedData: unknownValue } }))).toEqual([]);
    expect(await getReasons({ ...batchInputs({}), invitations: unknownValue })).toEqual([]);
    expect(await getReasons({ ...batchInputs({ ada: {} }), validFor: unknownValue })).toEqual([]);
  });

  test("accepts an expiry in the past of an entry that exists", async () => {
    const inputs = batchInputs({ ada: { expires: "2020-01-01T00:00:00Z" } });
    expect(await getReasons(inputs, inputs)).toEqual([]);
  });

  test("rejects an empty key, an entry that is no object, and a prefix that is too long", async () => {
    expect(await getReasons(batchInputs({ " ": {} }))).toEqual(["invitations: a key must not be empty"]);
    expect(await getReasons(batchInputs({ ada: "x" }))).toEqual(["invitations.ada: must be an object"]);
    expect(await getReasons(batchInputs({}, { name: "x".repeat(maxPrefixLength + 1) }))).toEqual([
      expect.stringMatching(/^name: must be at most 32 characters/),
    ]);
  });
});

describe("an entry's name", () => {
  test("is the key as a slug, with digits of its hash if it had to be changed", async () => {
    const names = await toEntryNames("intake", ["ada", "ada@example.com"]);
    expect(names.get("ada")).toBe("intake-ada");
    expect(names.get("ada@example.com")).toMatch(/^intake-ada-example-com-[0-9a-f]{6}$/);
  });

  test("is accepted by every version, and distinct for distinct keys", async () => {
    const keysArb = fc.uniqueArray(fc.string({ unit: "grapheme", minLength: 1, maxLength: 70 }), { maxLength: 40 });
    const prefixArb = fc.stringMatching(/^[-\w]{1,32}$/);
    await fc.assert(
      fc.asyncProperty(prefixArb, keysArb, async (prefix, keys) => {
        const names = [...(await toEntryNames(prefix, keys)).values()];
        for (const name of names) expect(name).toMatch(/^[-\w]{1,50}$/);
        expect(new Set(names).size).toBe(keys.length);
      }),
      runs(100),
    );
  });
});

test("an entry's fixedData are merged recursively into the batch's", async () => {
  const merged = await toInvitationInputs({
    name: "intake",
    fixedData: { a: { b: 1, c: [1] }, d: 1 },
    invitations: { ada: { fixedData: { a: { b: 2, c: [2] } } }, joan: {} },
  });
  expect(merged.get("ada")?.fixedData).toEqual({ a: { b: 2, c: [2] }, d: 1 });
  expect(merged.get("joan")?.fixedData).toEqual({ a: { b: 1, c: [1] }, d: 1 });
});
