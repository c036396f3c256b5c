import { isDate } from "../common/timestamp";

export const dateFormatRule = "must contain YYYY, MM and DD, each once, for example DD.MM.YYYY";

/** The regular expression of a format such as `DD.MM.YYYY`, or `undefined` if it is not one. Leading zeros are optional between separators. */
function toPattern(format: string): RegExp | undefined {
  const tokens = format.split(/(YYYY|MM|DD)/);
  if (tokens.length !== 7 || new Set(tokens.filter((_, index) => index % 2 === 1)).size !== 3) return undefined;
  const digits = tokens[2] === "" || tokens[4] === "" ? String.raw`\d\d` : String.raw`\d\d?`;
  const parts = { YYYY: String.raw`(?<year>\d{4})`, MM: `(?<month>${digits})`, DD: `(?<day>${digits})` };
  const source = tokens.map((token, index) => {
    if (index % 2 === 1) return parts[token as keyof typeof parts];
    return token.replaceAll(/[^\p{L}\p{N}\s]/gu, String.raw`\$&`);
  });
  return new RegExp(`^${source.join("")}$`);
}

export function isDateFormat(format: string): boolean {
  return toPattern(format) !== undefined;
}

/** The end of a day (UTC) as a timestamp, some days after the date in `cell`; `undefined` if `cell` is not a date in this format. */
export function endOfDay(cell: string, format: string, addDays: number): string | undefined {
  const { year, month, day } = toPattern(format)?.exec(cell)?.groups ?? {};
  if (year === undefined || month === undefined || day === undefined) return undefined;
  const date = `${year}-${month.padStart(2, "0")}-${day.padStart(2, "0")}`;
  if (!isDate(date)) return undefined;
  const end = new Date(`${date}T23:59:59Z`);
  end.setUTCDate(end.getUTCDate() + addDays);
  return Number.isNaN(end.getTime()) ? undefined : end.toISOString().replace(".000", "");
}
