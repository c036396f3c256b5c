import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parse } from "yaml";
import { findActionlint } from "./actionlint";
import { kit } from "./kit";
import { type Job, listSteps, readWorkflow, testWorkflow } from "./workflow";

jest.setTimeout(11 * 60_000);

const names = ["pulumi-preview.yml", "pulumi-up.yml", "pulumi-drift.yml"] as const;
const { version } = require("../../package.json") as { version: string };
const command = `npx --yes --ignore-scripts --omit=peer pulumi-authentik-invitations@${version} ci`;
const reportCommand = `${command} report`;
const pathOf = (name: (typeof names)[number]): string => join(kit, "github", name);

const gitea = join(kit, "gitea", "pulumi.yml");

test.each([...names.map(pathOf), gitea, join(kit, "gitlab", ".gitlab-ci.yml")])(
  "%s has at most 60 lines",
  async (path) => {
    expect((await readFile(path, "utf8")).split("\n").length).toBeLessThanOrEqual(61);
  },
);

describe("the GitHub workflows", () => {
  for (const name of names) testWorkflow(pathOf(name));

  test("findActionlint fails with instructions if Go is missing", async () => {
    const folder = await mkdtemp(join(tmpdir(), "no-go-"));
    const env = { HOME: folder, XDG_CACHE_HOME: folder, LOCALAPPDATA: folder, PATH: folder };
    await expect(findActionlint(env)).rejects.toThrow("Install Go (https://go.dev/dl/)");
    await rm(folder, { recursive: true });
  });

  const jobs = [
    ["pulumi-preview.yml", "preview", "authentik-preview", "comment", { "pull-requests": "write" }],
    ["pulumi-drift.yml", "drift", "authentik-drift", "issue", { issues: "write" }],
    ["pulumi-up.yml", "up", "authentik", undefined, {}],
  ] as const;

  test.each(jobs)(
    "%s runs the program in the job %s with the secrets of its environment, and reports in a job without secrets",
    async (name, program, environment, report, permissions) => {
      const workflow = await readWorkflow(pathOf(name));
      expect(workflow.permissions).toEqual({ contents: "read" });
      expect(Object.keys(workflow.jobs)).toEqual([program, ...(report ? [report] : [])]);
      const job = workflow.jobs[program] as Job;
      expect(job).toMatchObject({ environment });
      expect(job.permissions).toBeUndefined();
      const withSecrets = job.steps?.filter((step) => JSON.stringify(step).includes("secrets.")) ?? [];
      expect(withSecrets.map(({ run }) => run)).toEqual([
        program === "drift" ? `${command} drift || test $? -eq 7` : `${command} ${program}`,
      ]);
      expect(withSecrets[0]?.env).toMatchObject({
        AUTHENTIK_TOKEN: expect.stringContaining("secrets.AUTHENTIK_TOKEN"),
      });
      expect(JSON.stringify(job)).not.toContain("github.token");
      // npx runs the version that npm ci has installed. If it has to download another one, that is this package only, and runs no scripts.
      expect(job.steps?.flatMap(({ run }) => run ?? [])).toEqual(["npm ci --ignore-scripts", withSecrets[0]?.run]);
      if (report === undefined) return;
      const reportJob = workflow.jobs[report] as Job;
      expect(reportJob).toMatchObject({ needs: program, permissions });
      expect(reportJob.environment).toBeUndefined();
      expect(JSON.stringify(reportJob)).not.toMatch(/secrets\.|actions\/checkout|npm (ci|install)/);
      expect(reportJob.steps?.at(-1)).toMatchObject({
        run: `${reportCommand} ${program}`,
        env: { GITHUB_TOKEN: expect.stringContaining("github.token") },
      });
    },
  );

  test("preview runs only for branches of the same repository, and cancels the run for the previous commit", async () => {
    const preview = await readWorkflow(pathOf("pulumi-preview.yml"));
    expect(Object.keys(preview.on)).toEqual(["pull_request"]);
    const sameRepository = expect.stringContaining("head.repo.full_name == github.repository");
    expect(preview.jobs).toMatchObject({ preview: { if: sameRepository } });
    expect(preview.concurrency["cancel-in-progress"]).toBe(true);
  });

  test("up runs on main with the secrets of an environment, one at a time and never canceled", async () => {
    const up = await readWorkflow(pathOf("pulumi-up.yml"));
    expect(up.on).toMatchObject({ push: { branches: ["main"] } });
    expect(up.concurrency).toEqual({ group: "pulumi-up", "cancel-in-progress": false });
    expect(up.jobs).toMatchObject({ up: { environment: "authentik" } });
  });

  test("drift runs on a schedule, and accepts only the exit codes 0 and 7", async () => {
    const drift = await readWorkflow(pathOf("pulumi-drift.yml"));
    expect(drift.on).toMatchObject({ schedule: [{ cron: expect.stringMatching(/^\d+ \d+ \* \* \*$/) }] });
    const runs = listSteps(drift).map(({ run = "" }) => run);
    const script = runs.find((run) => run.startsWith(`${command} drift`))?.replace(`${command} drift`, "(exit $CODE)");
    const codes = ["0", "7", "1", "255"].map(
      (code) =>
        spawnSync("bash", ["-eo", "pipefail", "-c", script ?? ""], { env: { ...process.env, CODE: code } }).status,
    );
    expect(codes).toEqual([0, 0, 1, 1]);
  });
});

