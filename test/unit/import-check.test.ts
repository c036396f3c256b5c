import { unknownValue } from "../../provider/common/reserved-strings";
import { checkInvitation, checkStage, type Inputs } from "./support/check";

/** Each test uses its own pk, because the process remembers them. */
let pkCount = 0;
function freshPk(): string {
  pkCount += 1;
  return `aaaaaaaa-0000-4000-8000-${String(pkCount).padStart(12, "0")}`;
}

describe.each([
  ["an invitation", checkInvitation, { name: "jane", expires: "2031-05-06T07:08:09Z" }],
  ["a stage", checkStage, { name: "invitation" }],
] as const)("the option import of %s", (_case, check, validInputs) => {
  /** The option import that `check` returns for this one. There are no errors. */
  async function checkImport(value: unknown, olds: Inputs = {}): Promise<unknown> {
    const { inputs, reasons } = await check({ ...validInputs, import: value }, olds);
    expect(reasons).toEqual([]);
    return inputs["import"];
  }

  test("is kept for a new resource, normalized, also when it is checked again", async () => {
    const pk = freshPk();
    expect(await checkImport(`{${pk.replaceAll("-", "").toUpperCase()}}`)).toBe(pk);
    expect(await checkImport(pk)).toBe(pk);
    expect(await checkImport(unknownValue)).toBe(unknownValue);
  });

  test("is dropped for an existing resource, and if it is null", async () => {
    for (const value of [freshPk(), unknownValue]) expect(await checkImport(value, validInputs)).toBeUndefined();
    expect(await checkImport(null)).toBeUndefined();
  });

  test("is ignored when the object that it adopted is replaced, in any spelling of the pk", async () => {
    const pk = freshPk();
    await checkImport(pk, validInputs);
    for (const spelling of [pk, pk.toUpperCase()]) expect(await checkImport(spelling)).toBeUndefined();
  });

  test("is kept for an object with the same pk on another server, such as a clone", async () => {
    const pk = freshPk();
    await checkImport(pk, validInputs);
    const { inputs } = await check({ ...validInputs, import: pk, connection: "staging" });
    expect(inputs["import"]).toBe(pk);
  });

  test.each(["s3cret-no-uuid", "", 7, true])("is rejected for %j, without repeating it", async (value) => {
    const { reasons } = await check({ ...validInputs, import: value });
    expect(reasons).toEqual(["import: must be the pk (a UUID) of the object to import"]);
  });
});

test("an expiry in the past is valid if import is unknown, because the invitation may be adopted", async () => {
  const { reasons } = await checkInvitation({ name: "jane", expires: "2001-02-03T04:05:06Z", import: unknownValue });
  expect(reasons).toEqual([]);
});

test("the replacement of an adopted invitation is issued, so its expiry must be in the future", async () => {
  const pk = freshPk();
  const expired = { name: "jane", expires: "2001-02-03T04:05:06Z", import: pk };
  expect((await checkInvitation(expired, expired)).reasons).toEqual([]);
  expect((await checkInvitation(expired)).reasons).toEqual(["expires: is in the past"]);
});
