import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parse } from "yaml";
import { findActionlint } from "./actionlint";
import { kit } from "./kit";

jest.setTimeout(11 * 60_000);

const names = ["pulumi-preview.yml", "pulumi-up.yml", "pulumi-drift.yml"] as const;

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly with?: Readonly<Record<string, unknown>>;
}

interface Workflow {
  readonly on: Readonly<Record<string, unknown>>;
  readonly permissions: Readonly<Record<string, string>>;
  readonly concurrency: { readonly group: string; readonly "cancel-in-progress": boolean };
  readonly jobs: Readonly<
    Record<string, { readonly if?: string; readonly environment?: string; readonly steps: Step[] }>
  >;
}

async function workflow(name: (typeof names)[number]): Promise<Workflow> {
  return parse(await readFile(join(kit, "github", name), "utf8")) as Workflow;
}

function stepsOf(workflow: Workflow): Step[] {
  return Object.values(workflow.jobs).flatMap(({ steps }) => steps);
}

describe("the workflows for GitHub Actions", () => {
  test("actionlint has nothing to say about them, and would have", async () => {
    const actionlint = await findActionlint();
    const lint = (text: string): { status: number | null; stdout: string } =>
      spawnSync(actionlint, ["-no-color", "-shellcheck=", "-pyflakes=", "-"], { input: text, encoding: "utf8" });
    for (const name of names) {
      const text = await readFile(join(kit, "github", name), "utf8");
      expect([name, lint(text)]).toEqual([name, expect.objectContaining({ status: 0, stdout: "" })]);
      const faulty = text.replace("runs-on:", "run-on:").replace("github.", "githup.");
      expect(lint(faulty)).toMatchObject({ status: 1, stdout: expect.stringContaining("run-on") });
    }
  });

  test("a machine without Go is told what is missing", async () => {
    const folder = await mkdtemp(join(tmpdir(), "no-go-"));
    const env = { HOME: folder, XDG_CACHE_HOME: folder, LOCALAPPDATA: folder, PATH: folder };
    await expect(findActionlint(env)).rejects.toThrow("install Go (https://go.dev/dl/)");
    await rm(folder, { recursive: true });
  });

  test.each(names)("%s puts nothing into a script, keeps no credentials, and pins its actions", async (name) => {
    for (const { uses, run, with: options } of stepsOf(await workflow(name))) {
      expect(run ?? "").not.toContain("${{");
      if (uses === undefined) continue;
      expect(uses).toMatch(/^(actions\/(checkout|setup-node)|pulumi\/actions)@(v\d+|[0-9a-f]{40})$/);
      if (uses.startsWith("actions/checkout")) expect(options).toEqual({ "persist-credentials": false });
    }
  });

  test("each has the permissions that it needs, and no more", async () => {
    const [preview, up, drift] = await Promise.all(names.map(workflow));
    expect(preview?.permissions).toEqual({ contents: "read", "pull-requests": "write" });
    expect(up?.permissions).toEqual({ contents: "read" });
    expect(drift?.permissions).toEqual({ contents: "read", issues: "write" });
  });

  test("the preview runs for this repository's branches alone, with the token that reads", async () => {
    const preview = await workflow("pulumi-preview.yml");
    expect(Object.keys(preview.on)).toEqual(["pull_request"]);
    const own = expect.stringContaining("head.repo.full_name == github.repository");
    expect(preview.jobs).toMatchObject({ preview: { if: own } });
    const { env = {} } = stepsOf(preview).at(-1) ?? {};
    expect(env["AUTHENTIK_TOKEN"]).toContain("secrets.AUTHENTIK_READ_TOKEN");
  });

  test("up runs on main, one at a time and never cancelled, with an environment's secrets", async () => {
    const up = await workflow("pulumi-up.yml");
    expect(up.on).toMatchObject({ push: { branches: ["main"] } });
    expect(up.concurrency).toEqual({ group: "pulumi-up", "cancel-in-progress": false });
    expect(up.jobs).toMatchObject({ up: { environment: "authentik" } });
  });

  test("drift runs by a schedule, and lets 7 alone pass", async () => {
    const drift = await workflow("pulumi-drift.yml");
    expect(drift.on).toMatchObject({ schedule: [{ cron: expect.stringMatching(/^\d+ \d+ \* \* \*$/) }] });
    const script = stepsOf(drift).at(-1)?.run?.replace("node ci/pulumi-gitops.mjs drift", "(exit $CODE)") ?? "";
    const codes = ["0", "7", "1", "255"].map(
      (code) => spawnSync("bash", ["-eo", "pipefail", "-c", script], { env: { ...process.env, CODE: code } }).status,
    );
    expect(codes).toEqual([0, 0, 1, 1]);
  });
});

