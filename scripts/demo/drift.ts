/** Parses the output of `pulumi preview --refresh --diff`. */

export interface Drift {
  /** Values that differ, as the refresh reports them, from state to authentik: `expires: "2030…" => "2031…"`. */
  readonly refreshedValues: readonly string[];
  /** Values that the plan reverts, from authentik to program. */
  readonly plannedValues: readonly string[];
  /** Operations of the plan: `update quick-start-lead`. */
  readonly plannedOperations: readonly string[];
}

/** The engine prints the refresh first, under a stack that is marked `(refresh)`, then the plan, under the stack again. */
export function parseDrift(output: string): Drift {
  const lines = output.split("\n");
  const planStart = lines.findIndex((line) => /pulumi:pulumi:Stack: \((?!refresh\))/.test(line));
  const [refresh, plan] = planStart === -1 ? [lines, []] : [lines.slice(0, planStart), lines.slice(planStart)];
  return {
    refreshedValues: parseValues(refresh),
    plannedValues: parseValues(plan),
    plannedOperations: parseOperations(plan),
  };
}

function parseValues(lines: readonly string[]): string[] {
  return lines.flatMap((line) => {
    const [, name, change] = /^\s*~ (\S+)\s*: (.* => .*)$/.exec(line) ?? [];
    return name === undefined ? [] : [`${name}: ${change}`];
  });
}

function parseOperations(lines: readonly string[]): string[] {
  return lines.flatMap((line, index) => {
    const operation = /dynamic\/authentik:\w+: \((\w+)\)/.exec(line)?.[1];
    if (operation === undefined) return [];
    const urn = lines.slice(index + 1).find((next) => next.includes("[urn="));
    const resourceName = urn
      ?.split("::")
      .at(-1)
      ?.replace(/\]\s*$/, "");
    return [`${operation} ${resourceName}`];
  });
}
