import { findNearest } from "./nearest";

/** The recordings of real servers show an invitee enrolling through these stages (`enrollment-2024.8.jsonl`, `enrollment-2026.2.jsonl`). */
export const defaultStages: readonly string[] = [
  "default-source-enrollment-prompt",
  "default-password-change-prompt",
  "default-source-enrollment-write",
  "default-source-enrollment-login",
];

/** The error for the inputs of an enrollment that would be ignored. The resources validate the values. */
export function enrollmentInputError(
  component: string,
  inputs: object,
  inputNames: readonly string[],
): string | undefined {
  const names = Object.entries(inputs).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  const unknown = names.find((name) => !inputNames.includes(name));
  if (unknown !== undefined) {
    const nearest = findNearest(unknown, inputNames);
    const suggestion = nearest === undefined ? `The inputs are ${inputNames.join(", ")}.` : `Did you mean ${nearest}?`;
    return `${component}: unknown input ${unknown}. ${suggestion}`;
  }
  const ofNewFlow = names.filter((name) => name === "slug" || name === "title");
  if (!names.includes("flow") || ofNewFlow.length === 0) return undefined;
  return `${component}: ${ofNewFlow.join(" and ")} cannot be set together with flow, which exists already. Remove ${ofNewFlow.length > 1 ? "them" : "it"}, or flow.`;
}

export function enrollmentFlow<Value>(slug: Value, title: Value | undefined) {
  return {
    name: slug,
    slug,
    title: title ?? slug,
    designation: "enrollment",
    authentication: "require_unauthenticated",
  } as const;
}

/** The logical name of an enrollment's invitation stage, and of its binding. */
export function invitationStageName(name: string): string {
  return `${name}-invitation`;
}

/** The position of a stage of an enrollment in its flow. The invitation stage comes first, at 0. */
export function orderOf(index: number): number {
  return (index + 1) * 10;
}

/**
 * The logical names of an enrollment's bindings. `stages` are the stages as the program contains them; `undefined` if one is an output, whose value a
 * preview may not know. A name that is taken already, as by a stage that occurs twice, gets the order appended.
 */
export function bindingNames(name: string, stages: readonly (string | undefined)[]): string[] {
  const names = new Set([invitationStageName(name)]);
  return stages.map((stage, index) => {
    let unique = `${name}-${stage ?? orderOf(index)}`;
    while (names.has(unique)) unique += `-${orderOf(index)}`;
    names.add(unique);
    return unique;
  });
}

/** The error for stages that do not exist. `existing` is the sentence that lists those that do. */
export function missingStagesError(component: string, missing: readonly string[], existing: string): string {
  const hint = missing.some((name) => defaultStages.includes(name))
    ? ' To create the default stages, apply authentik\'s blueprints "Default - Source enrollment flow" and "Default - Password change flow" (Customization > Blueprints). Or set stages to those of your flow.'
    : "";
  return `${component}: authentik has no stages with these names that the token's user is allowed to view: ${missing.join(", ")}.${hint}${existing}`;
}
