import { readFileSync } from "node:fs";
import * as z from "zod";
import { toPrintableLine } from "../common/printable";
import { UserError } from "../lifecycle/user-error";
import { type OptionValues, UsageError } from "./command";
import { isWithoutStack, runPulumi, stackOption } from "./pulumi";
import { parseState, type State, stackOf } from "./state";

export function nonEmptyList(values: OptionValues, name: string): string[] {
  const list = values[name];
  return Array.isArray(list) ? list.map((value) => requireNonEmpty(value, name)) : [];
}

export function nonEmpty(values: OptionValues, name: string): string | undefined {
  const value = values[name];
  return value === undefined ? undefined : requireNonEmpty(value, name);
}

/** An empty filter would match everything. */
function requireNonEmpty(value: unknown, name: string): string {
  if (typeof value !== "string" || value.trim() === "") throw new UsageError(`--${name} must not be empty`);
  return value.trim();
}

/** Reads the states that the options select, and the `project/stack` of each. With `hasSecrets`, the states of stacks contain decrypted secrets. */
export async function readStates(
  hasProject: boolean,
  names: readonly string[],
  files: readonly string[],
  hasSecrets = false,
): Promise<{ states: State[]; stacks: Set<string> }> {
  const states = files.map((file) => parseState(readFile(file), file === "-" ? "Standard input" : file));
  if (names.length > 0) {
    const read = await Promise.all([
      exportCurrentState(hasSecrets),
      ...names.map((name) => exportState(name, hasSecrets)),
    ]);
    states.push(...read.filter((state) => state !== undefined));
  } else if (hasProject) states.push(...(await exportAllStates(hasSecrets)));
  return { states, stacks: new Set(states.flatMap((state) => stackOf(state) ?? [])) };
}

async function exportState(stack: string | undefined, hasSecrets: boolean): Promise<State> {
  const secrets = hasSecrets ? ["--show-secrets"] : [];
  const json = await runPulumi(["stack", "export", ...secrets, ...stackOption(stack)]);
  return parseState(json, stack === undefined ? "The state" : `The state of ${stack}`);
}

/** A pipeline may name stacks without selecting one. Any other failure is an error, or declared invitations would be listed. */
async function exportCurrentState(hasSecrets: boolean): Promise<State | undefined> {
  try {
    return await exportState(undefined, hasSecrets);
  } catch (error) {
    if (isWithoutStack(error)) return undefined;
    throw error;
  }
}

const stackList = z.array(z.object({ name: z.string() }));

/** The states of the project's stacks. Those that cannot be read are reported: what they created is not deleted. */
async function exportAllStates(hasSecrets: boolean): Promise<State[]> {
  const names = stackList.parse(JSON.parse(await runPulumi(["stack", "ls", "--json"]))).map(({ name }) => name);
  const results = await Promise.allSettled(names.map((name) => exportState(name, hasSecrets)));
  const states = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  const [failure] = results.flatMap((result) => (result.status === "rejected" ? [result.reason as unknown] : []));
  if (failure !== undefined && states.length === 0) throw failure;
  for (const [index, result] of results.entries()) {
    if (result.status === "fulfilled") continue;
    const reason = result.reason instanceof Error ? result.reason.message : String(result.reason);
    process.stderr.write(`The stack ${toPrintableLine(names[index] ?? "")} could not be read. ${reason}\n`);
  }
  return states;
}

function readFile(file: string): string {
  try {
    return readFileSync(file === "-" ? 0 : file, "utf8");
  } catch (error) {
    throw new UserError(`Cannot read ${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