describe("the workflow for Gitea and Forgejo", () => {
  testWorkflow(gitea);

  test("runs for branches of the same repository, and reports in a job without secrets", async () => {
    const { jobs } = await readWorkflow(gitea);
    const { check, report, up } = jobs as Record<"check" | "report" | "up", Job>;
    expect(check.if).toContain("github.event.pull_request.head.repo.full_name == github.repository");
    expect(JSON.stringify(check)).not.toMatch(/github\.token|secrets\.(AUTHENTIK_TOKEN|PULUMI_BACKEND_URL)\b/);
    expect(JSON.stringify(report)).not.toMatch(/secrets\.|actions\/checkout|npm (ci|install)/);
    expect(report).toMatchObject({ needs: "check" });
    expect(report.steps?.at(-1)?.run).toBe(`${reportCommand} $KIND`);
    expect(up).toMatchObject({ if: "github.event_name == 'push'" });
    expect(up.steps?.at(-1)?.run).toBe(`${command} up`);
  });

  test.each([
    ["preview", ["0", "7", "1"], [0, 1, 1]],
    ["drift", ["0", "7", "1"], [0, 0, 1]],
  ])("%s exits with %j as %j", async (KIND, codes, expected) => {
    const steps = listSteps(await readWorkflow(gitea)).map(({ run = "" }) => run);
    const script = steps.find((run) => run.startsWith(`${command} $KIND`))?.replace(`${command} $KIND`, "(exit $CODE)");
    const run = (CODE: string): number | null =>
      spawnSync("bash", ["-eo", "pipefail", "-c", script ?? ""], { env: { ...process.env, KIND, CODE } }).status;
    expect(codes.map(run)).toEqual(expected);
  });
});

interface GitLabJob {
  readonly rules: { readonly if: string; readonly when?: string }[];
  readonly environment: string | { readonly name: string };
  readonly script?: string;
  readonly extends?: string;
  readonly resource_group?: string;
  readonly allow_failure?: { readonly exit_codes: number };
}

