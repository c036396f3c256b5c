import { unknownValue } from "../../provider/lifecycle/values/properties";
import { checkInvitation, forbidRequests, requests } from "./support/check";

const good = { name: "jane", expires: "2031-05-06T07:08:09Z" };
const rfc3339 = "must be an RFC 3339 instant with its zone, such as 2027-01-31T23:59:59Z";
const lone = String.fromCharCode(0xd83d);
const pulumiMarker = "4dabf18193072939515e22adb298388d";

/** An object that holds another, and so on, that many levels deep. */
function nested(levels: number): Record<string, unknown> {
  return levels === 1 ? { a: 1 } : { a: nested(levels - 1) };
}

async function reasonsOf(changes: Record<string, unknown>, olds = {}): Promise<string[]> {
  const { reasons, properties } = await checkInvitation({ ...good, ...changes }, olds);
  expect(properties).toEqual(reasons.map(() => ""));
  return reasons;
}

beforeAll(forbidRequests);
afterAll(() => expect(requests).toEqual([]));

describe("what is good passes", () => {
  test("with the defaults filled in", async () => {
    expect(await checkInvitation(good)).toEqual({
      inputs: { ...good, fixedData: {}, singleUse: false },
      properties: [],
      reasons: [],
    });
  });

  test("as it was written", async () => {
    const inputs = {
      name: " jane ",
      validFor: "2 weeks",
      fixedData: { email: "jane@example.com", attributes: { team: ["a", null, -0, 1.5, true] } },
      singleUse: true,
      flow: "{5CB788DA28304F779A70B69FAEFF4386}".slice(1, -1),
      connection: "authentik-staging",
    };
    expect(await checkInvitation(inputs)).toEqual({ inputs, properties: [], reasons: [] });
  });

  test("without what Pulumi adds", async () => {
    const { inputs, reasons } = await checkInvitation({ ...good, __provider: "exports.handler=…" });
    expect(reasons).toEqual([]);
    expect(inputs).not.toHaveProperty("__provider");
  });

  test.each(["expires", "validFor", "fixedData", "singleUse", "flow", "connection"])(
    "null as %s counts as left out",
    async (property) => {
      const others = property === "expires" ? { name: "jane", validFor: "1d" } : good;
      const { inputs, reasons } = await checkInvitation({ ...others, [property]: null });
      expect(reasons).toEqual([]);
      expect(inputs).toEqual({ fixedData: {}, singleUse: false, ...others });
    },
  );

  test("null inside fixedData is kept", async () => {
    const { inputs } = await checkInvitation({ ...good, fixedData: { a: null } });
    expect(inputs["fixedData"]).toEqual({ a: null });
  });
});

