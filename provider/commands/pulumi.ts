import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import * as z from "zod";
import { defaultConnection } from "../common/base-url";
import { toPrintableLine, toPrintableLines } from "../common/printable";
import { configure } from "../lifecycle/connections";
import { UserError } from "../lifecycle/user-error";
import { packageName } from "../plugin/schema";

/** Runs the `pulumi` on the PATH and returns its standard output. Secrets are passed through pipes only. */
export async function runPulumi(args: readonly string[], input = ""): Promise<string> {
  return await new Promise((resolve, reject) => {
    const command = `pulumi ${args.join(" ")}`;
    const child = spawn("pulumi", [...args, "--non-interactive"], { stdio: ["pipe", "pipe", "pipe"] });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
    child.on("error", (error) => {
      reject(
        new UserError(
          "code" in error && error.code === "ENOENT"
            ? `Cannot run \`${command}\`: there is no pulumi on the PATH. Install the Pulumi CLI.`
            : `Cannot run \`${command}\`: ${error.message}`,
        ),
      );
    });
    child.on("close", (code) => {
      if (code === 0) resolve(Buffer.concat(stdout).toString());
      else reject(new PulumiError(command, code, Buffer.concat(stderr).toString().trim()));
    });
    // It may exit without reading its input.
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
  });
}

/** `pulumi` failed. */
export class PulumiError extends UserError {
  readonly stderr: string;

  constructor(command: string, code: number | null, stderr: string) {
    const isLocked = stderr.includes("currently locked");
    const hint = isLocked ? " If no other update is running, remove the lock with `pulumi cancel`." : "";
    super("");
    // Several lines, unlike other errors.
    this.message = `${toPrintableLine(`\`${command}\` failed with exit code ${code}:`)} ${toPrintableLines(stderr)}${hint}`;
    this.stderr = stderr;
  }
}

/** The options that select a stack. */
export function stackOption(stack: string | undefined): string[] {
  return stack === undefined ? [] : ["--stack", stack];
}

const configSchema = z.record(z.string(), z.object({ value: z.string().optional() }));

/**
 * Reads the settings of a connection as the provider does: from the configuration of the stack, or of the current one, then from `AUTHENTIK_…`
 * variables. The namespace of the default connection is `authentik`, or that of the plugin if only that one is configured. Only the variables are used outside a project, without a current stack, and if the configuration cannot be read, for example without its
 * passphrase.
 */
export async function configureFromStack(
  stack: string | undefined,
  connection: string = defaultConnection,
  namespace?: string,
): Promise<void> {
  const canUseVariables =
    connection === defaultConnection && Boolean(process.env["AUTHENTIK_URL"] && process.env["AUTHENTIK_TOKEN"]);
  const hasStack = stack !== undefined || findProject() !== undefined;
  const config = hasStack ? await readConfiguration(stack, canUseVariables) : {};
  const isConfigured = (name: string): boolean =>
    [`${name}:url`, `${name}:token`].some((key) => config[key] !== undefined);
  const usesPlugin = !isConfigured(defaultConnection) && isConfigured(packageName);
  await configure({
    config: {
      namespace: namespace ?? (usesPlugin ? packageName : defaultConnection),
      get: (key) => config[key]?.value,
    },
  });
}

/** Reads the configuration of a stack, of the current one by default. It is empty without a stack. */
export async function readConfiguration(
  stack: string | undefined,
  canUseVariables: boolean,
): Promise<z.output<typeof configSchema>> {
  try {
    const output = await runPulumi(["config", "--json", "--show-secrets", ...stackOption(stack)]);
    return configSchema.parse(JSON.parse(output));
  } catch (error) {
    if (canUseVariables || isWithoutStack(error)) return {};
    throw error;
  }
}

/** Whether `pulumi` failed because no stack is selected. */
export function isWithoutStack(error: unknown): boolean {
  return error instanceof PulumiError && error.stderr.includes("no stack selected");
}

/** The folder of the Pulumi project, found as Pulumi does. */
export function findProject(folder = process.cwd()): string | undefined {
  if (["Pulumi.yaml", "Pulumi.yml", "Pulumi.json"].some((file) => existsSync(join(folder, file)))) return folder;
  const parent = dirname(folder);
  return parent === folder ? undefined : findProject(parent);
}
