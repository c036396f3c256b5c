import { unknownValue } from "../../provider/common/reserved-strings";
import { casesOf, checkInvitation, type Inputs } from "./support/check";

const validInputs = { name: "jane", expires: "2031-05-06T07:08:09Z" };
const unpairedSurrogate = "\ud83d";
const asset = { "4dabf18193072939515e22adb298388d": "c44067f5952c0a294b673a41bacd8c17" };
const timestamp = "must be an RFC 3339 timestamp with a time zone, for example 2027-01-31T23:59:59Z";
const integer =
  "must be within ±9007199254740991 (2^53 - 1): Pulumi cannot represent larger integers exactly, and authentik cannot read back integers beyond 64 bits. Use a string";
const invalidCharacters =
  "must contain only letters (a-z, A-Z), digits, _ and -. Defaults to the resource's logical name; set it explicitly if the logical name has other characters";
const surrogate = "an unpaired surrogate, which is not valid Unicode";
const nul = "a NUL character, which authentik cannot store";
const tooDeep = "must not be nested more than 200 levels deep, because authentik could not read it back";
const namespace = "must be the name of a configuration namespace, such as authentik-staging";
const notADuration = "must be a number and a unit, for example 14d, 36h or 90m (minutes)";

/** An object or a list with this many levels of nesting. */
const object = (levels: number): Inputs => (levels === 1 ? { a: 1 } : { a: object(levels - 1) });
const list = (levels: number): unknown => (levels === 1 ? [1] : [list(levels - 1)]);

/** The valid inputs with these ones. `validFor` replaces `expires`. */
function inputsWith(changes: Inputs): Inputs {
  const { expires, ...others } = validInputs;
  return "validFor" in changes ? { ...others, ...changes } : { expires, ...others, ...changes };
}

async function getReasons(changes: Inputs, olds: Inputs = {}): Promise<string[]> {
  return (await checkInvitation(inputsWith(changes), olds)).reasons;
}

describe("valid inputs", () => {
  test("get defaults", async () => {
    const inputs = { ...validInputs, fixedData: {}, singleUse: false };
    expect(await checkInvitation(validInputs)).toEqual({ inputs, reasons: [] });
  });

  test("are kept as configured, with null inside fixedData and keys with a special meaning in JavaScript", async () => {
    const inputs = {
      name: " jane ",
      validFor: "2 weeks",
      fixedData: { email: "jane@example.com", attributes: { team: ["a", null, -0, 1.5, true] }, none: null },
      singleUse: true,
      flow: "5CB788DA28304F779A70B69FAEFF4386",
      connection: "authentik-staging",
    };
    expect(await checkInvitation(inputs)).toEqual({ inputs, reasons: [] });
    const fixedData: unknown = JSON.parse('{"__proto__": {"a": 1}, "constructor": 2, "toString": "x"}');
    const checked = await checkInvitation({ ...validInputs, fixedData });
    expect(checked.reasons).toEqual([]);
    expect(JSON.stringify(checked.inputs["fixedData"])).toBe(JSON.stringify(fixedData));
  });

  test("do not include __provider, which Pulumi adds", async () => {
    const { inputs, reasons } = await checkInvitation({ ...validInputs, __provider: "exports.handler=…" });
    expect(reasons).toEqual([]);
    expect(inputs).not.toHaveProperty("__provider");
  });

  test.each(["expires", "validFor", "fixedData", "singleUse", "flow", "connection"])(
    "treat null as omitted: %s",
    async (property) => {
      const others = property === "expires" ? { name: "jane", validFor: "1d" } : validInputs;
      const { inputs, reasons } = await checkInvitation({ ...others, [property]: null });
      expect(reasons).toEqual([]);
      expect(inputs).toEqual({ fixedData: {}, singleUse: false, ...others });
    },
  );
});