describe("name", () => {
  const slug =
    "name: must hold only the letters a-z and A-Z, digits, _ and -, without blanks, for authentik takes no others (it is the resource's name unless it is set)";

  test.each(["jane", "Jane_Doe-2", " padded\t", "a".repeat(500)])("%j is good", async (name) => {
    expect(await reasonsOf({ name })).toEqual([]);
  });

  test.each(["jane doe", "jane.doe", "jané", "a/b", "a\nb"])("%j is refused", async (name) => {
    expect(await reasonsOf({ name })).toEqual([slug]);
  });

  test.each(["", "   "])("%j is empty", async (name) => {
    expect(await reasonsOf({ name })).toEqual(["name: must not be empty"]);
  });

  test.each([7, true, ["jane"], { first: "jane" }])("%j is no text", async (name) => {
    expect(await reasonsOf({ name })).toEqual(["name: must be a text"]);
  });

  test("a NUL is named", async () => {
    expect(await reasonsOf({ name: "ja\0ne" })).toEqual(["name: must not hold a NUL character", slug]);
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
  ])("%s is good", async (expires) => {
    expect(await reasonsOf({ expires })).toEqual([]);
  });

  test.each([
    ["a date alone", "2031-05-06"],
    ["no zone", "2031-05-06T07:08:09"],
    ["a blank for the T", "2031-05-06 07:08:09Z"],
    ["hour 24", "2031-05-06T24:00:00Z"],
    ["minute 60", "2031-05-06T07:60:00Z"],
    ["a leap second", "2031-06-30T23:59:60Z"],
    ["February 30", "2031-02-30T00:00:00Z"],
    ["February 29 in a common year", "2031-02-29T00:00:00Z"],
    ["April 31", "2031-04-31T00:00:00Z"],
    ["month 13", "2031-13-01T00:00:00Z"],
    ["year 10000", "10000-01-01T00:00:00Z"],
    ["an offset without a colon", "2031-05-06T07:08:09+0100"],
    ["blanks around it", " 2031-05-06T07:08:09Z "],
    ["a comma in it", "2031-05-06T07:08:09,5Z"],
    ["a word", "tomorrow"],
    ["nothing in it", ""],
    ["a HTTP date", "Tue, 06 May 2031 07:08:09 GMT"],
  ])("with %s it is refused", async (_what, expires) => {
    expect(await reasonsOf({ expires })).toEqual([`expires: ${rfc3339}`]);
  });

  test.each([1_935_903_600, true, {}, ["2031-05-06T07:08:09Z"]])("%j is no text", async (expires) => {
    expect(await reasonsOf({ expires })).toEqual([`expires: ${rfc3339}; of a Date, use .toISOString()`]);
  });

  test.each(["9999-12-31T23:59:59-01:00", "0000-06-06T00:00:00Z", "0001-01-01T00:00:00+01:00"])(
    "%s lies beyond the years that authentik can store",
    async (expires) => {
      expect(await reasonsOf({ expires }, good)).toEqual(["expires: must lie in the years 1 to 9999 of UTC"]);
    },
  );

  test.each(["2001-02-03T04:05:06Z", "2001-02-03t04:05:06z", "0001-01-01T00:00:00Z"])(
    "%s in the past is refused for one that is to be issued",
    async (expires) => {
      expect(await reasonsOf({ expires })).toEqual([
        "expires: lies in the past, so that the invitation would be dead from the start",
      ]);
    },
  );

  test("in the past is no fault of one that exists", async () => {
    expect(await reasonsOf({ expires: "2001-02-03T04:05:06Z" }, { ...good, expires: "2001-02-03T04:05:06Z" })).toEqual(
      [],
    );
  });

  test("in the past is no fault of one that is to be adopted", async () => {
    const adopted = { expires: "2001-02-03T04:05:06Z", import: "11111111-0000-4000-8000-000000000001" };
    expect(await reasonsOf(adopted)).toEqual([]);
  });
});

describe("validFor", () => {
  const reasonsOfDuration = async (validFor: unknown): Promise<string[]> =>
    (await checkInvitation({ name: "jane", validFor })).reasons;

  test.each(["14d", "36h", "90 minutes", "1.5h", "1y"])("%s is good", async (validFor) => {
    expect(await reasonsOfDuration(validFor)).toEqual([]);
  });

  test.each(["", "14", "soon", "P14D", "1d 2h", "NaN", `${"9".repeat(120)}d`])(
    "%j is no duration",
    async (validFor) => {
      expect(await reasonsOfDuration(validFor)).toEqual([
        "validFor: must be one number and one unit, such as 14d, 36h or 90m",
      ]);
    },
  );

  test.each([14, true, { days: 14 }])("%j is no text", async (validFor) => {
    expect(await reasonsOfDuration(validFor)).toEqual(["validFor: must be a duration as a text, such as 14d"]);
  });

  test.each(["0d", "-14d", "-0.5h"])("%s is longer than nothing", async (validFor) => {
    expect(await reasonsOfDuration(validFor)).toEqual(["validFor: must be longer than nothing"]);
  });

  test.each(["9000y", "99999999999999999999d"])("%s reaches too far", async (validFor) => {
    expect(await reasonsOfDuration(validFor)).toEqual(["validFor: must not reach beyond the year 9999"]);
  });
});

describe("exactly one of expires and validFor", () => {
  test("both are refused", async () => {
    expect(await reasonsOf({ validFor: "14d" })).toEqual(["expires: give either it or validFor, not both"]);
  });

  test("neither is refused, with what authentik would do", async () => {
    const { reasons } = await checkInvitation({ name: "jane" });
    expect(reasons).toEqual([
      "expires: give it (such as 2027-01-31T23:59:59Z) or validFor (such as 14d): without either authentik would let the invitation die within half an hour",
    ]);
  });

  test.each([
    ["both unknown", { expires: unknownValue, validFor: unknownValue }],
    ["an unknown expires beside a validFor", { expires: unknownValue, validFor: "14d" }],
    ["an unknown validFor beside an expires", { expires: "2031-05-06T07:08:09Z", validFor: unknownValue }],
    ["an unknown expires alone", { expires: unknownValue }],
    ["an unknown validFor alone", { validFor: unknownValue }],
  ])("%s pass", async (_what, expiry) => {
    const { inputs, reasons } = await checkInvitation({ name: "jane", ...expiry });
    expect(reasons).toEqual([]);
    expect(inputs).toMatchObject(expiry);
  });
});

