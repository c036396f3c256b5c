/** Builds actionlint with Go at the version that `go.mod` pins, and caches it next to the Pulumi CLI. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { findGoTool, readGoProgram } from "../../../scripts/pulumi-cli";
import type { Env } from "../../../scripts/pulumi-cli/programs";

/** Returns actionlint's errors in a workflow file. Reads the local workflows that it calls as well. */
export async function lintWorkflow(path: string): Promise<string[]> {
  return lint(await findActionlint(), path, "");
}

/** Returns actionlint's errors in the source of a workflow. */
export async function lintWorkflowSource(source: string): Promise<string[]> {
  return lint(await findActionlint(), "-", source);
}

function lint(actionlint: string, path: string, input: string): string[] {
  // The optional linters for scripts would make the result depend on what is installed.
  const options = ["-no-color", "-oneline", "-shellcheck=", "-pyflakes="];
  const { status, stdout, stderr } = spawnSync(actionlint, [...options, path], { input, encoding: "utf8" });
  if (status !== 0 && status !== 1) throw new Error(`actionlint failed with exit code ${status}: ${stderr}`);
  const errors = stdout.split("\n").filter((line) => line !== "");
  return status === 1 && errors.length === 0 ? [stderr] : errors;
}

/** Returns the path of actionlint. Without Go the tests fail rather than being skipped, unless actionlint is cached. */
export async function findActionlint(env: Env = process.env): Promise<string> {
  const program = await readGoProgram(__dirname, "github.com/rhysd/actionlint", "cmd/actionlint");
  return join(await findGoTool("actionlint", "actionlint", program, () => {}, env), "actionlint");
}
