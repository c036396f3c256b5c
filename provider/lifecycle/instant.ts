import ms from "ms";

/**
 * An RFC 3339 instant in microseconds since 1970. Microseconds are what authentik keeps: it cuts further digits off
 * (case `invitations.create.expires.fraction-9`), while a JavaScript Date keeps milliseconds.
 */
export function microseconds(instant: string): bigint {
  const fraction = /\.(\d+)/.exec(instant)?.[1] ?? "";
  const seconds = Date.parse(instant.toUpperCase().replace(/\.\d+/, ""));
  return BigInt(seconds) * 1000n + BigInt(fraction.padEnd(6, "0").slice(0, 6));
}

export function isSameInstant(a: string, b: string): boolean {
  return microseconds(a) === microseconds(b);
}

/** Milliseconds of a duration such as `14d`, `36h` or `90 minutes`; undefined if it is none. A number needs its unit. */
export function parseDuration(text: string): number | undefined {
  // `ms` refuses texts of over 100 characters with an exception, and takes a bare number for milliseconds.
  if (text.length > 100 || !/[a-z]/i.test(text)) return undefined;
  const duration: number | undefined = ms(text as ms.StringValue);
  return duration === undefined || Number.isNaN(duration) ? undefined : duration;
}

/** The instant that lies a duration after another, as authentik writes it. */
export function after(instant: string, duration: number): string {
  return formatInstant(Date.parse(instant) + duration);
}

/** The time from one instant to another as a duration that {@link parseDuration} reads back to the millisecond. */
export function durationBetween(from: string, to: string): string {
  const length = Number((microseconds(to) - microseconds(from)) / 1000n);
  const units = [
    ["d", 86_400_000],
    ["h", 3_600_000],
    ["m", 60_000],
    ["s", 1000],
  ] as const;
  const [unit, size] = units.find(([, milliseconds]) => length % milliseconds === 0) ?? ["ms", 1];
  return `${length / size}${unit}`;
}

/** RFC 3339 in UTC, without a fraction where there is none. */
export function formatInstant(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(".000Z", "Z");
}