describe("fixedData", () => {
  test.each([["text"], [7], [true], [[]], [["a"]]])("%j is no object", async (fixedData) => {
    expect(await reasonsOf({ fixedData })).toEqual(["fixedData: must be an object"]);
  });

  test("200 levels are good", async () => {
    expect(await reasonsOf({ fixedData: nested(200) })).toEqual([]);
  });

  test("201 levels are refused", async () => {
    expect(await reasonsOf({ fixedData: nested(201) })).toEqual([
      "fixedData.a.a.a: is nested more than 200 levels deep: authentik could not read it back",
    ]);
  });

  test("lists count as levels, too", async () => {
    const list = (levels: number): unknown => (levels === 1 ? [1] : [list(levels - 1)]);
    expect(await reasonsOf({ fixedData: { a: list(199) } })).toEqual([]);
    expect(await reasonsOf({ fixedData: { a: list(200) } })).toEqual([
      "fixedData.a[0][0]: is nested more than 200 levels deep: authentik could not read it back",
    ]);
  });

  test.each([2 ** 53, -(2 ** 53), 1e18, 1e300, -1e300, 2 ** 64])("%d is an integer that cannot be kept", async (n) => {
    expect(await reasonsOf({ fixedData: { list: [0, { n }] } })).toEqual([
      "fixedData.list[1].n: is an integer beyond ±9007199254740991 (2^53 - 1): Pulumi's numbers cannot hold it exactly, and authentik cannot read back integers beyond 64 bits; give it as a string",
    ]);
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])("%d is not finite", async (n) => {
    expect(await reasonsOf({ fixedData: { n } })).toEqual(["fixedData.n: must be a finite number"]);
  });

  test.each([2 ** 53 - 1, -(2 ** 53 - 1), 0.1, 1e-300, -0, 1.5e15 + 0.5])("%d is a good number", async (n) => {
    expect(await reasonsOf({ fixedData: { n } })).toEqual([]);
  });

  test("a NUL in a value", async () => {
    expect(await reasonsOf({ fixedData: { attributes: { note: "a\0b" } } })).toEqual([
      "fixedData.attributes.note: holds a NUL character, which authentik cannot store",
    ]);
  });

  test("a NUL in a key", async () => {
    expect(await reasonsOf({ fixedData: { attributes: { "a\0b": 1 } } })).toEqual([
      "fixedData.attributes: has a key that holds a NUL character, which authentik cannot store",
    ]);
  });

  test("half of a surrogate pair in a value", async () => {
    expect(await reasonsOf({ fixedData: { note: `a${lone}b` } })).toEqual([
      "fixedData.note: holds half of a surrogate pair, which is no Unicode text",
    ]);
  });

  test("half of a surrogate pair in a key", async () => {
    expect(await reasonsOf({ fixedData: { [lone]: 1 } })).toEqual([
      "fixedData: has a key that holds half of a surrogate pair, which is no Unicode text",
    ]);
  });

  test("whole pairs are good", async () => {
    expect(await reasonsOf({ fixedData: { "😀": "😀" } })).toEqual([]);
  });

  test("an asset is refused", async () => {
    expect(await reasonsOf({ fixedData: { file: { [pulumiMarker]: "c44067f5952c0a294b673a41bacd8c17" } } })).toEqual([
      "fixedData.file: must be plain JSON, no asset, archive or resource",
    ]);
  });

  test("a key that is no identifier is quoted in the path", async () => {
    expect(await reasonsOf({ fixedData: { "a key": { "x.y": Number.NaN } } })).toEqual([
      'fixedData["a key"]["x.y"]: must be a finite number',
    ]);
  });

  test("keys with a meaning in JavaScript are keys like any other", async () => {
    const fixedData: unknown = JSON.parse('{"__proto__": {"a": 1}, "constructor": 2, "toString": "x"}');
    const { inputs, reasons } = await checkInvitation({ ...good, fixedData });
    expect(reasons).toEqual([]);
    expect(JSON.stringify(inputs["fixedData"])).toBe(JSON.stringify(fixedData));
  });
});

