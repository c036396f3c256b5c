import * as z from "zod";
import { stripWhitespace } from "../common/whitespace";
import { isSameJson } from "../values/json";
import { asConfigured, isSameString, nonBlankString } from "../values/strings";

/**
 * One property of an object. What validates, sends, receives, compares, stores and documents it is derived from this declaration.
 * `Input` is its value in a program, `undefined` if it can be omitted; `Wire` its value in the API, `never` if the API does not have it.
 */
export interface Property<Input = unknown, Wire = unknown> {
  /** Its type in TypeScript. The types in the plugin's schema are derived from it. */
  readonly type: string;
  /** Validates the value in a program. The messages contain no values. */
  readonly input: z.ZodType;
  /** Parses the value in a response. Undefined if the API does not have the property. */
  readonly wire?: z.ZodType<Wire>;
  readonly comment: string;
  readonly output: string;
  /** The type of the output, if it is another one. */
  readonly outputType?: string;
  readonly isRequired: boolean;
  /** The value of an omitted input. */
  readonly default?: Input;
  /** The input, or the logical name of the resource, whose value an omitted input gets. */
  readonly defaultsTo?: DefaultSource;
  readonly defaultComment: string | undefined;
  /** Whether a value in a program equals the stored one. False for an unknown. */
  isSame(declared: unknown, stored: Wire): boolean;
  /** The value as configured if it equals the stored one, otherwise the stored one. */
  asConfigured(configured: unknown, stored: Wire): unknown;
}

/** Where the default of an omitted input comes from. */
export type DefaultSource = "logical name" | { readonly input: string };

/** The documentation of a property. That of the output defaults to the first sentence of `comment`, and that of the default to its value. */
type Documented = Pick<Property, "comment"> & Partial<Pick<Property, "output" | "defaultComment">>;

type Declared<Input, Wire> = Pick<Property<Input, Wire>, "comment" | "type" | "input"> & Partial<Property<Input, Wire>>;

/** A property of a kind that no other function here declares. */
export function property<Input, Wire = never>(declared: Declared<Input, Wire>): Property<Input, Wire> {
  const { comment, input, isRequired = false, default: value, defaultsTo } = declared;
  return {
    isSame: isSameJson,
    asConfigured: (_configured, stored) => stored,
    output: firstSentence(comment),
    defaultComment: describeDefault(defaultsTo) ?? (value === undefined ? undefined : JSON.stringify(value)),
    ...declared,
    input: isRequired ? input : input.optional(),
    isRequired,
  };
}

function describeDefault(source: DefaultSource | undefined): string | undefined {
  if (source === undefined) return undefined;
  return source === "logical name" ? "the resource's logical name" : `the ${source.input}`;
}

export function firstSentence(comment: string): string {
  return /^[\s\S]*?\.(?=\s|$)/.exec(comment)?.[0] ?? comment;
}

/** A string that authentik trims, and that must not be blank. It defaults to the logical name of the resource, or to another input. */
export function string(
  documented: Documented & {
    readonly defaultsTo: DefaultSource;
    readonly input?: z.ZodType;
    readonly wire?: z.ZodType<string>;
  },
): Property<string, string> {
  return property<string, string>({
    type: "string",
    input: nonBlankString,
    wire: z.string(),
    isSame: isSameString,
    asConfigured: (configured, stored) => asConfigured(configured as string | undefined, stored),
    ...documented,
  });
}

/** What a slug consists of, as in the messages of authentik. */
export const slugString = nonBlankString.refine(
  (slug) => /^[-\w]*$/.test(stripWhitespace(slug)),
  "must contain only letters (a-z, A-Z), digits, _ and -. Defaults to the resource's logical name; set it explicitly if the logical name has other characters",
);

export function boolean(documented: Documented & { readonly default: boolean }): Property<boolean, boolean> {
  return property<boolean, boolean>({
    type: "boolean",
    input: z.boolean("must be true or false"),
    wire: z.boolean(),
    ...documented,
  });
}

export function integer(documented: Documented): Property<number, number> {
  return property<number, number>({
    type: "number",
    input: z
      .int("must be an integer")
      .min(-2147483648, "must be at least -2147483648")
      .max(2147483647, "must be at most 2147483647"),
    wire: z.number(),
    isRequired: true,
    ...documented,
  });
}

/** One of authentik's values, which no version adds to. Required without a default. A response can have others. */
export function oneOf<const Values extends readonly string[]>(
  values: Values,
  documented: Documented & { readonly default?: Values[number] },
): Property<string, string> {
  const quoted = values.map((value) => JSON.stringify(value));
  return property<string, string>({
    type: quoted.join(" | "),
    outputType: "string",
    input: z.enum(values, `must be ${quoted.slice(0, -1).join(", ")} or ${quoted.at(-1)}`),
    wire: z.string(),
    isRequired: documented.default === undefined,
    ...documented,
  });
}

/** One of authentik's values, to which newer versions add, so that authentik validates it. */
export function openEnum(documented: Documented & { readonly default: string }): Property<string, string> {
  return property<string, string>({
    type: "string",
    input: z
      .string("must be a string")
      .regex(/^[a-z_]+$/, "must be one of authentik's values, which consist of lower-case letters and _"),
    wire: z.string(),
    ...documented,
  });
}

/** The configuration namespace of the server. An input of the dynamic resources only. */
export const connectionInput = "connection";
