import * as z from "zod";
import { wirePk } from "../authentik/wire";
import { connectionName } from "../values/strings";
import { type Property, property } from "./property";

// biome-ignore lint/suspicious/noExplicitAny: a property's types are those of its declaration.
export type Declared = Readonly<Record<string, Property<any, any>>>;

/** The inputs of an object. Those that can be omitted and have no default are optional. */
export type InputsOf<P extends Declared> = {
  readonly [Name in keyof P as undefined extends InputOf<P[Name]> ? never : Name]: InputOf<P[Name]>;
} & {
  readonly [Name in keyof P as undefined extends InputOf<P[Name]> ? Name : never]?: Exclude<
    InputOf<P[Name]>,
    undefined
  >;
};

/** The properties that the API has, with its values. */
export type FieldsOf<P extends Declared> = {
  readonly [Name in keyof P as [WireOf<P[Name]>] extends [never] ? never : Name]: WireOf<P[Name]>;
};

type InputOf<P> = P extends Property<infer Input, infer _> ? Input : never;
type WireOf<P> = P extends Property<infer _, infer Wire> ? Wire : never;

/** What a resource has in addition to its inputs. */
export interface Output {
  readonly type: string;
  readonly comment: string;
  /** Whether it is secret, whatever the program says. */
  readonly isSecret?: true;
  /** The inputs whose change makes it unknown at preview; `*` for every input. */
  readonly dependsOn?: readonly string[];
  /** Whether it is only for this package. */
  readonly isInternal?: true;
}

/** The doc comments of a resource class, as far as they cannot be derived. Markdown with `{@link …}`. */
export interface Documentation {
  /** What the resource manages, and what a change of its inputs does. */
  readonly description: string;
  /** Each an optional sentence and a program, in YAML as well for the plugin. Only the pages show the YAML. */
  readonly examples: readonly { readonly title?: string; readonly program: string; readonly yaml?: string }[];
  /** The function that finds the pk of an existing object, and its argument. Without it, `importing` is required. */
  readonly lookup?: { readonly function: string; readonly by?: string };
  readonly importing?: string;
  /** What is special about its drift. */
  readonly drift: string;
  /** Whether `drift` says everything, so that nothing is derived. */
  readonly isDriftComplete?: true;
  /** The permissions, if they are not those to add, view, change and delete the object. */
  readonly permissions?: string;
  /** Permissions in addition to those. */
  readonly morePermissions?: string;
  /** What the event log is read for. Defaults to reporting who changed the object. */
  readonly eventUse?: string;
  /** How many invalid inputs are reported at once. Defaults to all of them. */
  readonly reported?: string;
  /** Errors in addition to those of invalid inputs. */
  readonly throws: readonly string[];
  /** The end of the path of the request of `get`. Undefined if there is no `get`. */
  readonly read?: string;
}

/** One kind of object of authentik's API. */
export interface Declaration<P extends Declared = Declared, OutputName extends string = string> {
  /** The name of the resource class: "InvitationStage". */
  readonly name: string;
  /** The name in messages: "invitation stage". */
  readonly noun: string;
  /** The path of the list in the API, below `/api/v3/`. */
  readonly path: string;
  /** authentik's names of the Django app and the model, of which names of permissions consist. */
  readonly app: string;
  readonly model: string;
  /** The inputs that must be unique in authentik, which name the object in messages. */
  readonly identity: readonly (keyof P & string)[];
  /** Whether the pk is a secret, so that the id of the resource is a hash of it. */
  readonly hasSecretPk?: true;
  readonly properties: P;
  /** The outputs in addition to the inputs and, unless it is a secret, the pk. */
  readonly outputs: Readonly<Record<OutputName, Output>>;
  readonly documentation: Documentation;
}

export function declareObject<P extends Declared, Name extends string>(
  declaration: Declaration<P, Name>,
): Declaration<P, Name> {
  return declaration;
}

/** The input of the dynamic resources that chooses a server. */
export function connectionProperty(noun: string): Property<string | undefined> {
  return property<string | undefined>({
    comment: `Configuration namespace with the URL and token of the authentik to use, see {@link InvitationArgs.connection}. Changing it replaces the ${noun}.`,
    output: `Configuration namespace of the authentik that has the ${noun}.`,
    defaultComment: '"authentik"',
    type: "string",
    input: connectionName,
  });
}

