import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Authentik } from "../../sandbox";
import { type CommandResult, runCommand as runWith } from "../commands/fixture";
import type { Project } from "../engine/project";

/** Runs the command outside a project, so that no stack has settings. */
export async function runCommand(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<CommandResult> {
  return await runWith(args, { env });
}

export function environmentOf(server: Authentik, token = server.token): Record<string, string> {
  return { AUTHENTIK_URL: server.url, AUTHENTIK_TOKEN: token };
}

export async function post(server: Authentik, path: string, fields: Record<string, unknown>): Promise<string> {
  const { status, body } = await server.request("POST", `/api/v3/${path}`, fields);
  expect([path, status, body]).toEqual([path, 201, expect.anything()]);
  return (body as { pk: string }).pk;
}

export const expires = "2035-01-01T00:00:00Z";

export async function createFlow(server: Authentik, slug: string, stages: readonly string[] = []): Promise<string> {
  const flow = await post(server, "flows/instances/", { name: slug, slug, title: slug, designation: "enrollment" });
  for (const [order, stage] of stages.entries()) await post(server, "flows/bindings/", { target: flow, stage, order });
  return flow;
}

export async function findStagePk(server: Authentik, name: string): Promise<string> {
  const { body } = await server.request("GET", `/api/v3/stages/all/?name=${name}`);
  return (body as { results: { pk: string }[] }).results[0]?.pk ?? "";
}

/** Data that authentik saves and then cannot return. */
export const tooDeepData = { deep: JSON.parse(`${"[".repeat(300)}${"]".repeat(300)}`) as unknown };

/** Runs commands as a user does: piped into a shell, in the project's folder. */
export async function runShell({ folder, env }: Project, commands: string): Promise<void> {
  const shell = promisify(execFile)("sh", [], { cwd: folder, env: { ...env } });
  shell.child.stdin?.end(commands);
  await shell;
}
