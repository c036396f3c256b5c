import fc from "fast-check";
import {
  addDuration,
  durationBetween,
  formatInstant,
  isSameInstant,
  toMicroseconds,
  parseDuration,
} from "../../provider/lifecycle/values/instant";

const firstYear = Date.parse("0001-01-01T00:00:00Z");
const lastYear = Date.parse("9999-12-31T23:59:59Z");
const instants = fc.integer({ min: firstYear, max: lastYear });

describe("instants", () => {
  test.each([
    ["2027-01-31T23:59:59Z", "2027-02-01T00:59:59+01:00"],
    ["2027-01-31T23:59:59Z", "2027-01-31T18:29:59-05:30"],
    ["2027-01-31T23:59:59Z", "2027-01-31T23:59:59-00:00"],
    ["2027-01-31T23:59:59Z", "2027-01-31t23:59:59z"],
    ["2027-01-31T23:59:59Z", "2027-01-31T23:59:59.000000000Z"],
    ["2027-01-31T23:59:59.5Z", "2027-01-31T23:59:59.500000Z"],
    ["2027-01-31T23:59:59.123456Z", "2027-01-31T23:59:59.123456789Z"],
    ["2027-01-31T23:59:59.123456999Z", "2027-02-01T01:59:59.1234560+02:00"],
    ["0001-01-01T00:00:00Z", "0001-01-01T05:00:00+05:00"],
    ["9999-12-31T23:59:59Z", "9999-12-31T22:59:59-01:00"],
  ])("%s is %s", (a, b) => {
    expect(isSameInstant(a, b)).toBe(true);
    expect(isSameInstant(b, a)).toBe(true);
  });

  test.each([
    ["2027-01-31T23:59:59Z", "2027-01-31T23:59:59+01:00"],
    ["2027-01-31T23:59:59Z", "2027-01-31T23:59:59.000001Z"],
    ["2027-01-31T23:59:59.123456Z", "2027-01-31T23:59:59.123457Z"],
    ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000001Z"],
  ])("%s is not %s", (a, b) => {
    expect(isSameInstant(a, b)).toBe(false);
  });

  test("are the same whatever the offset", () => {
    const offsets = fc.integer({ min: -23 * 60, max: 23 * 60 });
    const safe = fc.integer({ min: firstYear + 86_400_000, max: lastYear - 86_400_000 });
    fc.assert(
      fc.property(safe, offsets, (instant, minutes) => {
        const local = new Date(instant + minutes * 60_000).toISOString().slice(0, -1);
        const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
        const offset = `${minutes < 0 ? "-" : "+"}${String(hours).padStart(2, "0")}:${String(rest).padStart(2, "0")}`;
        expect(isSameInstant(local + offset, new Date(instant).toISOString())).toBe(true);
      }),
    );
  });

  test("count no more than six digits of a fraction, and all of those", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^\d{1,9}$/), (digits) => {
        const whole = toMicroseconds("2027-01-31T23:59:59Z");
        const cut = BigInt(digits.padEnd(6, "0").slice(0, 6));
        expect(toMicroseconds(`2027-01-31T23:59:59.${digits}Z`)).toBe(whole + cut);
      }),
    );
  });

  test("are written in UTC, with a fraction only where there is one", () => {
    expect(formatInstant(Date.parse("2027-01-31T23:59:59+01:00"))).toBe("2027-01-31T22:59:59Z");
    expect(formatInstant(Date.parse("2027-01-31T23:59:59.5Z"))).toBe("2027-01-31T23:59:59.500Z");
  });

  test("are read back as they were written", () => {
    fc.assert(
      fc.property(instants, (instant) => {
        expect(Date.parse(formatInstant(instant))).toBe(instant);
      }),
    );
  });
});

describe("durations", () => {
  test.each([
    ["14d", 14 * 86_400_000],
    ["36h", 36 * 3_600_000],
    ["90m", 90 * 60_000],
    ["90 minutes", 90 * 60_000],
    ["1.5h", 90 * 60_000],
    ["2w", 14 * 86_400_000],
    ["1500ms", 1500],
    ["14D", 14 * 86_400_000],
  ])("%s is %d ms", (text, milliseconds) => {
    expect(parseDuration(text)).toBe(milliseconds);
  });

  test.each([
    "14",
    "1209600",
    "",
    " ",
    "d",
    "d14",
    "14 days from now",
    "1d 2h",
    "1d2h",
    "P14D",
    "NaN",
    "NaNd",
    "Infinityd",
    "1e3d",
    "0x10d",
    "14d\n14d",
    `${" ".repeat(98)}14d`,
  ])("%j is none", (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });

  test("a text of over 100 characters is none, instead of an exception", () => {
    expect(parseDuration(`${"1".repeat(100)}d`)).toBeUndefined();
  });

  test("any text is a number of milliseconds or none", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), (text) => {
        const duration = parseDuration(text);
        expect(duration === undefined || Number.isFinite(duration)).toBe(true);
      }),
    );
  });

  test("between two instants are read back to the millisecond", () => {
    fc.assert(
      fc.property(instants, instants, (a, b) => {
        const [from, to] = [Math.min(a, b), Math.max(a, b)];
        const text = durationBetween(formatInstant(from), formatInstant(to));
        expect(parseDuration(text)).toBe(to - from);
      }),
    );
  });

  test("lead from the issue to the expiry", () => {
    fc.assert(
      fc.property(instants, instants, (a, b) => {
        const [from, to] = [formatInstant(Math.min(a, b)), formatInstant(Math.max(a, b))];
        const duration = parseDuration(durationBetween(from, to));
        expect(duration).toBeDefined();
        expect(addDuration(from, duration ?? 0)).toBe(to);
      }),
    );
  });

  test.each([
    ["2027-01-01T00:00:00Z", "2027-01-15T00:00:00Z", "14d"],
    ["2027-01-01T00:00:00Z", "2027-01-02T12:00:00Z", "36h"],
    ["2027-01-01T00:00:00Z", "2027-01-01T01:30:00Z", "90m"],
    ["2027-01-01T00:00:00Z", "2027-01-01T00:01:31Z", "91s"],
    ["2027-01-01T00:00:00Z", "2027-01-01T00:00:01.5Z", "1500ms"],
    ["2027-01-01T00:00:00+01:00", "2027-01-15T00:00:00Z", "337h"],
  ])("from %s to %s are %s, the largest unit that divides", (from, to, text) => {
    expect(durationBetween(from, to)).toBe(text);
  });
});
