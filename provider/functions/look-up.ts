import * as pulumi from "@pulumi/pulumi";
import type { Connection } from "../lifecycle/connections";

/**
 * Asks authentik from the program, at preview too, and each question once a process. What speaks HTTP is loaded at the first question
 * only: programs that ask nothing start as quickly as without it.
 */
export async function lookUp<T>(
  connection: string | undefined,
  question: string,
  ask: (connection: Connection) => Promise<T>,
): Promise<T> {
  const { configure, connect } = await import("../lifecycle/connections.js");
  const { forUser } = await import("../lifecycle/user-error.js");
  await configure({ config: { get: (key) => pulumi.runtime.getConfig(key) } });
  return await forUser(async () => {
    const connected = connect(connection);
    return await connected.once(question, async () => await ask(connected));
  });
}

/** The error of a look-up whose answer or arguments do not fit. It is the user's to mend, and carries no stack. */
export async function refuse(message: string): Promise<never> {
  const { UserError } = await import("../lifecycle/user-error.js");
  throw new UserError(message);
}

/**
 * Checks the arguments of a look-up, for programs that no compiler has checked: authentik ignores filters that it does not know, and
 * those that are empty (case `list.name.empty`), so that a misspelt one, or a variable that is not set, would find everything.
 */
export async function checkArgs(
  look: string,
  args: object,
  known: readonly string[],
  exactlyOneOf?: readonly string[],
): Promise<void> {
  const given = Object.entries(args).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  const unknown = given.find((name) => !known.includes(name));
  if (unknown !== undefined)
    await refuse(`${look}: ${unknown} is no argument of it; its arguments are ${known.join(", ")}.`);
  const texts = Object.entries(args).find(([name, value]) => given.includes(name) && typeof value !== "string");
  if (texts) await refuse(`${look}: ${texts[0]} must be a text.`);
  const empty = Object.entries(args).find(([, value]) => typeof value === "string" && value.trim() === "");
  if (empty) await refuse(`${look}: ${empty[0]} must not be empty.`);
  if (exactlyOneOf && given.filter((name) => exactlyOneOf.includes(name)).length !== 1) {
    await refuse(`${look}: give exactly one of ${exactlyOneOf.join(" and ")}.`);
  }
}
