import { readFileSync } from "node:fs";
import * as z from "zod";
import { toPrintableLine } from "../common/printable";
import { UserError } from "../lifecycle/user-error";
import { messageOf, UsageError } from "./command";
import { exportStack, isInProject, PulumiError, runPulumi } from "./pulumi";
import { parseState, type State, stackOf } from "./state";

/** The options that select states: `--stack` and `--state`. Without them, those of all stacks of the project. */
interface Selection {
  readonly stack?: readonly string[] | undefined;
  readonly state?: readonly string[] | undefined;
}

export function requireStates({ stack, state }: Selection): void {
  if (!stack && !state && !isInProject()) {
    throw new UsageError("run it in the folder of a Pulumi project, or set --state");
  }
}

/** Reads states, and the `project/stack` of each. With `hasSecrets`, those of stacks contain decrypted secrets. */
export async function readStates(
  { stack: names, state: files = [] }: Selection,
  hasSecrets = false,
): Promise<{ states: State[]; stacks: Set<string> }> {
  const states = files.map((file) => parseState(readFile(file), file === "-" ? "Standard input" : file));
  if (names) {
    const current = exportState(undefined, hasSecrets).catch((error: unknown) => {
      // A pipeline may name stacks without selecting one. Any other failure is an error, or declared invitations would be listed.
      if (error instanceof PulumiError && error.isWithoutStack) return [];
      throw error;
    });
    states.push(...(await Promise.all([current, ...names.map((name) => exportState(name, hasSecrets))])).flat());
  } else if (isInProject()) states.push(...(await exportAllStates(hasSecrets)));
  return { states, stacks: new Set(states.flatMap((state) => stackOf(state) ?? [])) };
}

async function exportState(stack: string | undefined, hasSecrets: boolean): Promise<State> {
  return parseState(await exportStack(stack, hasSecrets), stack === undefined ? "The state" : `The state of ${stack}`);
}

const stackList = z.array(z.object({ name: z.string() }));

/** The states of the project's stacks. Those that cannot be read are reported: what they created is not deleted. */
async function exportAllStates(hasSecrets: boolean): Promise<State[]> {
  const stacks = stackList.parse(JSON.parse(await runPulumi(["stack", "ls", "--json"])));
  const results = await Promise.allSettled(stacks.map(({ name }) => exportState(name, hasSecrets)));
  const states = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  for (const [index, result] of results.entries()) {
    if (result.status === "fulfilled") continue;
    if (states.length === 0) throw result.reason;
    const name = toPrintableLine(stacks[index]?.name ?? "");
    process.stderr.write(`The stack ${name} could not be read. ${messageOf(result.reason)}\n`);
  }
  return states;
}

function readFile(file: string): string {
  try {
    return readFileSync(file === "-" ? 0 : file, "utf8");
  } catch (error) {
    throw new UserError(`Cannot read ${file}: ${messageOf(error)}`);
  }
}
