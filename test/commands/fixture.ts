import { spawn } from "node:child_process";
import { mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  Flow,
  FlowStageBinding,
  Invitation,
  InvitationBatch,
  InvitationStage,
} from "pulumi-authentik-invitations/provider";
import type { Operation, State, StateResource } from "../../provider/commands/state";
import { createNonce, createTag, formatOrigin, originInput } from "../../provider/common/origin";
import { packageRoot } from "../engine/project";

const { bin } = require("../../package.json") as { bin: Record<string, string> };
export const commandFile = join(packageRoot, String(bin["pulumi-authentik-invitations"]));

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Standard input, written after `inputDelay` milliseconds. */
  readonly input?: string;
  readonly inputDelay?: number;
}

/** Runs the compiled command. */
export async function runCommand(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  return await execute(process.execPath, [commandFile, ...args], options);
}

/** Runs the compiled command on a pseudoterminal, and types `input` when it asks. Requires util-linux. */
export async function runOnTerminal(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const command = [process.execPath, commandFile, ...args].map((arg) => `'${arg.replaceAll("'", "'\\''")}'`).join(" ");
  return await execute("script", ["--quiet", "--return", "--command", command, "/dev/null"], options, "(yes/no)");
}

/** With a `prompt`, writes the input when the command has printed it. */
async function execute(
  command: string,
  args: readonly string[],
  options: CommandOptions,
  prompt?: string,
): Promise<CommandResult> {
  const { AUTHENTIK_URL: _url, AUTHENTIK_TOKEN: _token, ...others } = process.env;
  const child = spawn(command, args, { cwd: options.cwd ?? tmpdir(), env: { ...others, ...options.env } });
  const writeInput = (): unknown => child.stdin.end(options.input ?? "");
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    stdout += chunk;
    if (prompt !== undefined && stdout.includes(prompt) && child.stdin.writable) writeInput();
  });
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    stderr += chunk;
  });
  child.stdin.on("error", () => undefined);
  if (prompt === undefined) setTimeout(writeInput, options.inputDelay ?? 0);
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { code, stdout, stderr };
}

/** A temporary folder for state files. */
export class StateFolder {
  private constructor(readonly path: string) {}

  static async create(): Promise<StateFolder> {
    return new StateFolder(await realpath(await mkdtemp(join(tmpdir(), "states-"))));
  }

  /** Writes a file and returns its path. */
  async write(name: string, content: unknown): Promise<string> {
    const file = join(this.path, name);
    await writeFile(file, typeof content === "string" ? content : JSON.stringify(content));
    return file;
  }

  async remove(): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }
}

const providers = { Flow, FlowStageBinding, Invitation, InvitationBatch, InvitationStage };

export type Kind = keyof typeof providers;
export type Inputs = Record<string, unknown>;

export function urnOf(kind: Kind, name: string, stack = "dev"): string {
  return `urn:pulumi:${stack}::team::pulumi-nodejs:dynamic/authentik:${kind}::${name}`;
}

/** A resource as the engine passes it to the provider, with checked inputs. */
export async function declare(kind: Kind, name: string, inputs: Inputs): Promise<StateResource> {
  const urn = urnOf(kind, name);
  const origin = formatOrigin({ stack: "dev", tag: createTag(urn), nonce: createNonce() });
  const checked = await providers[kind].check({}, { [originInput]: origin, ...inputs });
  if (checked.failures?.length) throw new Error(JSON.stringify(checked.failures));
  return {
    urn,
    custom: true,
    type: `pulumi-nodejs:dynamic/authentik:${kind}`,
    inputs: { ...checked.inputs, __provider: "serialized" },
    ...(kind === "Invitation" ? { additionalSecretOutputs: ["pk", "link"] } : {}),
  };
}

/** The same resource as one of the plugin's. */
export function ofPlugin({ urn, type, additionalSecretOutputs: _, ...resource }: StateResource): StateResource {
  const { __provider: __, ...inputs } = resource.inputs ?? {};
  const pluginType = type.replace("pulumi-nodejs:dynamic/authentik:", "authentik-invitations:index:");
  const provider = "urn:pulumi:dev::team::pulumi:providers:authentik-invitations::default::0c3b";
  return { ...resource, urn: urn.replace(type, pluginType), type: pluginType, provider, inputs };
}

/** Creates the resource in authentik, as a run of `pulumi up` does. */
export async function create(resource: StateResource): Promise<StateResource> {
  const kind = resource.type.split(":").at(-1) as Kind;
  const { id, outs } = await providers[kind].create(resource.inputs ?? {});
  return { ...resource, id, outputs: outs ?? {}, created: new Date().toISOString() };
}

export function pending(resource: StateResource, type = "creating"): Operation {
  return { resource, type };
}

/** A state that was written two seconds ago. */
export function stateOf(resources: readonly StateResource[], operations: readonly Operation[] = []): State {
  const time = new Date(Date.now() - 2000).toISOString();
  return {
    version: 3,
    deployment: {
      manifest: { time, magic: "", version: "" },
      resources: [...resources],
      pending_operations: [...operations],
    },
  };
}
