/** Reading what `pulumi preview --refresh --diff` prints. */

export interface Drift {
  /** Changed values, as the refresh found them: `expires: "2030…" => "2031…"`, what the state had first. */
  readonly found: readonly string[];
  /** Changed values, as the plan puts them back: what authentik has first. */
  readonly planned: readonly string[];
  /** What is to be done to which resource: `update quick-start-lead`. */
  readonly operations: readonly string[];
}

/** The refresh comes first, under a stack that is itself marked so; then the plan, under the stack once more. */
export function readDrift(output: string): Drift {
  const lines = output.split("\n");
  const plan = lines.findIndex((line) => /pulumi:pulumi:Stack: \((?!refresh\))/.test(line));
  const [before, after] = plan === -1 ? [lines, []] : [lines.slice(0, plan), lines.slice(plan)];
  return { found: values(before), planned: values(after), operations: operations(after) };
}

function values(lines: readonly string[]): string[] {
  return lines.flatMap((line) => {
    const [, name, change] = /^\s*~ (\S+)\s*: (.* => .*)$/.exec(line) ?? [];
    return name === undefined ? [] : [`${name}: ${change}`];
  });
}

function operations(lines: readonly string[]): string[] {
  return lines.flatMap((line, index) => {
    const operation = /dynamic\/authentik:\w+: \((\w+)\)/.exec(line)?.[1];
    if (operation === undefined) return [];
    const urn = lines.slice(index + 1).find((next) => next.includes("[urn="));
    return [
      `${operation} ${urn
        ?.split("::")
        .at(-1)
        ?.replace(/\]\s*$/, "")}`,
    ];
  });
}
