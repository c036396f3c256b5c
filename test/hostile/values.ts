import fc from "fast-check";
import { unknownValue } from "../../provider/common/reserved-strings";

export type Inputs = Record<string, unknown>;

/** Pieces that mean something to a URL, a terminal, a shell, a Markdown or HTML renderer, a CI system, or a parser. */
const fragments = [
  ...["../", "..\\", "/../../core/users/", "?superuser=1", "&ordering=x", "%2f", "%2e%2e%2f", "%00"],
  ...["%0d%0aHost:%20evil.test", "\r\n", "\u001b[2J", "\u001b]8;;https://evil.test\u0007", "\u009b31m"],
  ...["`````", "~~~", "$(id)", "$" + "{x}", "; rm -rf ~ #", "| sh", "&&", "--yes", "](javascript:alert(1))"],
  ...["![](https://evil.test/x.png)", "@team", "<!-- ", "-->", "</details>", "<script>"],
  ...["::set-output name=x::y", "##[group]", "/close", "\ude00\ud83d", "\ud800", "\udfff"],
  ...["e\u0301", "\u0301\u0301\u0301", "\u05d0\u0628", "\u{1f469}\u200d\u{1f4bb}"],
  ...["__proto__", "constructor", "toString", "undefined", "null", "NaN"],
  // Color directives of the Pulumi CLI, which crashes on an unknown one.
  ...["<{%fg 9%}>", "<{%bogus%}>", "<{%"],
  ..."#;%\"'\\`-0\0\n\t \u0007\u007f\u202e\u2066\u200e\u200b\ufeff\u{e0041}",
  ..."\u2028\u2029\u0085\u001c\u001f\u00a0\u3000\u{20bb7}\u{10ffff}\uffff\ufdfa",
];

const fragment = fc.constantFrom(...fragments);

/** A choice of `fc.oneof`. */
export function weighted<T>(
  weight: number,
  arbitrary: fc.Arbitrary<T>,
): { weight: number; arbitrary: fc.Arbitrary<T> } {
  return { weight, arbitrary };
}

/** Any string, valid Unicode or not. Rarely longer than 20 fragments. */
export const hostileString: fc.Arbitrary<string> = fc.oneof(
  weighted(
    6,
    fc
      .array(fc.oneof(fragment, fc.stringMatching(/^[a-z0-9 ]{0,6}$/)), { maxLength: 6 })
      .map((parts) => parts.join("")),
  ),
  weighted(2, fc.string({ unit: "binary", maxLength: 20 })),
  weighted(2, fc.string({ unit: "grapheme", maxLength: 20 })),
  weighted(1, fragment),
  weighted(
    1,
    fc.tuple(fragment, fc.constantFrom(10, 100, 5000)).map(([part, count]) => part.repeat(count)),
  ),
);

/** Whitespace as Unicode, JavaScript or Python defines it. */
const whitespace = fc
  .array(fc.constantFrom(..." \t\n\r\u000b\f\u001c\u001f\u0085\u00a0\u1680\u2003\u2028\u3000\ufeff"), { maxLength: 2 })
  .map((spaces) => spaces.join(""));

export function padded(value: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc
    .tuple(fc.boolean(), whitespace, value, whitespace)
    .map(([isPadded, before, inner, after]) => (isPadded ? before + inner + after : inner));
}

export const slug: fc.Arbitrary<string> = padded(fc.stringMatching(/^[-\w]{1,50}$/));

const { MAX_VALUE, NaN: notANumber, POSITIVE_INFINITY, NEGATIVE_INFINITY } = Number;
const hostileNumber = fc.oneof(
  fc.constantFrom(
    ...[0, -0, -1, 0.1, 5e-324, 1e15, 1e16, 1e21, 1e300, -1e300],
    ...[MAX_VALUE, notANumber, POSITIVE_INFINITY, NEGATIVE_INFINITY],
    ...[2 ** 31, -(2 ** 31) - 1, 2 ** 53 - 1, 2 ** 53, 2 ** 53 + 2, -(2 ** 53), 2 ** 63, -(2 ** 63), 2 ** 64],
  ),
  fc.double(),
  fc.integer(),
);

/** Numbers that a JSON document returns unchanged. */
const safeNumber = fc.oneof(
  fc.constantFrom(0, -0, 1.5, 5e-324, 1e15, 2 ** 53 - 1, -(2 ** 53) + 1, 1e-300, 123456789.123),
  fc.integer(),
  fc
    .double({ noNaN: true, noDefaultInfinity: true })
    .filter((value) => !Number.isInteger(value) || Number.isSafeInteger(value)),
);

/** Strings that authentik can store. */
export const storableString: fc.Arbitrary<string> = hostileString.map((value) => value.replaceAll(/[\0\p{Cs}]/gu, ""));

const key = fc
  .oneof(weighted(3, storableString), weighted(1, fc.constantFrom("constructor", "a", "b", "hasOwnProperty", "")))
  .filter((value) => value !== "__proto__");

function nested(depth: number, inner: unknown, isList: boolean): unknown {
  let value = inner;
  for (let level = 0; level < depth; level++) value = isList ? [value] : { a: value };
  return value;
}

/** JSON values that authentik returns unchanged. */
const json: fc.Arbitrary<unknown> = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    storableString,
    safeNumber,
    fc.boolean(),
    fc.constant(null),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(key, tie("value"), { maxKeys: 4 }),
  ),
})).value;

export const jsonObject: fc.Arbitrary<Inputs> = fc.oneof(
  weighted(20, fc.dictionary(key, json, { maxKeys: 5 })),
  weighted(
    1,
    fc
      .tuple(fc.integer({ min: 150, max: 199 }), fc.boolean())
      .map(([depth, isList]) => ({ deep: nested(depth, "x", isList) })),
  ),
  weighted(
    1,
    fc
      .constantFrom(300, 3000)
      .map((count) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`key ${index}`, index]))),
  ),
);

