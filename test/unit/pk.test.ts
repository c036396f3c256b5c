import fc from "fast-check";
import { invitationId, normalizeUuid } from "../../provider/common/pk";
import { runs } from "../hostile/runs";

const normalized = "6184365b-70c4-4848-be37-5086db15eb52";

/** A UUID in every spelling that authentik accepts. */
const spellings = (uuid: string): string[] =>
  [uuid, uuid.replaceAll("-", "")].flatMap((digits) =>
    [digits, digits.toUpperCase()].flatMap((cased) => [cased, `{${cased}}`, ` ${cased}\n`]),
  );

describe("a UUID", () => {
  test.each(spellings(normalized))("is normalized from %j", (spelling) => {
    expect(normalizeUuid(spelling)).toBe(normalized);
  });

  test.each([
    "",
    "enrollment",
    "6184365b-70c4-4848-be37-5086db15eb5",
    "6184365b-70c4-4848-be37-5086db15eb521",
    "6184365b-70c4-4848-be37-5086db15eb5g",
    "6184365b 70c4 4848 be37 5086db15eb52",
    "x6184365b-70c4-4848-be37-5086db15eb52",
  ])("is not %j", (value) => {
    expect(normalizeUuid(value)).toBeUndefined();
  });
});

describe("an invitation's id", () => {
  test("is 16 hex digits, not a part of the pk, and the same for every spelling of it", () => {
    fc.assert(
      fc.property(fc.uuid(), (uuid) => {
        const id = invitationId(uuid);
        expect(id).toMatch(/^[0-9a-f]{16}$/);
        expect(uuid.replaceAll("-", "")).not.toContain(id);
        expect(new Set(spellings(uuid).map(invitationId))).toEqual(new Set([id]));
      }),
      runs(100),
    );
  });

  test("never changes, because states contain it", () => {
    expect(invitationId(normalized)).toBe("6d593294c5878a42");
  });

  test("differs for different pks", () => {
    fc.assert(
      fc.property(fc.uuid(), fc.uuid(), (a, b) => {
        expect(invitationId(a) === invitationId(b)).toBe(a === b);
      }),
      runs(100),
    );
  });
});
