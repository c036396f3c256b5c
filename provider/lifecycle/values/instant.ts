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

/** Milliseconds of a duration such as `14d`, `36h` or `90 minutes`; `undefined` if it is not a duration. The unit is required. */
export function parseDuration(duration: string): number | undefined {
  // `ms` throws for strings of over 100 characters, and reads a number without a unit as milliseconds.
  if (duration.length > 100 || !/[a-z]/i.test(duration)) return undefined;
  const milliseconds: number | undefined = ms(duration as ms.StringValue);
  return milliseconds === undefined || Number.isNaN(milliseconds) ? undefined : milliseconds;
}

/** The instant a number of milliseconds after another one, in authentik's format. */
export function addDuration(instant: string, milliseconds: number): string {
  return formatInstant(Date.parse(instant) + milliseconds);
}

/** The time between two instants as a duration that {@link parseDuration} parses without loss. */
export function durationBetween(from: string, to: string): string {
  const length = Number((toMicroseconds(to) - toMicroseconds(from)) / 1000n);
  const units = [
    ["d", 86_400_000],
    ["h", 3_600_000],
    ["m", 60_000],
    ["s", 1000],
  ] as const;
  const [unit, size] = units.find(([, milliseconds]) => length % milliseconds === 0) ?? ["ms", 1];
  return `${length / size}${unit}`;
}

/** RFC 3339 in UTC, without a fraction if it is zero. */
export function formatInstant(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(".000Z", "Z");
}

/** The second of an instant in milliseconds. authentik's timestamps are read more easily without a fraction. */
export function formatSecond(milliseconds: number): string {
  return formatInstant(Math.floor(milliseconds / 1000) * 1000);
}