test.each(
  casesOf(
    ["name", ["jane", "Jane_Doe-2", " padded\t", "a".repeat(500)]],
    ["expires", ["2031-05-06T07:08:09Z", "2031-05-06t07:08:09z", "2031-05-06T07:08:09+05:30"]],
    ["expires", ["2031-05-06T07:08:09.5Z", "2031-05-06T07:08:09.123456789-23:59", "2032-02-29T00:00:00Z"]],
    ["expires", ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59+01:00"]],
    ["validFor", ["14d", "36h", "90 minutes", "1.5h", "1y"]],
    ["fixedData", [object(200), { a: list(199) }, { "😀": "😀" }]],
    ["fixedData", [2 ** 53 - 1, 1 - 2 ** 53, 0.1, 1e-300, -0, 1.5e15 + 0.5].map((n) => ({ n }))],
    ["flow", ["enrollment", "5cb788da-2830-4f77-9a70-b69faeff4386", "5CB788DA28304F779A70B69FAEFF4386", " x "]],
  ),
)("accepts the %s %j", async (property, value) => {
  expect(await getReasons({ [property]: value })).toEqual([]);
});

test.each(
  casesOf<[string]>(
    ["name", ["jane doe", "jane.doe", "jané", "a/b", "a\nb"], invalidCharacters],
    ["name", ["", "   "], "must not be empty"],
    ["name", [7, true, ["jane"], { first: "jane" }], "must be a string"],
    ["expires", ["2031-05-06", "2031-05-06T07:08:09", "2031-05-06 07:08:09Z", "2031-05-06T24:00:00Z"], timestamp],
    ["expires", ["2031-05-06T07:60:00Z", "2031-06-30T23:59:60Z", "2031-02-30T00:00:00Z"], timestamp],
    ["expires", ["2031-02-29T00:00:00Z", "2031-04-31T00:00:00Z", "2031-13-01T00:00:00Z"], timestamp],
    ["expires", ["10000-01-01T00:00:00Z", "2031-05-06T07:08:09+0100", " 2031-05-06T07:08:09Z "], timestamp],
    ["expires", ["2031-05-06T07:08:09,5Z", "tomorrow", "", "Tue, 06 May 2031 07:08:09 GMT"], timestamp],
    // Once, and not as being in the past as well.
    ["expires", ["01/02/2020"], timestamp],
    ["expires", [1_935_903_600, true, {}, [validInputs.expires]], `${timestamp}. For a Date, use .toISOString()`],
    [
      "expires",
      ["9999-12-31T23:59:59-01:00", "0000-06-06T00:00:00Z", "0001-01-01T00:00:00+01:00"],
      "must be between the years 1 and 9999 (UTC)",
    ],
    ["expires", ["2001-02-03T04:05:06Z", "2001-02-03t04:05:06z", "0001-01-01T00:00:00Z"], "is in the past"],
    ["validFor", ["", "14", "soon", "P14D", "1d 2h", "NaN", `${"9".repeat(120)}d`], notADuration],
    ["validFor", [14, true, { days: 14 }], "must be a duration as a string, for example 14d"],
    ["validFor", ["0d", "-14d", "-0.5h"], "must be greater than zero"],
    ["validFor", ["9000y", "99999999999999999999d"], "must not end later than the year 9999"],
    ["fixedData", ["string", 7, true, [], ["a"]], "must be an object"],
    ["singleUse", ["true", 1, "yes", {}], "must be true or false"],
    ["flow", ["", "  "], "must not be empty. Omit it to accept any flow"],
    ["flow", ["my flow", "/if/flow/enrollment/"], "must be a flow's slug (letters, digits, _ and -) or UUID"],
    ["flow", [7], "must be a flow's slug or UUID, as a string"],
    ["connection", ["", "authentik:url", "9lives", "a b"], `${namespace} (for authentik-staging:url)`],
    ["connection", [7], namespace],
  ),
)("rejects the %s %j: %s", async (property, value, reason) => {
  expect(await getReasons({ [property]: value })).toEqual([`${property}: ${reason}`]);
});

test("rejects a NUL character in a name", async () => {
  expect(await getReasons({ name: "ja\0ne" })).toEqual([`name: must not contain ${nul}`, `name: ${invalidCharacters}`]);
});

test.each<[Inputs, string]>([
  [object(201), `fixedData.a.a.a: ${tooDeep}`],
  [{ a: list(200) }, `fixedData.a[0][0]: ${tooDeep}`],
  ...[2 ** 53, -(2 ** 53), 1e18, 1e300, -1e300, 2 ** 64].map((n): [Inputs, string] => [
    { list: [0, { n }] },
    `fixedData.list[1].n: ${integer}`,
  ]),
  ...[Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY].map((n): [Inputs, string] => [
    { "a key": { "x.y": n } },
    'fixedData["a key"]["x.y"]: must be a finite number',
  ]),
  [{ attributes: { note: "a\0b" } }, `fixedData.attributes.note: must not contain ${nul}`],
  [{ attributes: { "a\0b": 1 } }, `fixedData.attributes: must not have a key with ${nul}`],
  [{ note: `a${unpairedSurrogate}b` }, `fixedData.note: must not contain ${surrogate}`],
  [{ [unpairedSurrogate]: 1 }, `fixedData: must not have a key with ${surrogate}`],
  [{ file: asset }, "fixedData.file: must be plain JSON, not an asset, archive or resource"],
])("rejects the fixedData %j by path", async (fixedData, reason) => {
  expect(await getReasons({ fixedData })).toEqual([reason]);
});

test("accepts an expiry in the past for an invitation that exists or is imported", async () => {
  const expires = "2001-02-03T04:05:06Z";
  expect(await getReasons({ expires }, { ...validInputs, expires })).toEqual([]);
  expect(await getReasons({ expires, import: "11111111-0000-4000-8000-000000000001" })).toEqual([]);
});

test("requires either expires or validFor, and explains authentik's default", async () => {
  expect((await checkInvitation({ ...validInputs, validFor: "14d" })).reasons).toEqual([
    "expires: set either expires or validFor, not both",
  ]);
  expect((await checkInvitation({ name: "jane" })).reasons).toEqual([
    "expires: set either expires (for example 2027-01-31T23:59:59Z) or validFor (for example 14d). Without one, authentik expires the invitation after 30 minutes",
  ]);
});

describe("an unknown property", () => {
  test.each([
    ["singleUse", ["single_use", "singelUse", "singleuse", "SINGLE_USE"]],
    ["fixedData", ["fixeddata", "fixed_data", "fixData"]],
    ["expires", ["expire"]],
    ["validFor", ["valid_for"]],
    ["flow", ["flows"]],
    ["name", ["names"]],
  ])("gets the suggestion %s: %j", async (suggestion, names) => {
    for (const name of names)
      expect(await getReasons({ [name]: "x" })).toEqual([`${name}: unknown property. Did you mean ${suggestion}?`]);
  });

  test("gets the list of all properties if it is similar to none", async () => {
    for (const name of ["color", "zzz", "whatever_this_is"]) {
      const list = "name, expires, validFor, fixedData, singleUse, flow, onRetired, keepers, email, connection";
      expect(await getReasons({ [name]: "x" })).toEqual([`${name}: unknown property. The properties are ${list}`]);
    }
  });

  test("is quoted if its name is not an identifier, and rejected even if its value is unknown", async () => {
    expect(await getReasons({ "single use": unknownValue })).toEqual([
      '["single use"]: unknown property. Did you mean singleUse?',
    ]);
  });
});

test("reports all errors at once, in the order of the properties", async () => {
  const { reasons } = await checkInvitation({
    name: "a b",
    expires: "tomorrow",
    validFor: "soon",
    fixedData: { a: Number.NaN, b: 1e300 },
    singleUse: "x",
    flow: "",
    connection: "9",
    single_use: true,
    color: "red",
    import: "x",
  });
  expect(reasons.map((reason) => reason.split(":")[0]).join(" ")).toBe(
    "import name expires validFor fixedData.a fixedData.b singleUse flow connection single_use color expires",
  );
});

describe("an unknown value", () => {
  const properties = ["name", "expires", "validFor", "fixedData", "singleUse", "flow", "connection"];

  test.each<[string, Inputs]>([
    ...[...properties, "import"].map((name): [string, Inputs] => [name, inputsWith({ [name]: unknownValue })]),
    ["all properties", Object.fromEntries(properties.map((name) => [name, unknownValue]))],
    ["expires, with a known validFor", { name: "jane", expires: unknownValue, validFor: "14d" }],
    ["validFor, with a known expires", { ...validInputs, validFor: unknownValue }],
    ["any depth of fixedData", { ...validInputs, fixedData: { a: unknownValue, b: { c: [unknownValue] } } }],
  ])("is valid for %s, and kept", async (_case, inputs) => {
    const checked = await checkInvitation(inputs);
    expect(checked.reasons).toEqual([]);
    expect(checked.inputs).toMatchObject(inputs);
  });

  test("does not hide other errors", async () => {
    expect(await getReasons({ name: unknownValue, singleUse: "x", fixedData: { a: unknownValue, b: 1e300 } })).toEqual([
      `fixedData.b: ${integer}`,
      "singleUse: must be true or false",
    ]);
  });
});