interface Job {
  readonly rules: { readonly if: string }[];
  readonly script: string[];
  readonly resource_group?: string;
  readonly allow_failure?: { readonly exit_codes: number };
}

describe("the pipeline for GitLab", () => {
  const program = join(dirname(createRequire(__filename).resolve("gitlab-ci-local/package.json")), "dist", "index.js");
  // It is written for Node.js 22, and of what 20 lacks needs this one.
  const missing = "Set.prototype.union ??= function (other) { return new Set([...this, ...other]); }";
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "gitlab-"));
  });

  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  /** Checks a pipeline against GitLab's own schema, which gitlab-ci-local carries, and lists its jobs. */
  async function check(text: string): Promise<{ status: number | null; output: string }> {
    await writeFile(join(folder, ".gitlab-ci.yml"), text);
    const preload = `data:text/javascript,${encodeURIComponent(missing)}`;
    const { status, stdout, stderr } = spawnSync(process.execPath, ["--import", preload, program, "--list-all"], {
      cwd: folder,
      encoding: "utf8",
      env: { ...process.env, HOME: folder, NO_COLOR: "1", FORCE_COLOR: "0", GIT_DIR: folder },
    });
    return { status, output: stdout + stderr };
  }

  test("GitLab's schema takes it, and would not take a misspelt key", async () => {
    const text = await readFile(join(kit, "gitlab", ".gitlab-ci.yml"), "utf8");
    const good = await check(text);
    expect([good.status, good.output]).toEqual([0, expect.stringContaining("json schema validated")]);
    for (const job of ["preview", "up", "drift"]) expect(good.output).toMatch(new RegExp(`^${job} `, "m"));
    const bad = await check(text.replace("exit_codes:", "exit_code:"));
    expect([bad.status, bad.output]).toEqual([1, expect.stringContaining("Invalid .gitlab-ci.yml configuration!")]);
  });

  test("each job runs when it should, and one up at a time", async () => {
    const jobs = parse(await readFile(join(kit, "gitlab", ".gitlab-ci.yml"), "utf8")) as Record<
      "preview" | "up" | "drift",
      Job
    >;
    const { preview, up, drift } = jobs;
    expect(preview.rules.map((rule) => rule.if)).toEqual([
      '$CI_PIPELINE_SOURCE == "merge_request_event" && $CI_MERGE_REQUEST_SOURCE_PROJECT_ID == $CI_MERGE_REQUEST_PROJECT_ID',
    ]);
    for (const rule of [...up.rules, ...drift.rules]) {
      expect(rule.if).toContain("$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH");
    }
    expect(up.resource_group).toBe("authentik");
    expect(drift.rules.every((rule) => rule.if.includes('== "schedule"'))).toBe(true);
    expect(drift.allow_failure).toEqual({ exit_codes: 7 });
    expect([preview, up, drift].map((job) => job.script)).toEqual(
      ["preview", "up", "drift"].map((command) => [`node ci/pulumi-gitops.mjs ${command}`]),
    );
  });
});
