import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { parse } from "yaml";
import { lintWorkflow, lintWorkflowSource } from "./actionlint";

export interface Step {
  readonly id?: string;
  readonly if?: string;
  readonly name?: string;
  readonly uses?: string;
  readonly run?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly with?: Readonly<Record<string, unknown>>;
}

export interface Job {
  readonly if?: string;
  readonly needs?: string;
  readonly outputs?: Readonly<Record<string, string>>;
  readonly uses?: string;
  readonly environment?: string;
  readonly permissions?: Readonly<Record<string, string>>;
  readonly strategy?: { readonly matrix: Readonly<Record<string, readonly unknown[]>> };
  readonly "timeout-minutes"?: number;
  readonly steps?: readonly Step[];
}

/** Tests what applies to all workflows. */
export function testWorkflow(path: string): void {
  const name = basename(path);

  test(`${name} passes actionlint, which rejects a broken copy`, async () => {
    expect(await lintWorkflow(path)).toEqual([]);
    const broken = (await readFile(path, "utf8")).replace("runs-on:", "run-on:");
    expect(await lintWorkflowSource(broken)).toContainEqual(expect.stringContaining("run-on"));
  });

  test(`${name} interpolates nothing into scripts, persists no credentials, and pins its actions`, async () => {
    for (const { uses, run, with: options } of listSteps(await readWorkflow(path))) {
      expect(run ?? "").not.toContain("${{");
      if (uses?.includes("actions/checkout")) expect(options).toEqual({ "persist-credentials": false });
    }
    const actions = await readActions(path);
    expect(actions.length).toBeGreaterThan(0);
    for (const action of actions) expect(action).toMatch(pinnedAction);
  });
}

/** A line with an action, pinned to a commit, and the version that Dependabot keeps up to date with it. */
const pinnedAction = /^ *(?:- )?uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/;

/** The lines of a workflow that use an action of another repository. */
async function readActions(path: string): Promise<string[]> {
  const lines = (await readFile(path, "utf8")).split("\n");
  return lines.filter((line) => /^ *(?:- )?uses: (?!\.\/)/.test(line));
}

/** The parts of a GitHub Actions workflow that the tests check. */
export interface Workflow {
  readonly on: Readonly<Record<string, unknown>>;
  readonly permissions: Readonly<Record<string, string>>;
  readonly concurrency: { readonly group: string; readonly "cancel-in-progress": boolean };
  readonly jobs: Readonly<Record<string, Job>>;
}

export async function readWorkflow(path: string): Promise<Workflow> {
  return parse(await readFile(path, "utf8")) as Workflow;
}

export function listSteps(workflow: Workflow): Step[] {
  return Object.values(workflow.jobs).flatMap(({ steps = [] }) => steps);
}
