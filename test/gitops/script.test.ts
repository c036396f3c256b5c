import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { kit } from "./kit";
import { FakeGitLab, Pipeline } from "./pipeline";

jest.setTimeout(60_000);

test("the script passes the type checks", () => {
  const options = "--ignoreConfig --allowJs --checkJs --noEmit --strict --skipLibCheck --types node";
  const language = "--target es2023 --module nodenext";
  const args = [require.resolve("typescript/bin/tsc"), ...`${options} ${language}`.split(" ")];
  const script = join(kit, "ci", "pulumi-gitops.mjs");
  const { status, stdout } = spawnSync(process.execPath, [...args, script], { encoding: "utf8" });
  expect([status, stdout]).toEqual([0, ""]);
});

const resources = ["Resources:", "    + 1 to create", "    ~ 2 to update", "    3 changes. 4 unchanged"];

describe("the script, with a fake Pulumi", () => {
  let pipeline: Pipeline;

  afterEach(async () => {
    await pipeline.remove();
  });

  test("preview posts one comment, updates it on the next run, and leaves comments of others unchanged", async () => {
    pipeline = await Pipeline.fake(["Previewing update (staff):", ...resources], 0);
    const commentOfAnotherUser = {
      kind: "comment",
      number: 1,
      bot: false,
      open: true,
      comments: [],
      body: "<!-- pulumi-preview: staff -->",
    };
    await pipeline.writeFile("posts.json", JSON.stringify([commentOfAnotherUser]));
    for (const _ of [1, 2]) expect((await pipeline.run("preview")).code).toBe(0);
    const [first, ...posts] = await pipeline.posts();
    expect(first).toEqual(commentOfAnotherUser);
    expect(posts).toHaveLength(1);
    expect(posts[0]?.body.split("\n")).toEqual([
      "<!-- pulumi-preview: staff -->",
      "",
      "### Pulumi preview for `staff`: 1 to create, 2 to update, 4 unchanged",
      "",
      "[Pipeline run](https://github.example/team/invitations/actions/runs/4711) for commit 0a1b2c3d",
      "",
      "<details><summary>Pulumi output</summary>",
      "",
      "```",
      "Previewing update (staff):",
      ...resources,
      "```",
      "",
      "</details>",
    ]);
    expect((await pipeline.calls()).map(({ args }) => args.slice(0, 4).join(" "))).toEqual([
      "api --paginate repos/team/invitations/issues/7/comments?per_page=100 --jq",
      "api --method POST repos/team/invitations/issues/7/comments",
      "api --paginate repos/team/invitations/issues/7/comments?per_page=100 --jq",
      "api --method PATCH repos/team/invitations/issues/comments/101",
    ]);
  });

  test("preview reports a failure and exits with its code", async () => {
    pipeline = await Pipeline.fake(["error: flow: no such flow"], 255);
    expect((await pipeline.run("preview")).code).toBe(255);
    const [post] = await pipeline.posts();
    expect(post?.body).toContain("### Pulumi preview for `staff` failed with exit code 255");
    expect(post?.body).toContain("error: flow: no such flow");
  });

  test("omits the middle of long output, and neutralizes fences, escape sequences and workflow commands", async () => {
    const hostile = [
      "\u001b[31mred\u001b[0m \u202egnp.exe",
      "`````",
      "</details> @everyone",
      "::add-mask::everything",
      `long ${"x".repeat(5_000)}`,
    ];
    const many = Array.from({ length: 6_000 }, (_, n) => `line ${n} ${"ü".repeat(20)}`);
    pipeline = await Pipeline.fake([...hostile, ...many, ...resources], 0);
    const { log } = await pipeline.run("preview", { GITHUB_ACTIONS: "true" });
    const body = (await pipeline.posts())[0]?.body ?? "";
    expect(Buffer.byteLength(body)).toBeLessThan(60_000);
    expect(Buffer.byteLength(body)).toBeGreaterThan(50_000);
    expect(body).toContain("\n``````\nred gnp.exe\n`````\n</details> @everyone\n");
    expect(body.match(/^`{6,}.*$/gm)).toEqual(["``````", "``````"]);
    expect(body).toMatch(/\n\[… \d+ lines omitted, see the log …\]\n/);
    expect(body).toContain("    3 changes. 4 unchanged\n``````\n\n</details>");
    const token = /^::stop-commands::(\S+)\n/.exec(log)?.[1] ?? "";
    expect(token).toMatch(/^[0-9a-f-]{36}$/);
    expect(log.endsWith(`::${token}::\n`)).toBe(true);
    expect(log).toContain("line 3000 ");
  });

  test("redacts secrets and links that a program prints, and hides the token that writes comments from Pulumi", async () => {
    const secrets = { AUTHENTIK_TOKEN: "writer-t0ken", AUTHENTIK_READ_TOKEN: "reader-t0ken" };
    const tokens = Object.values(secrets).join(" and ");
    const link = "https://auth.example/if/flow/x/?itoken=6184365b-70c4-4848-be37-5086db15eb52";
    pipeline = await Pipeline.fake([`a ${tokens} b a passphrase for tests c ${link} d gh-t0ken-of-the-run`], 0);
    const { log } = await pipeline.run("preview", secrets);
    const redacted =
      "a [redacted] and [redacted] b [redacted] c https://auth.example/if/flow/x/?itoken=[redacted] d [redacted]";
    expect(log).toBe(`${redacted}\n`);
    expect((await pipeline.posts())[0]?.body).toContain(`\n${redacted}\n`);
    const previewRun = JSON.parse(await pipeline.readFile("pulumi.json")) as { env: Record<string, string> };
    expect(previewRun.env).toMatchObject({ AUTHENTIK_TOKEN: "reader-t0ken" });
    expect(previewRun.env).not.toHaveProperty("GH_TOKEN");
    await pipeline.run("up", secrets);
    const upRun = JSON.parse(await pipeline.readFile("pulumi.json")) as { env: Record<string, string> };
    expect(upRun.env).toMatchObject({ AUTHENTIK_TOKEN: "writer-t0ken" });
  });

  test("up refreshes only if REFRESH is true, and posts nothing", async () => {
    pipeline = await Pipeline.fake(resources, 3);
    const common = ["--stack", "staff", "--suppress-progress", "--non-interactive", "--color", "never"];
    for (const [REFRESH, more] of [
      ["", []],
      ["true", ["--refresh"]],
      ["; echo", []],
    ] as const) {
      expect((await pipeline.run("up", { REFRESH })).code).toBe(3);
      const { args } = JSON.parse(await pipeline.readFile("pulumi.json")) as { args: string[] };
      expect(args).toEqual(["up", "--yes", "--diff", ...more, ...common]);
    }
    expect(await pipeline.calls()).toEqual([]);
  });

  test("drift exits with 1 if the issue cannot be written", async () => {
    pipeline = await Pipeline.fake(['Invitation "x": expires changed outside Pulumi'], 7);
    await pipeline.writeFile("broken", "");
    const { code, log } = await pipeline.run("drift");
    expect([code, log]).toEqual([1, expect.stringContaining("HTTP 403: Resource not accessible by integration")]);
  });

  test("reports missing and invalid settings before Pulumi runs", async () => {
    pipeline = await Pipeline.fake(resources, 0);
    const gitlab = { GITLAB_CI: "true", CI_API_V4_URL: "https://gitlab.example/api/v4", CI_PROJECT_ID: "9" };
    const invalidSettings = [
      ["drift", { PULUMI_STACK: "$(id)" }, "PULUMI_STACK must match /^[A-Za-z0-9_.-]+(\\/[A-Za-z0-9_.-]+){0,2}$/."],
      ["drift", { PULUMI_STACK: "" }, "PULUMI_STACK is not set."],
      ["drift", { GITHUB_REPOSITORY: "" }, "GITHUB_REPOSITORY is not set."],
      ["drift", gitlab, "GITLAB_TOKEN is not set."],
      ["preview", { PULL_REQUEST: "" }, "PULL_REQUEST is not set."],
      ["preview", { PULL_REQUEST: "7/../8" }, "PULL_REQUEST must match /^\\d+$/."],
      ["preview", { ...gitlab, GITLAB_TOKEN: "gitlab-t0ken" }, "CI_MERGE_REQUEST_IID is not set."],
    ] as const;
    for (const [command, env, message] of invalidSettings) {
      expect(await pipeline.run(command, { ...env })).toEqual({ code: 1, log: `${message}\n` });
    }
    expect(await pipeline.run("destroy")).toEqual({
      code: 1,
      log: "Usage: node ci/pulumi-gitops.mjs preview|up|drift\n",
    });
    expect(await pipeline.readFile("pulumi.json")).toBe("");
  });

  describe("on GitLab", () => {
    let gitlab: FakeGitLab;
    const env = (): Record<string, string> => ({
      GITLAB_CI: "true",
      CI_API_V4_URL: gitlab.url,
      CI_PROJECT_ID: "9",
      CI_MERGE_REQUEST_IID: "3",
      CI_JOB_URL: "https://gitlab.example/jobs/1",
      GITLAB_TOKEN: "gitlab-t0ken",
    });

    beforeEach(async () => {
      gitlab = await FakeGitLab.start();
    });

    afterEach(async () => {
      await gitlab.close();
    });

    test("preview posts one note, and updates it on the next run", async () => {
      pipeline = await Pipeline.fake(resources, 0);
      for (const _ of [1, 2]) expect(await pipeline.run("preview", env())).toMatchObject({ code: 0 });
      expect(gitlab.notes).toHaveLength(1);
      expect(gitlab.notes[0]?.body).toContain("1 to create, 2 to update, 4 unchanged");
      expect(gitlab.requests.filter((request) => !request.startsWith("GET"))).toEqual([
        "POST /projects/9/merge_requests/3/notes",
        "PUT /projects/9/merge_requests/3/notes/500",
      ]);
    });

    test("drift opens one issue, and closes it when there is no drift", async () => {
      pipeline = await Pipeline.fake(
        ['Invitation "x": expires changed outside Pulumi, last by ann on 2026-11-23T02:01:21Z'],
        7,
      );
      for (const _ of [1, 2]) expect(await pipeline.run("drift", env())).toMatchObject({ code: 7 });
      expect(gitlab.issues).toMatchObject([{ title: "Drift detected in stack staff", state: "opened" }]);
      expect(gitlab.issues[0]?.description).toContain("last by ann");
      await pipeline.remove();
      pipeline = await Pipeline.fake(resources, 0);
      expect(await pipeline.run("drift", env())).toMatchObject({ code: 0 });
      expect(gitlab.issues).toMatchObject([{ state: "closed" }]);
    });

    test("fails if GitLab rejects the token, without printing it", async () => {
      pipeline = await Pipeline.fake(resources, 0);
      const { code, log } = await pipeline.run("preview", { ...env(), GITLAB_TOKEN: "wr0ng-token" });
      expect([code, log]).toEqual([1, expect.stringContaining("GET /api/v4/user failed with status 404.")]);
      expect(log).not.toContain("wr0ng-token");
    });
  });
});
