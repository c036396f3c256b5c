/** The workflows of this repository: they pass actionlint, have the minimum permissions, and release only what is tested and can be published. */
import { spawnSync } from "node:child_process";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { packageRoot } from "../engine/project";
import { listSteps, readWorkflow, testWorkflow } from "../gitops/workflow";

jest.setTimeout(11 * 60_000);

const names = ["ci.yml", "properties.yml", "release.yml"] as const;
const pathOf = (name: (typeof names)[number]): string => join(packageRoot, ".github", "workflows", name);

for (const name of names) testWorkflow(pathOf(name));

test.each(names)("%s uses only GitHub's own actions", async (name) => {
  for (const { uses } of listSteps(await readWorkflow(pathOf(name))))
    expect(uses ?? "actions/checkout@").toMatch(/^actions\/(checkout|setup-node|setup-go|cache)@/);
});

test.each(names)("%s limits the time of each job", async (name) => {
  const jobs = Object.values((await readWorkflow(pathOf(name))).jobs).filter(({ uses }) => uses === undefined);
  for (const job of jobs) expect(job["timeout-minutes"]).toBeGreaterThan(0);
});

test("CI runs all tests on Node.js 22, and unit and package tests on 20 and 24, and unit tests with the newest Pulumi SDK", async () => {
  const ci = await readWorkflow(pathOf("ci.yml"));
  expect(ci.permissions).toEqual({ contents: "read" });
  const tests = "test/unit test/package";
  const include = [
    { node: 20, tests },
    { node: 22, tests: "" },
    { node: 24, tests },
  ];
  expect(ci.jobs).toMatchObject({ test: { strategy: { matrix: { include } } } });
  const runs = listSteps(ci).filter(({ run }) => run !== undefined);
  expect(runs).toMatchObject([
    { run: ".ci/run $TESTS", env: { TESTS: expect.stringMatching(/^..\{ matrix\.tests \}\}$/) } },
    { if: "matrix.node == 24", run: expect.stringMatching(/@pulumi\/pulumi@latest\nnpx jest test\/unit\n$/) },
  ]);
});

test("every night, property tests run with a new seed, and a failed run prints the command that repeats it", async () => {
  const workflow = await readWorkflow(pathOf("properties.yml"));
  expect(workflow.on).toEqual({
    schedule: [{ cron: expect.stringMatching(/^\d+ \d+ \* \* \*$/) }],
    workflow_dispatch: null,
  });
  expect(workflow.permissions).toEqual({ contents: "read" });
  const [{ run = "" } = {}, ...others] = listSteps(workflow).filter(({ run }) => run !== undefined);
  expect(others).toEqual([]);
  const folder = await mkdtemp(join(tmpdir(), "properties-"));
  try {
    await writeFile(
      join(folder, "npm"),
      `#!/usr/bin/env bash\necho "$FAST_CHECK_RUNS $FAST_CHECK_SEED $*"\nexit "$CODE"\n`,
    );
    await chmod(join(folder, "npm"), 0o755);
    const runWith = (CODE: string) =>
      spawnSync("bash", ["-e", "-c", run], {
        encoding: "utf8",
        env: { PATH: [folder, process.env["PATH"]].join(delimiter), FAST_CHECK_RUNS: "1000", CODE },
      });
    const passed = runWith("0");
    expect([passed.status, passed.stdout]).toEqual([0, expect.stringMatching(/^1000 \d+ test -- test\/life .*\n$/)]);
    const failed = runWith("1");
    expect(failed.status).toBe(1);
    const [, seed, command] = /^1000 (\d+) (.*)\n/.exec(failed.stdout) ?? [];
    expect(failed.stdout).toContain(`::error::FAST_CHECK_RUNS=1000 FAST_CHECK_SEED=${seed} npm ${command}\n`);
  } finally {
    await rm(folder, { recursive: true });
  }
});

