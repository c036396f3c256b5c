import fc from "fast-check";
import {
  addDuration,
  addDurationAsBefore,
  durationBetween,
  formatInstant,
  isSameInstant,
  parseDuration,
  toMicroseconds,
} from "../../provider/values/instant";
import { runs } from "../hostile/runs";

const firstYear = Date.parse("0001-01-01T00:00:00Z");
const lastYear = Date.parse("9999-12-31T23:59:59Z");
/** An instant with up to six digits of a fraction, in authentik's form. */
const microInstants = fc
  .tuple(fc.integer({ min: firstYear / 1000, max: lastYear / 1000 }), fc.integer({ min: 0, max: 999_999 }))
  .map(([seconds, microseconds]) => {
    const whole = formatInstant(seconds * 1000);
    return microseconds === 0 ? whole : whole.replace("Z", `.${String(microseconds).padStart(6, "0")}Z`);
  });
const instants = fc.integer({ min: firstYear, max: lastYear });

describe("an instant", () => {
  test.each([
    [true, "2027-01-31T23:59:59Z", "2027-01-31T23:59:59-00:00"],
    [true, "2027-01-31T23:59:59Z", "2027-01-31t23:59:59z"],
    [true, "2027-01-31T23:59:59Z", "2027-01-31T23:59:59.000000000Z"],
    [true, "2027-01-31T23:59:59.5Z", "2027-01-31T23:59:59.500000Z"],
    [true, "2027-01-31T23:59:59.123456999Z", "2027-02-01T01:59:59.1234560+02:00"],
    [true, "0001-01-01T00:00:00Z", "0001-01-01T05:00:00+05:00"],
    [true, "9999-12-31T23:59:59Z", "9999-12-31T22:59:59-01:00"],
    [false, "2027-01-31T23:59:59Z", "2027-01-31T23:59:59+01:00"],
    [false, "2027-01-31T23:59:59Z", "2027-01-31T23:59:59.000001Z"],
    [false, "2027-01-31T23:59:59.123456Z", "2027-01-31T23:59:59.123457Z"],
    [false, "0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000001Z"],
  ])("is the same (%p) for %s and %s", (isSame, a, b) => {
    expect([isSameInstant(a, b), isSameInstant(b, a)]).toEqual([isSame, isSame]);
  });

  test("is the same in any offset", () => {
    const offsets = fc.integer({ min: -23 * 60, max: 23 * 60 });
    const representable = fc.integer({ min: firstYear + 86_400_000, max: lastYear - 86_400_000 });
    fc.assert(
      fc.property(representable, offsets, (instant, minutes) => {
        const local = new Date(instant + minutes * 60_000).toISOString().slice(0, -1);
        const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
        const offset = `${minutes < 0 ? "-" : "+"}${String(hours).padStart(2, "0")}:${String(rest).padStart(2, "0")}`;
        expect(isSameInstant(local + offset, new Date(instant).toISOString())).toBe(true);
      }),
      runs(100),
    );
  });

  test("is compared to six digits of its fraction", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^\d{1,9}$/), (digits) => {
        const withoutFraction = toMicroseconds("2027-01-31T23:59:59Z");
        const fraction = BigInt(digits.padEnd(6, "0").slice(0, 6));
        expect(toMicroseconds(`2027-01-31T23:59:59.${digits}Z`)).toBe(withoutFraction + fraction);
      }),
      runs(100),
    );
  });

  test("is formatted in UTC, with a fraction only if it is not zero", () => {
    expect(formatInstant(Date.parse("2027-01-31T23:59:59+01:00"))).toBe("2027-01-31T22:59:59Z");
    expect(formatInstant(Date.parse("2027-01-31T23:59:59.5Z"))).toBe("2027-01-31T23:59:59.500Z");
  });

  test("is parsed as it was formatted", () => {
    fc.assert(
      fc.property(instants, (instant) => {
        expect(Date.parse(formatInstant(instant))).toBe(instant);
      }),
      runs(100),
    );
  });
});

describe("a duration", () => {
  test.each<readonly [string, number]>([
    ...["14d", "14D", "2w"].map((duration) => [duration, 14 * 86_400_000] as const),
    ...["90m", "90 minutes", "1.5h"].map((duration) => [duration, 90 * 60_000] as const),
    ...["1y", "1Yr"].map((duration) => [duration, 365 * 86_400_000] as const),
    ["36h", 36 * 3_600_000],
    ["1500ms", 1500],
    ["0.5 years", 182.5 * 86_400_000],
    [".7d", 60_480_000],
    ["-1h", -3_600_000],
    ["1500.001ms", 1500.001],
  ])("%s is %d ms", (duration, milliseconds) => {
    expect(Number(parseDuration(duration)) / 1000).toBe(milliseconds);
  });

  test.each([
    ..."14|1209600|| |d|d14|14 days from now|1d 2h|1d2h|P14D|NaN|NaNd|Infinityd|1e3d|0x10d|14d\n14d".split("|"),
    `${" ".repeat(98)}14d`,
    `${"1".repeat(100)}d`,
  ])("%j is invalid", (duration) => {
    expect(parseDuration(duration)).toBeUndefined();
  });

  test("is parsed to a number of microseconds or undefined, for any string", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), (duration) => {
        expect(["bigint", "undefined"]).toContain(typeof parseDuration(duration));
      }),
      runs(100),
    );
  });

  test("between two instants, added to the first and subtracted from the second, is exact to the microsecond", () => {
    fc.assert(
      fc.property(microInstants, microInstants, (a, b) => {
        const [from, to] = toMicroseconds(a) <= toMicroseconds(b) ? [a, b] : [b, a];
        const duration = parseDuration(durationBetween(from, to)) ?? -1n;
        expect(duration).toBe(toMicroseconds(to) - toMicroseconds(from));
        expect(isSameInstant(addDuration(from, duration), to)).toBe(true);
        expect(isSameInstant(addDuration(to, -duration), from)).toBe(true);
      }),
      runs(100),
    );
  });

  test("was added by version 0.1.0 with 365.25 days a year, and without microseconds", () => {
    expect(addDurationAsBefore("2026-01-01T00:00:00Z", "1y")).toBe("2027-01-01T06:00:00Z");
    expect(addDurationAsBefore("2026-01-01T00:00:00.123456Z", "1h")).toBe("2026-01-01T01:00:00.123Z");
  });

  test.each([
    ["2027-01-01T00:00:00Z", "2027-01-15T00:00:00Z", "14d"],
    ["2027-01-01T00:00:00Z", "2027-01-02T12:00:00Z", "36h"],
    ["2027-01-01T00:00:00Z", "2027-01-01T01:30:00Z", "90m"],
    ["2027-01-01T00:00:00Z", "2027-01-01T00:01:31Z", "91s"],
    ["2027-01-01T00:00:00Z", "2027-01-01T00:00:01.5Z", "1500ms"],
    ["2027-01-01T00:00:00.5Z", "2027-01-01T00:00:01.500001Z", "1000.001ms"],
    ["2027-01-01T00:00:00+01:00", "2027-01-15T00:00:00Z", "337h"],
  ])("from %s to %s is formatted as %s, in the largest unit without a remainder", (from, to, duration) => {
    expect(durationBetween(from, to)).toBe(duration);
  });
});
