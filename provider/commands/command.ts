import type { ParseArgsConfig } from "node:util";

/** A subcommand of `pulumi-authentik-invitations`. */
export interface Command {
  /** Printed by `--help`. */
  readonly usage: string;
  readonly options: NonNullable<ParseArgsConfig["options"]>;
  /** Whether it has arguments that are not options. */
  readonly allowPositionals?: boolean;
  /** Runs the command and returns its exit code. */
  run(values: OptionValues, positionals?: readonly string[]): Promise<number>;
}

export type OptionValues = Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>;

/** A mistake in the command line. Ends the command with exit code 2. */
export class UsageError extends Error {}
