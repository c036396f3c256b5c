import type { dynamic } from "@pulumi/pulumi";
import type * as z from "zod";
import { suggestName } from "../common/nearest";
import { originInput } from "../common/origin";
import { unknownValue } from "../common/reserved-strings";
import { secretInputsInput } from "../common/secret-inputs";
import { formatPath, type Properties, withoutUndefined } from "../values/properties";

/** Separates the inputs of a program from the hidden ones. A resource that exists keeps its origin. */
export function separateHidden(olds: Properties, news: Properties) {
  const { [originInput]: newOrigin, [secretInputsInput]: secretInputs, ...inputs } = withoutUndefined(news);
  // Only for a resource that is to be created or replaced does the engine pass no old inputs.
  const isCreated = Object.keys(olds).length === 0;
  const origin = isCreated ? newOrigin : olds[originInput];
  return { inputs, hidden: { [originInput]: origin, [secretInputsInput]: secretInputs }, isCreated };
}

/**
 * Validates a resource's inputs, or the object at `parent` in them, and returns all errors, each starting with the property's path. Unknown
 * values pass.
 *
 * The path is part of the reason, and the failure's `property` stays empty, because the engine prints the value of the property that it
 * names, secret or not. Reasons contain no values either.
 */
export function validate(schema: z.ZodObject, inputs: Properties, parent: readonly PropertyKey[] = []): string[] {
  const names = Object.keys(schema.shape);
  const known = Object.fromEntries(Object.entries(inputs).filter(([, value]) => value !== unknownValue));
  const parsed = schema.safeParse(known);
  // A required input with an unknown value is not missing.
  const issues = (parsed.error?.issues ?? []).filter(({ path: [name] }) => inputs[String(name)] !== unknownValue);
  const unknownNames = Object.keys(inputs).filter(
    (name) => inputs[name] === unknownValue && !Object.hasOwn(schema.shape, name),
  );
  return [
    ...issues.flatMap((issue) => formatIssue(issue, names, parent)),
    ...unknownNames.map((name) => unknownProperty(name, names, parent)),
  ];
}

export function toCheckFailures(reasons: readonly string[]): dynamic.CheckFailure[] {
  return reasons.map((reason) => ({ property: "", reason }));
}

/** Formats an issue. `names` are the properties of the object at `parent`, to suggest one for a misspelled name. */
function formatIssue(issue: z.core.$ZodIssue, names: readonly string[], parent: readonly PropertyKey[]): string[] {
  if (issue.code === "unrecognized_keys") return issue.keys.map((key) => unknownProperty(key, names, parent));
  return [`${formatPath([...parent, ...issue.path])}: ${issue.message}`];
}

function unknownProperty(name: string, names: readonly string[], parent: readonly PropertyKey[]): string {
  return `${formatPath([...parent, name])}: unknown property. ${suggestName(name, names, "The properties are")}`;
}

/** What a changed program, or a change in authentik, requires. */
export interface Change {
  readonly inputs: readonly string[];
  readonly replaces: readonly string[];
}

/**
 * The response to `diff`. If inputs changed, `changes` stays undefined, so that the engine compares the inputs itself and knows which ones
 * changed, as the resource option `replaceOnChanges` requires. With `changes: true` it knows none, and updates what it should replace.
 */
export function toDiff({ inputs, replaces }: Change): dynamic.DiffResult {
  if (inputs.length > 0) return { replaces: [...replaces] };
  return replaces.length > 0 ? { changes: true, replaces: [...replaces] } : { changes: false };
}