describe("the release", () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "release-"));
  });

  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  async function writeManifest(fields: Record<string, unknown>): Promise<void> {
    await writeFile(join(folder, "package.json"), JSON.stringify({ name: "example", version: "1.2.3", ...fields }));
  }

  /** Runs a script as GitHub's runner does, in a folder with only a package.json. */
  function runScript(
    script: string,
    env: Readonly<Record<string, string>> = {},
  ): { code: number | null; output: string } {
    const { status, stdout, stderr } = spawnSync("bash", ["-e", "-c", script], {
      cwd: folder,
      encoding: "utf8",
      env: {
        PATH: [folder, dirname(process.execPath), process.env["PATH"]].join(delimiter),
        HOME: folder,
        GITHUB_SERVER_URL: "https://github.com",
        GITHUB_REPOSITORY: "example/example",
        ...env,
      },
    });
    return { code: status, output: stdout + stderr };
  }

  async function readScript(stepName: string): Promise<string> {
    const steps = listSteps(await readWorkflow(pathOf("release.yml")));
    const script = steps.find(({ name }) => name === stepName)?.run;
    if (script === undefined) throw new Error(`release.yml has no step named ${stepName}.`);
    return script;
  }

  test("runs on version tags: checks, tests, builds the plugin, and then publishes", async () => {
    const { on, jobs, concurrency } = await readWorkflow(pathOf("release.yml"));
    expect(on).toEqual({ push: { tags: ["v*"] } });
    expect(concurrency["cancel-in-progress"]).toBe(false);
    expect(jobs).toMatchObject({
      test: { needs: "check", uses: "./.github/workflows/ci.yml" },
      draft: { needs: "test" },
      plugin: { needs: "draft" },
      publish: { needs: "plugin", environment: "npm" },
      release: { needs: "publish" },
    });
  });

  test("builds the plugin for Linux, macOS and Windows, on x64 and arm64", async () => {
    const { jobs } = await readWorkflow(pathOf("release.yml"));
    const include = ["linux", "darwin", "windows"].flatMap((os) => [
      { platform: `${os}-amd64` },
      { platform: `${os}-arm64` },
    ]);
    const steps = expect.arrayContaining([{ run: "npm run plugin" }]);
    expect(jobs).toMatchObject({ plugin: { strategy: { matrix: { include } }, steps } });
  });

  /** Adds a `gh` that prints its arguments, and creates two archives when it is to download them. */
  async function fakeGh(viewStatus = 0): Promise<void> {
    const gh = `#!/usr/bin/env bash
echo "$*"
if [ "$2" = view ]; then exit ${viewStatus}; fi
if [ "$2" = download ]; then for platform in linux-amd64 windows-arm64; do echo "$platform" > "${archiveName}-$platform.tar.gz"; done; fi
`;
    await writeFile(join(folder, "gh"), gh);
    await chmod(join(folder, "gh"), 0o755);
  }
  const archiveName = "pulumi-resource-authentik-invitations-v1.2.3";

  test.each([
    ["v1.2.3", "latest"],
    ["v2.0.0-beta.1", "prerelease"],
  ])("creates a draft of the release of %s as %s, unless a run before has created it", async (tag, kind) => {
    const script = await readScript("Create a draft release");
    await fakeGh(1);
    expect(runScript(script, { GITHUB_REF_NAME: tag })).toEqual({
      code: 0,
      output: expect.stringContaining(`release create ${tag} --draft --verify-tag --${kind} `),
    });
    await fakeGh(0);
    expect(runScript(script, { GITHUB_REF_NAME: tag })).toEqual({ code: 0, output: "" });
  });

  test("uploads the archive of each platform, and publishes the release with all checksums", async () => {
    await fakeGh();
    const env = { GITHUB_REF_NAME: "v1.2.3", PLATFORM: "darwin-arm64" };
    expect(runScript(await readScript("Upload the plugin"), env)).toEqual({
      code: 0,
      output: `release upload v1.2.3 --clobber build/plugin/${archiveName}-darwin-arm64.tar.gz\n`,
    });
    const { code, output } = runScript(await readScript("Add the checksums and publish the release"), env);
    expect(code).toBe(0);
    expect(output.split("\n")).toEqual([
      "release download v1.2.3 --pattern *.tar.gz",
      `release upload v1.2.3 --clobber ${archiveName}-checksums.txt`,
      "release edit v1.2.3 --draft=false",
      "",
    ]);
    const verified = runScript(`sha256sum --check ${archiveName}-checksums.txt`);
    expect(verified.output).toBe(`${archiveName}-linux-amd64.tar.gz: OK\n${archiveName}-windows-arm64.tar.gz: OK\n`);
  });

  test("can request an ID token only in the job that publishes the package, and can write only in those of the release", async () => {
    const { permissions, jobs } = await readWorkflow(pathOf("release.yml"));
    expect(permissions).toEqual({ contents: "read" });
    const jobPermissions = Object.entries(jobs).map(([name, job]) => [name, job.permissions]);
    expect(Object.fromEntries(jobPermissions)).toEqual({
      draft: { contents: "write" },
      plugin: { contents: "write" },
      publish: { contents: "read", "id-token": "write" },
      release: { contents: "write" },
    });
  });

  test("rejects a tag that does not match the version in package.json", async () => {
    const script = await readScript("Check the tag");
    await writeManifest({});
    expect(runScript(script, { GITHUB_REF_NAME: "v1.2.3" })).toEqual({ code: 0, output: "" });
    expect(runScript(script, { GITHUB_REF_NAME: "v1.2.4" })).toEqual({
      code: 1,
      output: "::error file=package.json::The tag v1.2.4 does not match the version 1.2.3 in package.json.\n",
    });
  });

  test.each([
    ["no repository", {}, "it is ''"],
    [
      "another repository",
      { repository: { type: "git", url: "git+https://github.com/example/fork.git" } },
      "fork.git'",
    ],
  ])("rejects a package.json with %s, and prints the command that fixes it", async (_, fields, expected) => {
    const script = await readScript("Check the repository URL");
    await writeManifest(fields);
    const { code, output } = runScript(script);
    expect(code).toBe(1);
    expect(output).toMatch(/^::error file=package\.json::Provenance requires repository\.url in package\.json/);
    expect(output).toContain(expected);
    const command = output.split("\n").find((line) => line.startsWith("npm pkg set ")) ?? "";
    expect(runScript(command).code).toBe(0);
    expect(JSON.parse(await readFile(join(folder, "package.json"), "utf8"))).toMatchObject({
      repository: { type: "git", url: "git+https://github.com/example/example.git" },
      homepage: "https://github.com/example/example#readme",
      bugs: { url: "https://github.com/example/example/issues" },
    });
    expect(runScript(script)).toEqual({ code: 0, output: "" });
  });

  test.each([
    ["1.2.3", "latest"],
    ["2.0.0-beta.1", "next"],
  ])("publishes %s with provenance, under the dist-tag %s", async (version, tag) => {
    await writeManifest({ version });
    const npm = `#!/usr/bin/env bash\nif [ "$1 $2" = "config get" ]; then echo https://npm.example/; else echo "$*"; fi\n`;
    await writeFile(join(folder, "npm"), npm);
    await chmod(join(folder, "npm"), 0o755);
    const script = await readScript("Publish");
    const publish = `publish --provenance --access public --tag ${tag}\n`;
    expect(runScript(script, { NPM_TOKEN: "" })).toEqual({ code: 0, output: publish });
    expect(runScript(script, { NPM_TOKEN: "secret" })).toEqual({
      code: 0,
      output: `config set //npm.example/:_authToken \${NPM_TOKEN}\n${publish}`,
    });
  });

  test("stores the npm token as a reference to its variable", async () => {
    const [login = ""] = /^if[\s\S]*?^fi$/m.exec(await readScript("Publish")) ?? [];
    expect(runScript(login, { NPM_TOKEN: "npm-t0ken" }).code).toBe(0);
    const npmrc = await readFile(join(folder, ".npmrc"), "utf8");
    expect(npmrc).toMatch(/^\/\/.*:_authToken="?\$\{NPM_TOKEN\}"?$/m);
    expect(npmrc).not.toContain("npm-t0ken");
  });
});
