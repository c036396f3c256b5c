export const timestampRule = "must be an RFC 3339 timestamp with a time zone, for example 2027-01-31T23:59:59Z";

const pattern =
  /^(?<date>\d{4}-\d\d-\d\d)T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;

export function isTimestamp(value: string): boolean {
  const date = pattern.exec(value.toUpperCase())?.groups?.["date"];
  return date !== undefined && isDate(date);
}

/** Whether a date of the form 2027-01-31 is in the calendar. JavaScript turns February 30 into March 2. */
export function isDate(date: string): boolean {
  const instant = new Date(`${date}T00:00:00Z`);
  return !Number.isNaN(instant.getTime()) && instant.toISOString().startsWith(date);
}

/** Whether authentik can store an instant, in milliseconds since 1970. */
export function isWithinYears(milliseconds: number): boolean {
  const year = new Date(milliseconds).getUTCFullYear();
  return year >= 1 && year <= 9999;
}