describe("the other properties", () => {
  test.each(["true", 1, "yes", {}])("singleUse %j is refused", async (singleUse) => {
    expect(await reasonsOf({ singleUse })).toEqual(["singleUse: must be true or false"]);
  });

  test.each([
    ["", "flow: must not be empty; leave it out for an invitation to any flow"],
    ["  ", "flow: must not be empty; leave it out for an invitation to any flow"],
    ["my flow", "flow: must be a flow's slug (letters, digits, _ and -) or UUID"],
    ["/if/flow/enrollment/", "flow: must be a flow's slug (letters, digits, _ and -) or UUID"],
    [7, "flow: must be a flow's slug or UUID as a text"],
  ])("flow %j is refused", async (flow, reason) => {
    expect(await reasonsOf({ flow })).toEqual([reason]);
  });

  test.each(["enrollment", "5cb788da-2830-4f77-9a70-b69faeff4386", "5CB788DA28304F779A70B69FAEFF4386", " enrollment "])(
    "flow %j is good",
    async (flow) => {
      expect(await reasonsOf({ flow })).toEqual([]);
    },
  );

  test.each(["", "authentik:url", "9lives", "a b"])("connection %j is refused", async (connection) => {
    expect(await reasonsOf({ connection })).toEqual([
      "connection: must be the name of a configuration namespace, such as authentik-staging (for authentik-staging:url)",
    ]);
  });

  test("connection 7 is refused", async () => {
    expect(await reasonsOf({ connection: 7 })).toEqual([
      "connection: must be the name of a configuration namespace, such as authentik-staging",
    ]);
  });
});

describe("a property that does not exist", () => {
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
  ])("%s: %s is proposed", async (wrong, right) => {
    expect(await reasonsOf({ [wrong]: "x" })).toEqual([`${wrong}: no such property; did you mean ${right}?`]);
  });

  test.each(["colour", "zzz", "whatever_this_is"])("%s is like none, so that all are listed", async (wrong) => {
    expect(await reasonsOf({ [wrong]: "x" })).toEqual([
      expect.stringMatching(
        new RegExp(`^${wrong}: no such property; the properties are name, expires, .*flow, .*connection$`),
      ),
    ]);
  });

  test("a name that is no identifier is quoted", async () => {
    expect(await reasonsOf({ "single use": true })).toEqual([
      '["single use"]: no such property; did you mean singleUse?',
    ]);
  });

  test("it is found though its value is unknown", async () => {
    expect(await reasonsOf({ single_use: unknownValue })).toEqual([
      "single_use: no such property; did you mean singleUse?",
    ]);
  });
});

test("all faults are told at once, in the order of the properties", async () => {
  const { reasons, properties } = await checkInvitation({
    name: "a b",
    expires: "tomorrow",
    validFor: "soon",
    fixedData: { a: Number.NaN, b: 1e300 },
    singleUse: "x",
    flow: "",
    connection: "9",
    single_use: true,
    colour: "red",
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
    "colour",
    "expires",
  ]);
});

describe("what is not known yet passes", () => {
  test.each(["name", "expires", "validFor", "fixedData", "singleUse", "flow", "connection", "import"])(
    "as %s",
    async (property) => {
      const { [property as "name"]: _left, ...others } = good;
      const { inputs, reasons } = await checkInvitation({
        ...(property === "validFor" ? { name: "jane" } : others),
        [property]: unknownValue,
      });
      expect(reasons).toEqual([]);
      expect(inputs[property]).toBe(unknownValue);
    },
  );

  test("as all of them", async () => {
    const inputs = Object.fromEntries(
      ["name", "expires", "validFor", "fixedData", "singleUse", "flow", "connection"].map((name) => [
        name,
        unknownValue,
      ]),
    );
    expect(await checkInvitation(inputs)).toEqual({ inputs, properties: [], reasons: [] });
  });

  test("in any depth of fixedData", async () => {
    const fixedData = { email: unknownValue, attributes: { teams: [unknownValue, { name: unknownValue }] } };
    const { inputs, reasons } = await checkInvitation({ ...good, fixedData });
    expect(reasons).toEqual([]);
    expect(inputs["fixedData"]).toEqual(fixedData);
  });

  test("and hides no fault beside it", async () => {
    expect(await reasonsOf({ name: unknownValue, singleUse: "x", fixedData: { a: unknownValue, b: 1e300 } })).toEqual([
      expect.stringMatching(/^fixedData\.b: is an integer beyond/),
      "singleUse: must be true or false",
    ]);
  });
});
