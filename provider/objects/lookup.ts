import { normalizeUuid } from "../common/pk";
import { breakReserved } from "../common/reserved-strings";
import type { Connection } from "../lifecycle/connections";
import { UserError } from "../lifecycle/user-error";
import { mapStrings } from "../values/json";
import type { Declared, FieldsOf, Output } from "./declaration";
import { firstSentence, type Property } from "./property";

/** A field of a lookup's result. Its type is that in TypeScript. */
export interface ResultField {
  readonly type: string;
  readonly comment: string;
  readonly isOptional?: boolean;
  /** Whether it is secret in every program. */
  readonly isSecret?: true | undefined;
}

/** A function that looks up objects. Those of TypeScript programs and of the plugin are derived from it. */
export interface Lookup<Argument extends string = string, Result extends object = Readonly<Record<string, unknown>>> {
  readonly name: string;
  readonly args: Readonly<Record<Argument, { readonly comment: string }>>;
  /** One argument is required; of several, exactly one. */
  readonly exactlyOneOf?: readonly Argument[];
  readonly result: {
    readonly name: string;
    readonly comment: string;
    readonly fields: { readonly [Name in keyof ItemOf<Result>]-?: ResultField };
  };
  /** The name of the list in the plugin's result, if the function returns one. */
  readonly list?: string;
  readonly path: string;
  readonly documentation: {
    readonly description: string;
    readonly args?: string;
    readonly permissions: string;
    /** Errors in addition to those of invalid arguments. */
    readonly throws: readonly string[];
    readonly example: string;
  };
  run(connection: Connection, args: Readonly<Partial<Record<Argument, string>>>): Promise<Result>;
}

type ItemOf<Result> = Result extends readonly (infer Item)[] ? Item : Result;

export function declareLookup<const Argument extends string, Result extends object>(
  lookup: Lookup<Argument, Result>,
): Lookup<Argument, Result> {
  return lookup;
}

/** The fields of a result that are properties of the object in the API. All are optional if only `required` are certain to be there. */
export function propertyFields<P extends Declared>(
  properties: P,
  required?: readonly (keyof FieldsOf<P>)[],
): Record<keyof FieldsOf<P>, ResultField> {
  const fields = Object.entries(properties as Declared).flatMap(([name, property]) => {
    const isOptional = required !== undefined && !required.includes(name as keyof FieldsOf<P>);
    return property.wire === undefined
      ? []
      : [[name, { type: plainType(property), comment: firstSentence(property.output), isOptional }]];
  });
  return Object.fromEntries(fields) as Record<keyof FieldsOf<P>, ResultField>;
}

/** A field that is an output of the resource as well. */
export function outputField({ type, comment, isSecret }: Output): ResultField {
  if (isSecret) return { type, comment, isSecret };
  return { type: type.replace(" | undefined", ""), comment, isOptional: type.endsWith(" | undefined") };
}

function plainType({ outputType, type }: Property): string {
  return outputType ?? type.replace(" | pulumi.CustomResource", "");
}

/** The key under which equal lookups share a request. */
export function lookupKey({ name, args: names }: Lookup, args: Readonly<Record<string, string | undefined>>): string {
  const values = Object.keys(names).map((argument) => {
    const value = args[argument]?.trim();
    return (argument === "pk" && value !== undefined ? normalizeUuid(value) : undefined) ?? value ?? null;
  });
  return `${name} ${JSON.stringify(values)}`;
}

/** A copy of the object that a lookup found, which equal lookups share, with its secret fields as secrets. */
export function protectSecrets({ result }: Lookup, found: object, toSecret: (value: unknown) => unknown): object {
  const values = mapStrings(found, breakReserved) as Readonly<Record<string, unknown>>;
  const secrets = Object.entries(result.fields).flatMap(([name, { isSecret }]) => (isSecret ? [name] : []));
  return { ...values, ...Object.fromEntries(secrets.map((name) => [name, toSecret(values[name])])) };
}

/** Whether an object that a lookup found has a link for invitees. */
export function hasLink({ result }: Lookup, found: object): boolean {
  return "link" in result.fields && "link" in found && found.link !== undefined;
}

/** The error for an object that a lookup does not find. `hint` is a sentence with a leading space. */
export function notFound(functionName: string, object: string, hint = ""): UserError {
  return new UserError(`${functionName}: authentik has no ${object} that the token's user is allowed to view.${hint}`);
}

export function requirePk(functionName: string, value: string): string {
  const pk = normalizeUuid(value);
  if (pk === undefined) throw new UserError(`${functionName}: pk must be a UUID.`);
  return pk;
}

/**
 * Says what is wrong with a lookup's arguments. authentik ignores unknown and empty filters (case `list.name.empty`), so a misspelled argument or an
 * unset variable would match everything.
 */
export function argumentError(
  { name: functionName, args: declared, exactlyOneOf }: Lookup,
  args: Readonly<Record<string, unknown>>,
  others: readonly string[] = [],
): string | undefined {
  const names = [...Object.keys(declared), ...others];
  const set = Object.entries(args).filter(([, value]) => value !== undefined);
  const unknown = set.find(([name]) => !names.includes(name));
  if (unknown) return `${functionName}: unknown argument ${unknown[0]}. The arguments are ${names.join(", ")}.`;
  const notString = set.find(([, value]) => typeof value !== "string");
  if (notString) return `${functionName}: ${notString[0]} must be a string.`;
  const empty = set.find(([, value]) => String(value).trim() === "");
  if (empty) return `${functionName}: ${empty[0]} must not be empty.`;
  if (exactlyOneOf && set.filter(([name]) => exactlyOneOf.includes(name)).length !== 1) {
    const required =
      exactlyOneOf.length === 1 ? `${exactlyOneOf[0]} is required` : `set exactly one of ${exactlyOneOf.join(" and ")}`;
    return `${functionName}: ${required}.`;
  }
  return undefined;
}
