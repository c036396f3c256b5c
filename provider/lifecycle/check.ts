import type { dynamic } from "@pulumi/pulumi";
import { distance } from "fastest-levenshtein";
import type { z } from "zod";

/** What Pulumi puts in the place of a value that is not known yet, whatever its type: at preview, and in any depth. */
export const unknownValue = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** Whether a value is a text that is known already. */
export function isKnownText(value: unknown): value is string {
  return typeof value === "string" && value !== unknownValue;
}

export type Properties = Readonly<Record<string, unknown>>;

/** The properties that users may set: those that Pulumi adds, and those that are nothing, left out. */
export function given(properties: Properties): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(properties).filter(
      ([name, value]) => name !== "__provider" && value !== undefined && value !== null,
    ),
  );
}

/** The first check of a resource that is to be created, or to replace another, is given no old inputs. */
export function isToBeCreated(olds: Properties): boolean {
  return Object.keys(olds).length === 0;
}

/**
 * The faults in a resource's inputs, each as a sentence that begins with the property's path. Values that are not known yet pass.
 *
 * The path stands in the reason and `property` stays empty: the engine prints the value of a property that is named there,
 * be it secret or not. No reason holds a value either.
 */
export function faults(schema: z.ZodObject, inputs: Properties): string[] {
  const known = Object.fromEntries(Object.entries(inputs).filter(([, value]) => value !== unknownValue));
  const parsed = schema.safeParse(known);
  // A required input whose value is not known yet is not missing.
  const issues = (parsed.error?.issues ?? []).filter(({ path: [name] }) => inputs[String(name)] !== unknownValue);
  const found = issues.flatMap((issue) => reasons(issue, Object.keys(schema.shape)));
  const unknownNames = Object.keys(inputs).filter((name) => inputs[name] === unknownValue && !(name in schema.shape));
  return [...found, ...unknownNames.map((name) => misspelt(name, Object.keys(schema.shape)))];
}

export function toFailures(reasonsFound: readonly string[]): dynamic.CheckFailure[] {
  return reasonsFound.map((reason) => ({ property: "", reason }));
}

function reasons(issue: z.core.$ZodIssue, names: readonly string[]): string[] {
  if (issue.code === "unrecognized_keys") return issue.keys.map((key) => misspelt(key, names));
  return [`${formatPath(issue.path)}: ${issue.message}`];
}

/** A property's path as one writes it in a program. */
export function formatPath(path: readonly PropertyKey[]): string {
  return path
    .map((step, index) => {
      if (typeof step === "number") return `[${step}]`;
      const name = String(step);
      if (!/^[A-Za-z_$][\w$]*$/.test(name)) return `[${JSON.stringify(name)}]`;
      return index === 0 ? name : `.${name}`;
    })
    .join("");
}

function misspelt(name: string, names: readonly string[]): string {
  const plain = (text: string): string => text.replaceAll("_", "").toLowerCase();
  const nearest = names
    .map((candidate) => ({ candidate, steps: distance(plain(name), plain(candidate)) }))
    .sort((a, b) => a.steps - b.steps)[0];
  const proposal =
    nearest && nearest.steps <= Math.max(1, Math.floor(nearest.candidate.length / 3))
      ? `did you mean ${nearest.candidate}?`
      : `the properties are ${names.join(", ")}`;
  return `${formatPath([name])}: no such property; ${proposal}`;
}

/** What a changed program, or what became of an object, asks for. */
export interface Change {
  /** The inputs that changed. */
  readonly inputs: readonly string[];
  /** The inputs for which the object is made anew. */
  readonly replaces: readonly string[];
}

/**
 * What diff answers. Where inputs changed, `changes` stays open: then the engine compares them itself, and knows which of them changed, as
 * the option `replaceOnChanges` needs. To a plain `true` it knows none, and updates what it should replace.
 */
export function toDiff({ inputs, replaces }: Change): dynamic.DiffResult {
  if (inputs.length > 0) return { replaces: [...replaces] };
  return replaces.length > 0 ? { changes: true, replaces: [...replaces] } : { changes: false };
}