describe("the GitLab pipeline", () => {
  const program = join(dirname(createRequire(__filename).resolve("gitlab-ci-local/package.json")), "dist", "index.js");
  // gitlab-ci-local requires Node.js 22. On Node.js 20, this is all that is missing.
  const polyfill = "Set.prototype.union ??= function (other) { return new Set([...this, ...other]); }";
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "gitlab-"));
  });

  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  /** Validates a pipeline against GitLab's JSON schema, which gitlab-ci-local includes, and lists its jobs. */
  async function validate(pipeline: string): Promise<{ status: number | null; output: string }> {
    await writeFile(join(folder, ".gitlab-ci.yml"), pipeline);
    const preload = `data:text/javascript,${encodeURIComponent(polyfill)}`;
    const { status, stdout, stderr } = spawnSync(process.execPath, ["--import", preload, program, "--list-all"], {
      cwd: folder,
      encoding: "utf8",
      env: { ...process.env, HOME: folder, NO_COLOR: "1", FORCE_COLOR: "0", GIT_DIR: folder },
    });
    return { status, output: stdout + stderr };
  }

  test("passes GitLab's JSON schema, which rejects a misspelled key", async () => {
    const source = await readFile(join(kit, "gitlab", ".gitlab-ci.yml"), "utf8");
    const valid = await validate(source);
    expect([valid.status, valid.output]).toEqual([0, expect.stringContaining("json schema validated")]);
    for (const job of ["preview", "note", "up", "drift", "issue"])
      expect(valid.output).toMatch(new RegExp(`^${job} `, "m"));
    const invalid = await validate(source.replace("exit_codes:", "exit_code:"));
    expect([invalid.status, invalid.output]).toEqual([
      1,
      expect.stringContaining("Invalid .gitlab-ci.yml configuration!"),
    ]);
  });

  test("runs each job on its own triggers, and one up at a time", async () => {
    const { preview, note, up, drift, issue } = parse(
      await readFile(join(kit, "gitlab", ".gitlab-ci.yml"), "utf8"),
    ) as Record<"preview" | "note" | "up" | "drift" | "issue", GitLabJob>;
    for (const { rules } of [preview, note]) {
      expect(rules.map((rule) => rule.if)).toEqual([
        '$CI_PIPELINE_SOURCE == "merge_request_event" && $CI_MERGE_REQUEST_SOURCE_PROJECT_ID == $CI_MERGE_REQUEST_PROJECT_ID',
      ]);
    }
    for (const rule of [...up.rules, ...drift.rules, ...issue.rules]) {
      expect(rule.if).toContain("$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH");
    }
    expect(up.resource_group).toBe("authentik");
    for (const { rules } of [drift, issue]) expect(rules.every((rule) => rule.if.includes('== "schedule"'))).toBe(true);
    expect(drift.allow_failure).toEqual({ exit_codes: 7 });
    for (const job of [preview, up, drift]) expect(job).toMatchObject({ extends: ".pulumi" });
    expect([note, issue].map(({ script }) => script)).toEqual(
      ["preview", "drift"].map((kind) => `test ! -f report.json || ${reportCommand} ${kind}`),
    );
  });

  test("waits for a reviewer before a preview, and gives each job the variables of its own environment", async () => {
    const pipeline = parse(await readFile(join(kit, "gitlab", ".gitlab-ci.yml"), "utf8")) as Partial<
      Record<string, GitLabJob>
    >;
    expect(pipeline["preview"]?.rules).toMatchObject([{ when: "manual" }]);
    const environments = ["preview", "drift", "up", ".report"].map((job) => pipeline[job]?.environment);
    expect(environments).toEqual([
      "authentik-preview",
      "authentik-drift",
      "authentik",
      { name: "authentik-report", action: "access" },
    ]);
    expect(pipeline[".pulumi"]).toMatchObject({
      // GitLab's runner starts a shell with the entrypoint of the image, which is pulumi.
      image: { entrypoint: [""] },
      before_script: ["npm ci --ignore-scripts"],
      script: `${command} $CI_JOB_NAME`,
    });
    for (const job of ["note", "issue"]) expect(pipeline[job]).toMatchObject({ extends: ".report" });
    expect(pipeline[".report"]).toMatchObject({ variables: { GIT_STRATEGY: "none" } });
  });
});
