/** The parts of a resource's URN: `urn:pulumi:{stack}::{project}::{types}::{name}`. */
export interface Urn {
  readonly stack: string;
  readonly project: string;
  readonly type: string;
  readonly name: string;
}

export function parseUrn(urn: string): Urn {
  const [stack = "", project = "", types = "", ...name] = urn.replace(/^urn:pulumi:/, "").split("::");
  // The types of the parents come first, separated by `$`.
  return { stack, project, type: types.split("$").at(-1) ?? "", name: name.join("::") };
}
