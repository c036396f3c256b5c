import { unknownValue } from "../../provider/values/properties";
import { checkInvitation, checkStage, forbidRequests, unexpectedRequests } from "./support/check";

beforeAll(forbidRequests);
afterAll(() => expect(unexpectedRequests).toEqual([]));

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
  test("is kept for a new resource", async () => {
    const pk = freshPk();
    const { inputs, reasons } = await check({ ...validInputs, import: pk });
    expect(reasons).toEqual([]);
    expect(inputs["import"]).toBe(pk);
  });

  test("is normalized", async () => {
    const pk = freshPk();
    const { inputs } = await check({ ...validInputs, import: `{${pk.replaceAll("-", "").toUpperCase()}}` });
    expect(inputs["import"]).toBe(pk);
  });

  test("is dropped for an existing resource", async () => {
    const { inputs, reasons } = await check({ ...validInputs, import: freshPk() }, validInputs);
    expect(reasons).toEqual([]);
    expect(inputs).not.toHaveProperty("import");
  });

  test("is ignored when the object that it adopted is replaced", async () => {
    const pk = freshPk();
    await check({ ...validInputs, import: pk }, validInputs);
    const { inputs, reasons } = await check({ ...validInputs, import: pk });
    expect(reasons).toEqual([]);
    expect(inputs).not.toHaveProperty("import");
  });

  test("is ignored when the object is replaced, in any spelling of the pk", async () => {
    const pk = freshPk();
    await check({ ...validInputs, import: pk }, validInputs);
    const { inputs } = await check({ ...validInputs, import: pk.toUpperCase() });
    expect(inputs).not.toHaveProperty("import");
  });

  test("is kept when the same new resource is checked again", async () => {
    const pk = freshPk();
    await check({ ...validInputs, import: pk });
    const { inputs } = await check({ ...validInputs, import: pk });
    expect(inputs["import"]).toBe(pk);
  });

  test.each(["s3cret-no-uuid", "enrollment", "", 7, true])(
    "is rejected for %j, without repeating it",
    async (value) => {
      const { reasons, properties } = await check({ ...validInputs, import: value });
      expect(reasons).toEqual(["import: must be the pk (a UUID) of the object to import"]);
      expect(properties).toEqual([""]);
    },
  );

  test("is kept if it is unknown", async () => {
    const { inputs, reasons } = await check({ ...validInputs, import: unknownValue });
    expect(reasons).toEqual([]);
    expect(inputs["import"]).toBe(unknownValue);
  });

  test("is dropped for an existing resource if it is unknown", async () => {
    const { inputs } = await check({ ...validInputs, import: unknownValue }, validInputs);
    expect(inputs).not.toHaveProperty("import");
  });

  test("is dropped if it is null", async () => {
    const { inputs, reasons } = await check({ ...validInputs, import: null });
    expect(reasons).toEqual([]);
    expect(inputs).not.toHaveProperty("import");
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