class Custom {
  readonly inherited: string = "x";
}

/** Anything that a program can pass, and what it turns into on its way: unknown markers, prototypes, objects that are not JSON. */
export const anyValue: fc.Arbitrary<unknown> = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    weighted(4, hostileString),
    weighted(3, hostileNumber),
    fc.boolean(),
    fc.constantFrom<unknown>(null, undefined, unknownValue, {}, [], [[]], "", " "),
    fc
      .constantFrom<() => unknown>(
        () => new Date(0),
        () => new Date(Number.NaN),
        () => 2n ** 70n,
        () => Symbol("x"),
        () => () => "x",
        () => new Map([["a", 1]]),
        () => /x/,
        () => new Custom(),
        () => new Uint8Array(3),
        () => Object.create({ inherited: 1 }),
        () => Object.create(null),
        () => JSON.parse('{"__proto__": {"polluted": true}}'),
        () => ({ "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", value: "x" }),
        () => nested(201, "x", false),
        () => nested(1500, 1, true),
        () => Array.from({ length: 2000 }, () => "\0"),
      )
      .map((create) => create()),
    weighted(2, fc.array(tie("value"), { maxLength: 4 })),
    weighted(
      3,
      fc.dictionary(fc.oneof(hostileString, fc.constantFrom("a", "__proto__", "constructor")), tie("value"), {
        maxKeys: 4,
      }),
    ),
  ),
})).value;

const digits = (min: number, max: number): fc.Arbitrary<string> =>
  fc.integer({ min, max }).map((value) => String(value).padStart(2, "0"));

/** Instants in spellings that are valid, or nearly so. All of them in the future. */
export const instant: fc.Arbitrary<string> = fc
  .record({
    year: fc.oneof(fc.integer({ min: 2030, max: 9999 }), fc.constantFrom(9999, 2032)),
    month: digits(1, 12),
    day: fc.oneof(digits(1, 28), digits(29, 31)),
    separator: fc.oneof(weighted(6, fc.constant("T")), fc.constantFrom("t", " ", "_")),
    hour: fc.oneof(weighted(6, digits(0, 23)), fc.constantFrom("24", "25")),
    minute: fc.oneof(weighted(6, digits(0, 59)), fc.constant("60")),
    second: fc.oneof(
      weighted(
        6,
        digits(0, 59).map((value) => `:${value}`),
      ),
      fc.constantFrom("", ":60", ":5"),
    ),
    fraction: fc.oneof(
      weighted(3, fc.constant("")),
      fc.stringMatching(/^\.\d{1,12}$/),
      fc.constantFrom(".", ",5", ".000000"),
    ),
    zone: fc.oneof(
      weighted(4, fc.constant("Z")),
      weighted(
        3,
        fc
          .tuple(fc.constantFrom("+", "-"), digits(0, 23), digits(0, 59))
          .map(([sign, hours, minutes]) => `${sign}${hours}:${minutes}`),
      ),
      fc.constantFrom("z", "", "+0200", "+02", "-00:00", "+24:00", "+02:60", " Z", "UTC"),
    ),
  })
  .map(
    ({ year, month, day, separator, hour, minute, second, fraction, zone }) =>
      `${year}-${month}-${day}${separator}${hour}:${minute}${second}${fraction}${zone}`,
  );

/** Instants that no grammar of the above produces. */
export const strangeInstant: fc.Arbitrary<string> = fc.constantFrom(
  ...["2031-05-06", "20310506T070809Z", "2031-W05-1T00:00:00Z", "2031-126T00:00:00Z", "+012031-05-06T07:08:09Z"],
  ...["0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z", "9999-12-31T23:59:59-01:00", "2031-05-06T07:08:09Z "],
  ...["2031-05-06T07:08:09Z\n", "\u0662\u0660\u0663\u0661-05-06T07:08:09Z", "1 May 2031", "1936000000", "infinity"],
);

/** Durations in spellings that are valid, or nearly so. */
export const duration: fc.Arbitrary<string> = fc
  .record({
    sign: fc.oneof(weighted(8, fc.constant("")), fc.constantFrom("-", "+", " ")),
    amount: fc.oneof(
      weighted(4, fc.integer({ min: 1, max: 400 }).map(String)),
      fc.constantFrom(..."0 0.5 1.25 .5 1e3 007 1_000 \u0661 NaN Infinity 99999999999 0.0000001".split(" ")),
    ),
    space: fc.oneof(weighted(4, fc.constantFrom("", " ")), fc.constantFrom("  ", "\t", "\u00a0")),
    unit: fc.oneof(
      weighted(4, fc.constantFrom("d", "h", "m", "w", "s")),
      fc.constantFrom(..."ms|days|Days|DAY|hrs|minutes|mins|weeks|y|years|mo|month||\u0434|d\n|d ".split("|")),
    ),
  })
  .map(({ sign, amount, space, unit }) => sign + amount + space + unit);

/** Spellings of a UUID, of which authentik accepts most. */
export function uuidSpelling(uuid: string): fc.Arbitrary<string> {
  const hex = uuid.replaceAll("-", "");
  return fc.constantFrom(
    ...[uuid, uuid.toUpperCase(), hex, hex.toUpperCase(), `{${uuid}}`, `  ${uuid}\n`, `urn:uuid:${uuid}`],
    ...["/", "/../x", "?x", "%2f", "\0", "0"].map((suffix) => uuid + suffix),
    ...[uuid.slice(1), uuid.replace(/^./, "\u0665")],
  );
}
