/** The parts of a resource's URN: `urn:pulumi:{stack}::{project}::{types}::{name}`. */
export function parseUrn(urn: string) {
  const [stack = "", project = "", types = "", ...name] = urn.replace(/^urn:pulumi:/, "").split("::");
  // The types of the parents come first, separated by `$`.
  return { stack, project, type: types.split("$").at(-1) ?? "", name: name.join("::") };
}

/** Whether a provider with this name is one of the program. The engine's, with the stack's configuration, is called `default` or `default_1_2_3`. */
export function isExplicitProviderName(name: string): boolean {
  return name !== "" && !/^default(_|$)/.test(name);
}
