import { unknownValue } from "../../provider/lifecycle/values/properties";
import { checkInvitation, checkStage, forbidRequests, requests } from "./support/check";

beforeAll(forbidRequests);
afterAll(() => expect(requests).toEqual([]));

/** What the process has seen of a pk stays seen: each test takes another one. */
let count = 0;
function freshPk(): string {
  count += 1;
  return `aaaaaaaa-0000-4000-8000-${String(count).padStart(12, "0")}`;
}

describe.each([
  ["an invitation", checkInvitation, { name: "jane", expires: "2031-05-06T07:08:09Z" }],
  ["a stage", checkStage, { name: "invitation" }],
] as const)("the option import of %s", (_what, check, good) => {
  test("is kept where the resource is new", async () => {
    const pk = freshPk();
    const { inputs, reasons } = await check({ ...good, import: pk });
    expect(reasons).toEqual([]);
    expect(inputs["import"]).toBe(pk);
  });

  test("is kept in one spelling", async () => {
    const pk = freshPk();
    const { inputs } = await check({ ...good, import: `{${pk.replaceAll("-", "").toUpperCase()}}` });
    expect(inputs["import"]).toBe(pk);
  });

  test("is dropped where the resource exists", async () => {
    const { inputs, reasons } = await check({ ...good, import: freshPk() }, good);
    expect(reasons).toEqual([]);
    expect(inputs).not.toHaveProperty("import");
  });

  test("is not taken again by the replacement of what it had adopted", async () => {
    const pk = freshPk();
    await check({ ...good, import: pk }, good);
    const { inputs, reasons } = await check({ ...good, import: pk });
    expect(reasons).toEqual([]);
    expect(inputs).not.toHaveProperty("import");
  });

  test("is not taken again by the replacement in whatever spelling", async () => {
    const pk = freshPk();
    await check({ ...good, import: pk }, good);
    const { inputs } = await check({ ...good, import: pk.toUpperCase() });
    expect(inputs).not.toHaveProperty("import");
  });

  test("is still taken after checks of the new resource alone", async () => {
    const pk = freshPk();
    await check({ ...good, import: pk });
    const { inputs } = await check({ ...good, import: pk });
    expect(inputs["import"]).toBe(pk);
  });

  test.each(["s3cret-no-uuid", "enrollment", "", 7, true])("%j is refused, and not printed", async (value) => {
    const { reasons, properties } = await check({ ...good, import: value });
    expect(reasons).toEqual(["import: must be the pk (a UUID) of what is to be taken over"]);
    expect(properties).toEqual([""]);
  });

  test("is kept while it is unknown", async () => {
    const { inputs, reasons } = await check({ ...good, import: unknownValue });
    expect(reasons).toEqual([]);
    expect(inputs["import"]).toBe(unknownValue);
  });

  test("is dropped where the resource exists and it is unknown", async () => {
    const { inputs } = await check({ ...good, import: unknownValue }, good);
    expect(inputs).not.toHaveProperty("import");
  });

  test("null is left out", async () => {
    const { inputs, reasons } = await check({ ...good, import: null });
    expect(reasons).toEqual([]);
    expect(inputs).not.toHaveProperty("import");
  });
});

test("an unknown import of a new invitation lets a past expiry pass, for it may be an adoption", async () => {
  const { reasons } = await checkInvitation({ name: "jane", expires: "2001-02-03T04:05:06Z", import: unknownValue });
  expect(reasons).toEqual([]);
});

test("the replacement of an adopted invitation is an issue: its expiry must lie in the future", async () => {
  const pk = freshPk();
  const dead = { name: "jane", expires: "2001-02-03T04:05:06Z", import: pk };
  expect((await checkInvitation(dead, dead)).reasons).toEqual([]);
  expect((await checkInvitation(dead)).reasons).toEqual([
    "expires: lies in the past, so that the invitation would be dead from the start",
  ]);
});
