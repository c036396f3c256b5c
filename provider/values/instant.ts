import ms from "ms";

/**
 * An RFC 3339 instant in microseconds since 1970. authentik stores microseconds and truncates further digits
 * (case `invitations.create.expires.fraction-9`); a JavaScript Date has milliseconds.
 */
export function toMicroseconds(instant: string): bigint {
  const fraction = /\.(\d+)/.exec(instant)?.[1] ?? "";
  const milliseconds = Date.parse(instant.toUpperCase().replace(/\.\d+/, ""));
  return BigInt(milliseconds) * 1000n + BigInt(fraction.padEnd(6, "0").slice(0, 6));
}

export function isSameInstant(a: string, b: string): boolean {
  return toMicroseconds(a) === toMicroseconds(b);
}

export function hasPassed(instant: string): boolean {
  return toMicroseconds(instant) <= BigInt(Date.now()) * 1000n;
}

const year = 365n * 86_400_000n;

/** Microseconds of a duration such as `14d`, `36h` or `90 minutes`; `undefined` if it is not a duration. The unit is required. */
export function parseDuration(duration: string): bigint | undefined {
  if (parseMilliseconds(duration) === undefined) return undefined;
  const [, whole = "", fraction = "", unit = ""] = /^(-?\d*)\.?(\d*) *([a-z]+)$/i.exec(duration) ?? [];
  // `ms` counts a year as 365.25 days, which ends at another time of the day.
  const unitLength = /^y/i.test(unit) ? year : BigInt(ms(`1${unit}` as ms.StringValue));
  return (BigInt(whole + fraction) * unitLength * 1000n) / 10n ** BigInt(fraction.length);
}

function parseMilliseconds(duration: string): number | undefined {
  // `ms` throws for strings of over 100 characters, and reads a number without a unit as milliseconds.
  if (duration.length > 100 || !/[a-z]/i.test(duration)) return undefined;
  const milliseconds: number | undefined = ms(duration as ms.StringValue);
  return milliseconds === undefined || Number.isNaN(milliseconds) ? undefined : milliseconds;
}

/** The instant a number of microseconds after another one, in authentik's format. */
export function addDuration(instant: string, microseconds: bigint): string {
  const sum = toMicroseconds(instant) + microseconds;
  const rest = ((sum % 1000n) + 1000n) % 1000n;
  const formatted = formatInstant(Number((sum - rest) / 1000n));
  if (rest === 0n) return formatted;
  const milliseconds = formatted.includes(".") ? formatted : formatted.replace("Z", ".000Z");
  return milliseconds.replace("Z", `${String(rest).padStart(3, "0")}Z`);
}

/** How version 0.1.0 added a duration: a year was 365.25 days, and microseconds were truncated. Invitations in older states expire then. */
export function addDurationAsBefore(instant: string, duration: string): string {
  return formatInstant(Date.parse(instant) + (parseMilliseconds(duration) ?? 0));
}

/** The time from an instant to a later one as a duration that {@link parseDuration} parses without loss. */
export function durationBetween(from: string, to: string): string {
  const length = toMicroseconds(to) - toMicroseconds(from);
  const units = [
    ["d", 86_400_000_000n],
    ["h", 3_600_000_000n],
    ["m", 60_000_000n],
    ["s", 1_000_000n],
    ["ms", 1000n],
  ] as const;
  const [unit, size] = units.find(([, microseconds]) => length % microseconds === 0n) ?? ["ms", 1000n];
  const remainder = length % size === 0n ? "" : `.${String(length % size).padStart(3, "0")}`;
  return `${length / size}${remainder}${unit}`;
}

/** RFC 3339 in UTC, without a fraction if it is zero. */
export function formatInstant(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(".000Z", "Z");
}

/** The second of an instant in milliseconds. authentik's timestamps are read more easily without a fraction. */
export function formatSecond(milliseconds: number): string {
  return formatInstant(Math.floor(milliseconds / 1000) * 1000);
}
