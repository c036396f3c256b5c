import { notRecorded } from "./responses";

/** An instant in UTC with microseconds, for example `2031-05-06T07:08:09.000000Z`. Instants compare as strings. */
export type Instant = string;

export function toInstant(date: Date, microseconds = 0): Instant {
  return date.toISOString().replace("Z", `${String(microseconds).padStart(3, "0")}Z`);
}

/** The form in responses: six fractional digits, or none (expires.fraction-3, expires.fraction-zero). */
export function formatInstant(instant: Instant): string {
  return instant.replace(".000000Z", "Z");
}

/** The database's string form, which a search matches (list.search.date). */
export function formatForSearch(instant: Instant): string {
  return instant
    .replace("T", " ")
    .replace(/\.?0*Z$/, "Z")
    .replace("Z", "+00");
}

const acceptedFormat =
  /^(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ](\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:[.,](\d+))?)?(Z|[+-]\d{2}(?::?\d{2})?)?)?$/;
/** Formats that the server's parser might accept, but that no recording contains. */
const unrecordedFormats = /^\d{8}|^\d{4}-?W\d\d/;

type InstantError = "format" | "range";

export function parseInstant(text: string, acceptsHour24: boolean): Instant | InstantError {
  if (unrecordedFormats.test(text)) throw notRecorded(`the date format ${JSON.stringify(text)}`);
  const match = acceptedFormat.exec(text);
  if (!match) return "format";
  const [, year, month, day, hour = "0", minute = "0", second = "0", fraction = "", zone = "Z"] = match;
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  const isValid =
    date.getUTCMonth() === Number(month) - 1 &&
    date.getUTCDate() === Number(day) &&
    Number(minute) < 60 &&
    Number(second) < 60 &&
    Number(year) > 0;
  if (!isValid) return "format";
  if (Number(hour) > 23) {
    // expires.hour-24: midnight of the next day in 2026.2, an error in 2024.8.
    const isMidnight = Number(hour) === 24 && Number(minute) === 0 && Number(second) === 0 && !/[1-9]/.test(fraction);
    if (!isMidnight || !acceptsHour24) return "format";
  }
  const [, sign, hours = "0", minutes = "0"] = /^([+-])(\d{2}):?(\d{2})?$/.exec(zone) ?? [];
  if (Number(hours) > 23 || Number(minutes) > 59) return "format";
  const offset = (sign === "-" ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
  date.setUTCHours(Number(hour), Number(minute) - offset, Number(second), 0);
  // expires.year-9999-offset
  if (date.getUTCFullYear() > 9999 || date.getUTCFullYear() < 1) return "range";
  // expires.fraction-9: more than six digits are truncated.
  const micros = fraction.slice(0, 6).padEnd(6, "0");
  return date.toISOString().replace(/\.\d{3}Z$/, `.${micros}Z`);
}