/** The permission to do something with objects of a kind: `authentik_flows.view_flow`. */
export function permission(
  { app, model }: Pick<Declaration, "app" | "model">,
  action: "add" | "view" | "change" | "delete",
): string {
  return `${app}.${action}_${model}`;
}

export function inputSchema(properties: Declared): z.ZodObject {
  return z.strictObject(Object.fromEntries(Object.entries(properties).map(([name, { input }]) => [name, input])));
}

export function defaultsOf<P extends Declared>(properties: P): Partial<InputsOf<P>> {
  const entries = Object.entries(properties).flatMap(([name, { default: value }]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  return Object.fromEntries(entries) as Partial<InputsOf<P>>;
}

/** The inputs that default to the logical name of the resource, or to another input, where they are omitted. */
export function namedDefaults(
  properties: Declared,
  logicalName: string,
  inputs: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const defaultOf = (name: string): unknown => {
    const source = properties[name]?.defaultsTo;
    if (inputs[name] !== undefined && inputs[name] !== null) return inputs[name];
    return source === "logical name" || source === undefined ? logicalName : defaultOf(source.input);
  };
  const names = Object.keys(properties).filter((name) => properties[name]?.defaultsTo !== undefined);
  return Object.fromEntries(names.map((name) => [name, defaultOf(name)]));
}

/** The properties that the API has. */
export function apiNames(properties: Declared): string[] {
  return Object.keys(properties).filter((name) => properties[name]?.wire !== undefined);
}

/** The name in the API: `fixed_data` for `fixedData`. */
function wireName(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

type OtherFields = Readonly<Record<string, z.ZodType>>;
type NoFields = Readonly<Record<never, z.ZodType>>;
type OutputsOf<Fields extends OtherFields> = { readonly [Name in keyof Fields]: z.output<Fields[Name]> };

/** Parses an object in a response. `others` are fields that no input has, by their names in the API. */
export function responseSchema<P extends Declared, Others extends OtherFields = NoFields>(
  properties: P,
  others?: Others,
): z.ZodType<FieldsOf<P> & OutputsOf<Others> & { readonly pk: string }> {
  return toSchema(properties, others, (wire) => wire);
}

/** Like {@link responseSchema}, but all except `required` is only displayed, so that an older or newer version of authentik can lack it. */
export function displaySchema<
  P extends Declared,
  Required extends keyof FieldsOf<P> & string,
  Others extends OtherFields = NoFields,
>(
  properties: P,
  required: readonly Required[],
  others?: Others,
): z.ZodType<Partial<FieldsOf<P>> & Pick<FieldsOf<P>, Required> & OutputsOf<Others> & { readonly pk: string }> {
  return toSchema(properties, others, (wire, name) =>
    (required as readonly string[]).includes(name) ? wire : wire.optional().catch(undefined),
  );
}

function toSchema(
  properties: Declared,
  others: OtherFields = {},
  adapt: (wire: z.ZodType, name: string) => z.ZodType,
  // biome-ignore lint/suspicious/noExplicitAny: the callers declare the type.
): z.ZodType<any> {
  const fields = Object.entries(properties).flatMap(([name, { wire }]) =>
    wire === undefined ? [] : [{ name, field: wireName(name), schema: adapt(wire, name) }],
  );
  const shape = Object.fromEntries(fields.map(({ field, schema }) => [field, schema]));
  const names = new Map(fields.map(({ field, name }) => [field, name]));
  return z
    .object({ pk: wirePk, ...shape, ...others })
    .transform((body) =>
      Object.fromEntries(Object.entries(body).map(([field, value]) => [names.get(field) ?? field, value])),
    );
}

/** The names of the API that differ from those of the inputs, for messages. */
export function fieldNames(properties: Declared): Record<string, string> {
  const renamed = Object.keys(properties).filter((name) => wireName(name) !== name);
  return Object.fromEntries(renamed.map((name) => [wireName(name), name]));
}

export function toBody<P extends Declared>(properties: P, fields: FieldsOf<P>): Record<string, unknown> {
  return Object.fromEntries(
    apiNames(properties).map((name) => [wireName(name), (fields as Record<string, unknown>)[name]]),
  );
}
