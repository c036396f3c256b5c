import { type ParseArgsConfig, parseArgs } from "node:util";
import type * as z from "zod";

export const { version } = require("../../package.json") as { version: string };

/** A subcommand of `pulumi-authentik-invitations`. */
export interface Command {
  /** Printed by `--help`. */
  readonly usage: string;
  /** Returns the exit code. */
  run(args: readonly string[]): Promise<number>;
}

/** A mistake in the command line. Ends the command with exit code 2. */
export class UsageError extends Error {}

type Options = NonNullable<ParseArgsConfig["options"]>;

export const flag = { type: "boolean" } as const;
export const string = { type: "string" } as const;
export const strings = { type: "string", multiple: true } as const;

export function defineCommand<const O extends Options>({
  usage,
  options,
  allowPositionals = false,
  run,
}: {
  readonly usage: string;
  readonly options: O;
  readonly allowPositionals?: boolean;
  run(values: ReturnType<typeof parseArgs<{ options: O }>>["values"], positionals: readonly string[]): Promise<number>;
}): Command {
  return {
    usage,
    async run(args) {
      const { values, positionals } = parse(args, options, allowPositionals);
      if (values["help"]) return print(usage);
      if (values["version"]) return print(`${version}\n`);
      return await run(values as Parameters<typeof run>[0], positionals);
    },
  };
}

function parse(args: readonly string[], options: Options, allowPositionals: boolean) {
  const general: Options = { help: { type: "boolean", short: "h" }, version: flag };
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: { ...options, ...general },
      allowPositionals,
    });
    const trim = <T>(value: T) => (typeof value === "string" ? value.trim() : value);
    const trimmed = Object.entries(values).map(
      ([name, value]) => [name, Array.isArray(value) ? value.map(trim) : trim(value)] as const,
    );
    // An empty filter would match everything.
    const empty = trimmed.find(([, value]) => [value].flat().includes(""));
    if (empty !== undefined) throw new Error(`--${empty[0]} must not be empty`);
    return { values: Object.fromEntries(trimmed), positionals };
  } catch (error) {
    throw new UsageError(messageOf(error).split(". ", 1)[0]);
  }
}

export function print(output: string): number {
  process.stdout.write(output);
  return 0;
}

export function countInvitations(count: number): string {
  return count === 1 ? "1 invitation" : `${count} invitations`;
}

/** Says why invitations are missing. */
export function describeUnreadable(count: number): string {
  return `${countInvitations(count)}: authentik responds with 500 when they are read, usually because their data is nested too deeply or contains too large a number.`;
}

/** Parses JSON that may come from anyone. Undefined if it is invalid. */
export function parseJsonAs<T>(json: string, schema: z.ZodType<T>): T | undefined {
  try {
    return schema.parse(JSON.parse(json));
  } catch {
    return undefined;
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
