import { type ExecFileException, execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import * as z from "zod";
import { defaultConnection } from "../common/base-url";
import { toPrintableLine, toPrintableLines } from "../common/printable";
import { type Connection, configure, connect } from "../lifecycle/connections";
import { UserError } from "../lifecycle/user-error";
import { packageName } from "../plugin/schema";

/** Runs the `pulumi` on the PATH and returns its standard output. Secrets are passed through pipes only. */
export async function runPulumi(args: readonly string[], input = ""): Promise<string> {
  const command = `pulumi ${args.join(" ")}`;
  const options = { maxBuffer: Number.POSITIVE_INFINITY };
  const running = promisify(execFile)("pulumi", [...args, "--non-interactive"], options);
  // It may exit without reading its input.
  running.child.stdin?.on("error", () => undefined).end(input);
  try {
    return (await running).stdout;
  } catch (error) {
    const { code, stderr = "", message } = error as ExecFileException;
    if (typeof code !== "string") throw new PulumiError(command, code, stderr.trim());
    const reason = code === "ENOENT" ? "there is no pulumi on the PATH. Install the Pulumi CLI." : message;
    throw new UserError(`Cannot run \`${command}\`: ${reason}`);
  }
}

export class PulumiError extends UserError {
  readonly isWithoutStack: boolean;

  constructor(command: string, code: number | null | undefined, stderr: string) {
    const isLocked = stderr.includes("currently locked");
    const hint = isLocked ? " If no other update is running, remove the lock with `pulumi cancel`." : "";
    super("");
    // Several lines, unlike other errors.
    this.message = `${toPrintableLine(`\`${command}\` failed with exit code ${code}:`)} ${toPrintableLines(stderr)}${hint}`;
    this.isWithoutStack = stderr.includes("no stack selected");
  }
}

export function stackOption(stack: string | undefined): string[] {
  return stack === undefined ? [] : ["--stack", stack];
}

export async function exportStack(stack: string | undefined, hasSecrets: boolean): Promise<string> {
  return await runPulumi(["stack", "export", ...(hasSecrets ? ["--show-secrets"] : []), ...stackOption(stack)]);
}

const configSchema = z.record(z.string(), z.object({ value: z.string().optional() }));

/**
 * Reads the settings of a connection as the provider does: from the configuration of the stack, or of the current one, then from `AUTHENTIK_…`
 * variables. The namespace of the default connection is `authentik`, or that of the plugin if only that one is configured. Only the variables are
 * used outside a project, without a current stack, and if the configuration cannot be read, for example without its passphrase.
 */
export async function configureFromStack(
  stack: string | undefined,
  connection: string = defaultConnection,
  namespace?: string,
): Promise<void> {
  const canUseVariables =
    connection === defaultConnection && Boolean(process.env["AUTHENTIK_URL"] && process.env["AUTHENTIK_TOKEN"]);
  const hasStack = stack !== undefined || isInProject();
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

/** Connects with the settings that {@link configureFromStack} reads, and closes the connection after its use. */
export async function withConnection<T>(
  stack: string | undefined,
  name: string | undefined,
  use: (connection: Connection) => Promise<T>,
): Promise<T> {
  await configureFromStack(stack, name);
  const connection = connect(name);
  try {
    return await use(connection);
  } finally {
    await connection.client.close();
  }
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
    if (canUseVariables || (error instanceof PulumiError && error.isWithoutStack)) return {};
    throw error;
  }
}

/** Whether the working directory belongs to a Pulumi project, which is found as Pulumi does. */
export function isInProject(folder = process.cwd()): boolean {
  if (["Pulumi.yaml", "Pulumi.yml", "Pulumi.json"].some((file) => existsSync(join(folder, file)))) return true;
  const parent = dirname(folder);
  return parent !== folder && isInProject(parent);
}
