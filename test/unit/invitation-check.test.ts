import { unknownValue } from "../../provider/values/properties";
import { checkInvitation, forbidRequests, unexpectedRequests } from "./support/check";

const validInputs = { name: "jane", expires: "2031-05-06T07:08:09Z" };
const rfc3339 = "must be an RFC 3339 timestamp with a time zone, for example 2027-01-31T23:59:59Z";
const unpairedSurrogate = String.fromCharCode(0xd83d);
const specialSignatureKey = "4dabf18193072939515e22adb298388d";

/** Returns an object with this many levels of nesting. */
function nestedObject(levels: number): Record<string, unknown> {
  return levels === 1 ? { a: 1 } : { a: nestedObject(levels - 1) };
}

async function getReasons(changes: Record<string, unknown>, olds = {}): Promise<string[]> {
  const { reasons, properties } = await checkInvitation({ ...validInputs, ...changes }, olds);
  expect(properties).toEqual(reasons.map(() => ""));
  return reasons;
}

beforeAll(forbidRequests);
afterAll(() => expect(unexpectedRequests).toEqual([]));

describe("valid inputs", () => {
  test("get defaults", async () => {
    expect(await checkInvitation(validInputs)).toEqual({
      inputs: { ...validInputs, fixedData: {}, singleUse: false },
      properties: [],
      reasons: [],
    });
  });

  test("are kept as configured", async () => {
    const inputs = {
      name: " jane ",
      validFor: "2 weeks",
      fixedData: { email: "jane@example.com", attributes: { team: ["a", null, -0, 1.5, true] } },
      singleUse: true,
      flow: "5CB788DA28304F779A70B69FAEFF4386",
      connection: "authentik-staging",
    };
    expect(await checkInvitation(inputs)).toEqual({ inputs, properties: [], reasons: [] });
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

  test("keep null inside fixedData", async () => {
    const { inputs } = await checkInvitation({ ...validInputs, fixedData: { a: null } });
    expect(inputs["fixedData"]).toEqual({ a: null });
  });
});

describe("name", () => {
  const invalidCharacters =
    "name: must contain only letters (a-z, A-Z), digits, _ and -. Defaults to the resource's logical name; set it explicitly if the logical name has other characters";

  test.each(["jane", "Jane_Doe-2", " padded\t", "a".repeat(500)])("accepts %j", async (name) => {
    expect(await getReasons({ name })).toEqual([]);
  });

  test.each(["jane doe", "jane.doe", "jané", "a/b", "a\nb"])("rejects %j", async (name) => {
    expect(await getReasons({ name })).toEqual([invalidCharacters]);
  });

  test.each(["", "   "])("rejects %j as empty", async (name) => {
    expect(await getReasons({ name })).toEqual(["name: must not be empty"]);
  });

  test.each([7, true, ["jane"], { first: "jane" }])("rejects %j, which is not a string", async (name) => {
    expect(await getReasons({ name })).toEqual(["name: must be a string"]);
  });

  test("rejects a NUL character", async () => {
    expect(await getReasons({ name: "ja\0ne" })).toEqual([
      "name: must not contain a NUL character, which authentik cannot store",
      invalidCharacters,
    ]);
  });
});

describe("expires", () => {
  test.each([
    "2031-05-06T07:08:09Z",
    "2031-05-06t07:08:09z",
    "2031-05-06T07:08:09+05:30",
    "2031-05-06T07:08:09.5Z",
    "2031-05-06T07:08:09.123456789-23:59",
    "2032-02-29T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59+01:00",
  ])("accepts %s", async (expires) => {
    expect(await getReasons({ expires })).toEqual([]);
  });

  test.each([
    ["only a date", "2031-05-06"],
    ["no time zone", "2031-05-06T07:08:09"],
    ["a space instead of the T", "2031-05-06 07:08:09Z"],
    ["hour 24", "2031-05-06T24:00:00Z"],
    ["minute 60", "2031-05-06T07:60:00Z"],
    ["a leap second", "2031-06-30T23:59:60Z"],
    ["February 30", "2031-02-30T00:00:00Z"],
    ["February 29 in a common year", "2031-02-29T00:00:00Z"],
    ["April 31", "2031-04-31T00:00:00Z"],
    ["month 13", "2031-13-01T00:00:00Z"],
    ["year 10000", "10000-01-01T00:00:00Z"],
    ["an offset without a colon", "2031-05-06T07:08:09+0100"],
    ["surrounding spaces", " 2031-05-06T07:08:09Z "],
    ["a decimal comma", "2031-05-06T07:08:09,5Z"],
    ["a word instead of a date", "tomorrow"],
    ["no characters", ""],
    ["an HTTP date", "Tue, 06 May 2031 07:08:09 GMT"],
  ])("rejects a string with %s", async (_case, expires) => {
    expect(await getReasons({ expires })).toEqual([`expires: ${rfc3339}`]);
  });

  test.each([1_935_903_600, true, {}, ["2031-05-06T07:08:09Z"]])(
    "rejects %j, which is not a string",
    async (expires) => {
      expect(await getReasons({ expires })).toEqual([`expires: ${rfc3339}. For a Date, use .toISOString()`]);
    },
  );

  test.each(["9999-12-31T23:59:59-01:00", "0000-06-06T00:00:00Z", "0001-01-01T00:00:00+01:00"])(
    "rejects %s, which is outside the years that authentik can store",
    async (expires) => {
      expect(await getReasons({ expires })).toEqual(["expires: must be between the years 1 and 9999 (UTC)"]);
    },
  );

  test.each(["2001-02-03T04:05:06Z", "2001-02-03t04:05:06z", "0001-01-01T00:00:00Z"])(
    "rejects %s, which is in the past, for a new invitation",
    async (expires) => {
      expect(await getReasons({ expires })).toEqual(["expires: is in the past"]);
    },
  );

  test("reports a date in another format once, not as being in the past as well", async () => {
    expect(await getReasons({ expires: "01/02/2020" })).toEqual([
      "expires: must be an RFC 3339 timestamp with a time zone, for example 2027-01-31T23:59:59Z",
    ]);
  });

  test("accepts an expiry in the past for an existing invitation", async () => {
    expect(
      await getReasons({ expires: "2001-02-03T04:05:06Z" }, { ...validInputs, expires: "2001-02-03T04:05:06Z" }),
    ).toEqual([]);
  });

  test("accepts an expiry in the past for an invitation that is imported", async () => {
    const imported = { expires: "2001-02-03T04:05:06Z", import: "11111111-0000-4000-8000-000000000001" };
    expect(await getReasons(imported)).toEqual([]);
  });
});

describe("validFor", () => {
  const getDurationReasons = async (validFor: unknown): Promise<string[]> =>
    (await checkInvitation({ name: "jane", validFor })).reasons;

  test.each(["14d", "36h", "90 minutes", "1.5h", "1y"])("accepts %s", async (validFor) => {
    expect(await getDurationReasons(validFor)).toEqual([]);
  });

  test.each(["", "14", "soon", "P14D", "1d 2h", "NaN", `${"9".repeat(120)}d`])(
    "rejects %j, which is not a duration",
    async (validFor) => {
      expect(await getDurationReasons(validFor)).toEqual([
        "validFor: must be a number and a unit, for example 14d, 36h or 90m (minutes)",
      ]);
    },
  );

  test.each([14, true, { days: 14 }])("rejects %j, which is not a string", async (validFor) => {
    expect(await getDurationReasons(validFor)).toEqual(["validFor: must be a duration as a string, for example 14d"]);
  });

  test.each(["0d", "-14d", "-0.5h"])("rejects %s, which is not greater than zero", async (validFor) => {
    expect(await getDurationReasons(validFor)).toEqual(["validFor: must be greater than zero"]);
  });

  test.each(["9000y", "99999999999999999999d"])("rejects %s, which ends after the year 9999", async (validFor) => {
    expect(await getDurationReasons(validFor)).toEqual(["validFor: must not end later than the year 9999"]);
  });
});

describe("expires and validFor", () => {
  test("cannot both be set", async () => {
    expect(await getReasons({ validFor: "14d" })).toEqual(["expires: set either expires or validFor, not both"]);
  });

  test("cannot both be omitted: the error explains authentik's default", async () => {
    const { reasons } = await checkInvitation({ name: "jane" });
    expect(reasons).toEqual([
      "expires: set either expires (for example 2027-01-31T23:59:59Z) or validFor (for example 14d). Without one, authentik expires the invitation after 30 minutes",
    ]);
  });

  test.each([
    ["both", { expires: unknownValue, validFor: unknownValue }],
    ["expires, with a known validFor", { expires: unknownValue, validFor: "14d" }],
    ["validFor, with a known expires", { expires: "2031-05-06T07:08:09Z", validFor: unknownValue }],
    ["only expires", { expires: unknownValue }],
    ["only validFor", { validFor: unknownValue }],
  ])("can be unknown: %s", async (_case, expiry) => {
    const { inputs, reasons } = await checkInvitation({ name: "jane", ...expiry });
    expect(reasons).toEqual([]);
    expect(inputs).toMatchObject(expiry);
  });
});

describe("fixedData", () => {
  test.each([["string"], [7], [true], [[]], [["a"]]])("rejects %j, which is not an object", async (fixedData) => {
    expect(await getReasons({ fixedData })).toEqual(["fixedData: must be an object"]);
  });

  test("accepts 200 levels", async () => {
    expect(await getReasons({ fixedData: nestedObject(200) })).toEqual([]);
  });

  test("rejects 201 levels", async () => {
    expect(await getReasons({ fixedData: nestedObject(201) })).toEqual([
      "fixedData.a.a.a: must not be nested more than 200 levels deep, because authentik could not read it back",
    ]);
  });

  test("counts lists as levels", async () => {
    const list = (levels: number): unknown => (levels === 1 ? [1] : [list(levels - 1)]);
    expect(await getReasons({ fixedData: { a: list(199) } })).toEqual([]);
    expect(await getReasons({ fixedData: { a: list(200) } })).toEqual([
      "fixedData.a[0][0]: must not be nested more than 200 levels deep, because authentik could not read it back",
    ]);
  });

  test.each([2 ** 53, -(2 ** 53), 1e18, 1e300, -1e300, 2 ** 64])(
    "rejects %d, which is not a safe integer",
    async (n) => {
      expect(await getReasons({ fixedData: { list: [0, { n }] } })).toEqual([
        "fixedData.list[1].n: must be within ±9007199254740991 (2^53 - 1): Pulumi cannot represent larger integers exactly, and authentik cannot read back integers beyond 64 bits. Use a string",
      ]);
    },
  );

  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    "rejects %d, which is not finite",
    async (n) => {
      expect(await getReasons({ fixedData: { n } })).toEqual(["fixedData.n: must be a finite number"]);
    },
  );

  test.each([2 ** 53 - 1, -(2 ** 53 - 1), 0.1, 1e-300, -0, 1.5e15 + 0.5])("accepts the number %d", async (n) => {
    expect(await getReasons({ fixedData: { n } })).toEqual([]);
  });

  test("rejects a NUL character in a value", async () => {
    expect(await getReasons({ fixedData: { attributes: { note: "a\0b" } } })).toEqual([
      "fixedData.attributes.note: must not contain a NUL character, which authentik cannot store",
    ]);
  });

  test("rejects a NUL character in a key", async () => {
    expect(await getReasons({ fixedData: { attributes: { "a\0b": 1 } } })).toEqual([
      "fixedData.attributes: must not have a key with a NUL character, which authentik cannot store",
    ]);
  });

  test("rejects an unpaired surrogate in a value", async () => {
    expect(await getReasons({ fixedData: { note: `a${unpairedSurrogate}b` } })).toEqual([
      "fixedData.note: must not contain an unpaired surrogate, which is not valid Unicode",
    ]);
  });

  test("rejects an unpaired surrogate in a key", async () => {
    expect(await getReasons({ fixedData: { [unpairedSurrogate]: 1 } })).toEqual([
      "fixedData: must not have a key with an unpaired surrogate, which is not valid Unicode",
    ]);
  });

  test("accepts surrogate pairs", async () => {
    expect(await getReasons({ fixedData: { "😀": "😀" } })).toEqual([]);
  });

  test("rejects an asset", async () => {
    expect(
      await getReasons({ fixedData: { file: { [specialSignatureKey]: "c44067f5952c0a294b673a41bacd8c17" } } }),
    ).toEqual(["fixedData.file: must be plain JSON, not an asset, archive or resource"]);
  });

  test("quotes a key that is not an identifier in the path", async () => {
    expect(await getReasons({ fixedData: { "a key": { "x.y": Number.NaN } } })).toEqual([
      'fixedData["a key"]["x.y"]: must be a finite number',
    ]);
  });

  test("accepts keys with a special meaning in JavaScript", async () => {
    const fixedData: unknown = JSON.parse('{"__proto__": {"a": 1}, "constructor": 2, "toString": "x"}');
    const { inputs, reasons } = await checkInvitation({ ...validInputs, fixedData });
    expect(reasons).toEqual([]);
    expect(JSON.stringify(inputs["fixedData"])).toBe(JSON.stringify(fixedData));
  });
});

describe("check", () => {
  test.each(["true", 1, "yes", {}])("rejects singleUse %j", async (singleUse) => {
    expect(await getReasons({ singleUse })).toEqual(["singleUse: must be true or false"]);
  });

  test.each([
    ["", "flow: must not be empty. Omit it to accept any flow"],
    ["  ", "flow: must not be empty. Omit it to accept any flow"],
    ["my flow", "flow: must be a flow's slug (letters, digits, _ and -) or UUID"],
    ["/if/flow/enrollment/", "flow: must be a flow's slug (letters, digits, _ and -) or UUID"],
    [7, "flow: must be a flow's slug or UUID, as a string"],
  ])("rejects flow %j", async (flow, reason) => {
    expect(await getReasons({ flow })).toEqual([reason]);
  });

  test.each(["enrollment", "5cb788da-2830-4f77-9a70-b69faeff4386", "5CB788DA28304F779A70B69FAEFF4386", " enrollment "])(
    "accepts flow %j",
    async (flow) => {
      expect(await getReasons({ flow })).toEqual([]);
    },
  );

  test.each(["", "authentik:url", "9lives", "a b"])("rejects connection %j", async (connection) => {
    expect(await getReasons({ connection })).toEqual([
      "connection: must be the name of a configuration namespace, such as authentik-staging (for authentik-staging:url)",
    ]);
  });

  test("rejects connection 7", async () => {
    expect(await getReasons({ connection: 7 })).toEqual([
      "connection: must be the name of a configuration namespace, such as authentik-staging",
    ]);
  });
});

describe("an unknown property", () => {
  test.each([
    ["single_use", "singleUse"],
    ["singelUse", "singleUse"],
    ["singleuse", "singleUse"],
    ["SINGLE_USE", "singleUse"],
    ["fixeddata", "fixedData"],
    ["fixed_data", "fixedData"],
    ["fixData", "fixedData"],
    ["expire", "expires"],
    ["valid_for", "validFor"],
    ["flows", "flow"],
    ["names", "name"],
  ])("%s gets the suggestion %s", async (name, suggestion) => {
    expect(await getReasons({ [name]: "x" })).toEqual([`${name}: unknown property. Did you mean ${suggestion}?`]);
  });

  test.each(["color", "zzz", "whatever_this_is"])(
    "%s gets the list of all properties, because it is similar to none",
    async (name) => {
      expect(await getReasons({ [name]: "x" })).toEqual([
        expect.stringMatching(
          new RegExp(`^${name}: unknown property\\. The properties are name, expires, .*flow, .*connection$`),
        ),
      ]);
    },
  );

  test("is quoted if its name is not an identifier", async () => {
    expect(await getReasons({ "single use": true })).toEqual([
      '["single use"]: unknown property. Did you mean singleUse?',
    ]);
  });

  test("is rejected even if its value is unknown", async () => {
    expect(await getReasons({ single_use: unknownValue })).toEqual([
      "single_use: unknown property. Did you mean singleUse?",
    ]);
  });
});

test("reports all errors at once, in the order of the properties", async () => {
  const { reasons, properties } = await checkInvitation({
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
  expect(properties.filter((property) => property !== "")).toEqual([]);
  expect(reasons.map((reason) => reason.split(":")[0])).toEqual([
    "import",
    "name",
    "expires",
    "validFor",
    "fixedData.a",
    "fixedData.b",
    "singleUse",
    "flow",
    "connection",
    "single_use",
    "color",
    "expires",
  ]);
});

describe("an unknown value", () => {
  test.each(["name", "expires", "validFor", "fixedData", "singleUse", "flow", "connection", "import"])(
    "is valid for %s",
    async (property) => {
      const { [property as "name"]: _omitted, ...others } = validInputs;
      const { inputs, reasons } = await checkInvitation({
        ...(property === "validFor" ? { name: "jane" } : others),
        [property]: unknownValue,
      });
      expect(reasons).toEqual([]);
      expect(inputs[property]).toBe(unknownValue);
    },
  );

  test("is valid for all properties at once", async () => {
    const inputs = Object.fromEntries(
      ["name", "expires", "validFor", "fixedData", "singleUse", "flow", "connection"].map((name) => [
        name,
        unknownValue,
      ]),
    );
    expect(await checkInvitation(inputs)).toEqual({ inputs, properties: [], reasons: [] });
  });

  test("is valid at any depth of fixedData", async () => {
    const fixedData = { email: unknownValue, attributes: { teams: [unknownValue, { name: unknownValue }] } };
    const { inputs, reasons } = await checkInvitation({ ...validInputs, fixedData });
    expect(reasons).toEqual([]);
    expect(inputs["fixedData"]).toEqual(fixedData);
  });

  test("does not hide other errors", async () => {
    expect(await getReasons({ name: unknownValue, singleUse: "x", fixedData: { a: unknownValue, b: 1e300 } })).toEqual([
      expect.stringMatching(/^fixedData\.b: must be within ±/),
      "singleUse: must be true or false",
    ]);
  });
});
