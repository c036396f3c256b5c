import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { kit } from "./kit";
import { FakeGitLab, Pipeline } from "./pipeline";

jest.setTimeout(60_000);

test("the script's types check", () => {
  const options = "--ignoreConfig --allowJs --checkJs --noEmit --strict --skipLibCheck --types node";
  const language = "--target es2023 --module nodenext";
  const args = [require.resolve("typescript/bin/tsc"), ...`${options} ${language}`.split(" ")];
  const script = join(kit, "ci", "pulumi-gitops.mjs");
  const { status, stdout } = spawnSync(process.execPath, [...args, script], { encoding: "utf8" });
  expect([status, stdout]).toEqual([0, ""]);
});

const resources = ["Resources:", "    + 1 to create", "    ~ 2 to update", "    3 changes. 4 unchanged"];

describe("the script of the pipelines, with a Pulumi that prints what a test says", () => {
  let pipeline: Pipeline;

  afterEach(async () => {
    await pipeline.remove();
  });

  test("a preview is one comment, written over the next time; another's comment is left alone", async () => {
    pipeline = await Pipeline.fake(["Previewing update (staff):", ...resources], 0);
    const stranger = {
      kind: "comment",
      number: 1,
      bot: false,
      open: true,
      comments: [],
      body: "<!-- pulumi-preview: staff -->",
    };
    await pipeline.write("posts.json", JSON.stringify([stranger]));
    for (const _ of [1, 2]) expect((await pipeline.run("preview")).code).toBe(0);
    const [first, ...posts] = await pipeline.posts();
    expect(first).toEqual(stranger);
    expect(posts).toHaveLength(1);
    expect(posts[0]?.body.split("\n")).toEqual([
      "<!-- pulumi-preview: staff -->",
      "",
      "### Pulumi would do in `staff`: 1 to create, 2 to update, 4 unchanged",
      "",
      "[Run](https://github.example/team/invitations/actions/runs/4711) of 0a1b2c3d",
      "",
      "<details><summary>Output</summary>",
      "",
      "```text",
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

  test("a preview that fails is told as such, and fails the run", async () => {
    pipeline = await Pipeline.fake(["error: flow: no such flow"], 255);
    expect((await pipeline.run("preview")).code).toBe(255);
    const [post] = await pipeline.posts();
    expect(post?.body).toContain("### Pulumi's preview of `staff` failed (exit code 255)");
    expect(post?.body).toContain("error: flow: no such flow");
  });

  test("output that is too long loses its middle; fences, escapes and runner commands in it do no harm", async () => {
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
    expect(body).toContain("\n``````text\nred gnp.exe\n`````\n</details> @everyone\n");
    expect(body.match(/^`{6,}.*$/gm)).toEqual(["``````text", "``````"]);
    expect(body).toMatch(/\n\[… \d+ lines are left out; the log has them …\]\n/);
    expect(body).toContain("    3 changes. 4 unchanged\n``````\n\n</details>");
    const token = /^::stop-commands::(\S+)\n/.exec(log)?.[1] ?? "";
    expect(token).toMatch(/^[0-9a-f-]{36}$/);
    expect(log.endsWith(`::${token}::\n`)).toBe(true);
    expect(log).toContain("line 3000 ");
  });

  test("secrets and links are hidden, should a program print them; Pulumi gets no token that can comment", async () => {
    const secrets = { AUTHENTIK_TOKEN: "writer-t0ken", AUTHENTIK_READ_TOKEN: "reader-t0ken" };
    const said = Object.values(secrets).join(" and ");
    const link = "https://auth.example/if/flow/x/?itoken=6184365b-70c4-4848-be37-5086db15eb52";
    pipeline = await Pipeline.fake([`a ${said} b a passphrase for tests c ${link} d gh-t0ken-of-the-run`], 0);
    const { log } = await pipeline.run("preview", secrets);
    const hidden = "a [hidden] and [hidden] b [hidden] c https://auth.example/if/flow/x/?itoken=[hidden] d [hidden]";
    expect(log).toBe(`${hidden}\n`);
    expect((await pipeline.posts())[0]?.body).toContain(`\n${hidden}\n`);
    const reading = JSON.parse(await pipeline.text("pulumi.json")) as { env: Record<string, string> };
    expect(reading.env).toMatchObject({ AUTHENTIK_TOKEN: "reader-t0ken" });
    expect(reading.env).not.toHaveProperty("GH_TOKEN");
    await pipeline.run("up", secrets);
    const writing = JSON.parse(await pipeline.text("pulumi.json")) as { env: Record<string, string> };
    expect(writing.env).toMatchObject({ AUTHENTIK_TOKEN: "writer-t0ken" });
  });

  test("up refreshes only where that was asked for, and comments nothing", async () => {
    pipeline = await Pipeline.fake(resources, 3);
    const common = ["--stack", "staff", "--suppress-progress", "--non-interactive", "--color", "never"];
    for (const [REFRESH, more] of [
      ["", []],
      ["true", ["--refresh"]],
      ["; echo", []],
    ] as const) {
      expect((await pipeline.run("up", { REFRESH })).code).toBe(3);
      const { args } = JSON.parse(await pipeline.text("pulumi.json")) as { args: string[] };
      expect(args).toEqual(["up", "--yes", "--diff", ...more, ...common]);
    }
    expect(await pipeline.calls()).toEqual([]);
  });

  test("drift that nobody could be told of is a failure", async () => {
    pipeline = await Pipeline.fake(['Invitation "x": expires changed outside Pulumi'], 7);
    await pipeline.write("broken", "");
    const { code, log } = await pipeline.run("drift");
    expect([code, log]).toEqual([1, expect.stringContaining("HTTP 403: Resource not accessible by integration")]);
  });

  test("what is not set up is told before Pulumi runs", async () => {
    pipeline = await Pipeline.fake(resources, 0);
    const faults = [
      [{ PULUMI_STACK: "$(id)" }, "PULUMI_STACK must name a stack."],
      [{ GITHUB_REPOSITORY: "" }, "GITHUB_REPOSITORY is not set."],
      [
        { GITLAB_CI: "true", CI_API_V4_URL: "https://gitlab.example/api/v4", CI_PROJECT_ID: "9" },
        "GITLAB_TOKEN is not set.",
      ],
    ] as const;
    for (const [env, message] of faults) {
      expect(await pipeline.run("drift", { ...env })).toEqual({ code: 1, log: `${message}\n` });
    }
    expect(await pipeline.run("destroy")).toEqual({ code: 1, log: "Give one of preview, up and drift.\n" });
    expect(await pipeline.text("pulumi.json")).toBe("");
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

    test("a preview is one note", async () => {
      pipeline = await Pipeline.fake(resources, 0);
      for (const _ of [1, 2]) expect(await pipeline.run("preview", env())).toMatchObject({ code: 0 });
      expect(gitlab.notes).toHaveLength(1);
      expect(gitlab.notes[0]?.body).toContain("1 to create, 2 to update, 4 unchanged");
      expect(gitlab.requests.filter((request) => !request.startsWith("GET"))).toEqual([
        "POST /projects/9/merge_requests/3/notes",
        "PUT /projects/9/merge_requests/3/notes/500",
      ]);
    });

    test("drift is one issue, closed by a run without", async () => {
      pipeline = await Pipeline.fake(
        ['Invitation "x": expires changed outside Pulumi, last by ann on 2026-11-23T02:01:21Z'],
        7,
      );
      for (const _ of [1, 2]) expect(await pipeline.run("drift", env())).toMatchObject({ code: 7 });
      expect(gitlab.issues).toMatchObject([{ title: "authentik differs from the code in staff", state: "opened" }]);
      expect(gitlab.issues[0]?.description).toContain("last by ann");
      await pipeline.remove();
      pipeline = await Pipeline.fake(resources, 0);
      expect(await pipeline.run("drift", env())).toMatchObject({ code: 0 });
      expect(gitlab.issues).toMatchObject([{ state: "closed" }]);
    });

    test("a token that GitLab does not take fails the run, and does not show", async () => {
      pipeline = await Pipeline.fake(resources, 0);
      const { code, log } = await pipeline.run("preview", { ...env(), GITLAB_TOKEN: "wr0ng-token" });
      expect([code, log]).toEqual([1, expect.stringContaining("GET /api/v4/user answered 404.")]);
      expect(log).not.toContain("wr0ng-token");
    });
  });
});
