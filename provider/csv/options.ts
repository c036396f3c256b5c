import { suggestName } from "../common/nearest";
import { isJsonObject } from "../values/json";
import { dateFormatRule, isDateFormat } from "./date-format";
import { encodingOf } from "./decode";
import { CsvError } from "./error";
import type { InvitationsFromCsvOptions } from "./file-options";

/** Returns what is wrong with the value of an option. */
type Rule = (value: unknown, name: string) => readonly string[];

type Options = Readonly<Record<string, unknown>>;

const isString = (value: unknown): value is string => typeof value === "string" && value.trim() !== "";

function rule(isValid: (value: unknown) => boolean, reason: string): Rule {
  return (value, name) => (isValid(value) ? [] : [`${name} ${reason}`]);
}

/** The objects whose values are the names of columns, at any depth. */
function isColumns(value: unknown): boolean {
  if (!isJsonObject(value)) return false;
  const values = Object.values(value);
  return values.length > 0 && values.every((item) => isString(item) || isColumns(item));
}

type Rules = Readonly<{ [Name in keyof Required<InvitationsFromCsvOptions>]: Rule }>;

/** The rules for options. `orFunction` is what messages add if options can be functions. */
function toRules(orFunction: string): Rules {
  const isAllowedFunction = (value: unknown): boolean => orFunction !== "" && typeof value === "function";
  const column = rule(
    (value) => isString(value) || isAllowedFunction(value),
    `must be the name of a column${orFunction}`,
  );
  return {
    key: column,
    fixedData: rule(
      (value) => isAllowedFunction(value) || (Array.isArray(value) && value.every(isString)) || isColumns(value),
      `must be a list of columns, or an object with columns as values${orFunction}`,
    ),
    expires: (value, name) => (isJsonObject(value) ? validateDate(value, name) : column(value, name)),
    validFor: column,
    singleUse: column,
    email: column,
    skip: column,
    duplicates: rule((value) => value === "error" || value === "first", 'must be "error" or "first"'),
    columns: rule(
      (value) => Array.isArray(value) && value.length > 0 && value.every((name) => typeof name === "string"),
      "must be a list of column names",
    ),
    delimiter: rule(
      (value) => typeof value === "string" && /^[^"\r\n]$/.test(value),
      'must be one character, for example ";" or "\\t"',
    ),
    encoding: rule(
      (value) => isString(value) && encodingOf(value) !== undefined,
      'must be a name that TextDecoder knows, for example "windows-1252" or "utf-16le"',
    ),
    allowEmpty: rule((value) => typeof value === "boolean", "must be true or false"),
  };
}

const rulesOfPrograms = toRules(", or a function of the row");
const rulesOfPlugin = toRules("");

const dateRules = {
  column: rule(isString, "must be the name of a column"),
  format: rule((value) => isString(value) && isDateFormat(value), dateFormatRule),
  addDays: rule(Number.isSafeInteger, "must be an integer"),
};

/** Validates the arguments of a program, also in JavaScript. Returns the options that are set. */
export function validateOptions(file: unknown, options: unknown): InvitationsFromCsvOptions {
  if (!isString(file)) throw invalid("file must be the path of a file");
  if (!isJsonObject(options)) throw invalid('options must be an object, for example { key: "email" }');
  return validateWith(rulesOfPrograms, options, ", or a function");
}

/** Validates the arguments of the plugin's function, which no function can be among. */
export function validateArguments({ file, content, ...options }: Options) {
  if ((file === undefined) === (content === undefined)) throw invalid("set exactly one of file and content");
  if (file !== undefined && !isString(file)) throw invalid("file must be the path of a file");
  if (content !== undefined && typeof content !== "string") throw invalid("content must be the content of a file");
  return { file, content, options: validateWith(rulesOfPlugin, options, "") };
}

function validateWith(rules: Rules, options: Options, orFunction: string): InvitationsFromCsvOptions {
  const set = omitUndefined(options);
  const errors = [
    ...(set["key"] === undefined ? [`key is required: the column with each invitation's key${orFunction}`] : []),
    ...validateEach(set, rules, "option"),
  ];
  if (errors.length > 0) throw invalid(...errors);
  return set as unknown as InvitationsFromCsvOptions;
}

function invalid(...errors: readonly string[]): CsvError {
  return new CsvError(errors.map((error) => `invitationsFromCsv: ${error}`));
}

function omitUndefined(values: Options): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

function validateEach(values: Options, known: Readonly<Record<string, Rule>>, noun: string, parent = ""): string[] {
  const names = Object.keys(known);
  return Object.entries(values).flatMap(([name, value]) => {
    if (Object.hasOwn(known, name)) return known[name]?.(value, `${parent}${name}`) ?? [];
    return [`unknown ${noun} ${parent}${name}. ${suggestName(name, names, `The ${noun}s are`)}`];
  });
}

function validateDate(value: Options, name: string): readonly string[] {
  const set = omitUndefined(value);
  const required = ["column", "format"].filter((property) => set[property] === undefined);
  return [
    ...required.map((property) => `${name}.${property} is required`),
    ...validateEach(set, dateRules, "property", `${name}.`),
  ];
}
