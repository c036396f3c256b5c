import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { canary } from "../secrecy/canary";
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

  test("redacts each secret part of each variable, in any encoding, and nothing else", async () => {
    const password = `p@ss w/rd"ü+${canary()}`;
    const key = "0123456789abcdef+/==";
    const variables = {
      PULUMI_BACKEND_URL: `postgres://pulumi:${encodeURIComponent(password)}@db.example.com/state?sslpassword=other-p4ss`,
      MIRROR: "https://git-t0ken@git.example.com/repository",
      BLOB: `AccountName=team;AccountKey=${key};EndpointSuffix=example.com`,
      GOOGLE_CREDENTIALS: JSON.stringify({ type: "sa", private_key: "-----BEGIN\nfirst-line\nsecond-line\n" }),
    };
    const encodings = [password, encodeURIComponent(password), encodeURIComponent(password).toLowerCase()];
    encodings.push(encodeURIComponent(password).replaceAll("%20", "+"), JSON.stringify(password).slice(1, -1));
    encodings.push(new URLSearchParams({ p: password }).toString().slice(2), "other-p4ss", "git-t0ken", "second-line");
    encodings.push(key, encodeURIComponent(key), Buffer.from(password).toString("base64"));
    const basic = ["u", "us", "user"].map((user) => Buffer.from(`${user}:${password}@`).toString("base64"));
    pipeline = await Pipeline.fake(
      [
        ...encodings.map((text) => `(${text})`),
        ...basic,
        "postgres://db:a@other.example.com",
        "team AccountName sa db.example.com",
      ],
      0,
    );
    const { log } = await pipeline.run("preview", variables);
    const lines = log.trimEnd().split("\n");
    expect(lines.slice(0, encodings.length)).toEqual(encodings.map(() => "([redacted])"));
    for (const line of lines.slice(encodings.length, -2)) expect(line).toMatch(/^.{2,8}\[redacted\].{0,4}$/);
    expect(lines.slice(-2)).toEqual([
      "postgres://db:[redacted]@other.example.com",
      "team AccountName sa db.example.com",
    ]);
    expect((await pipeline.posts())[0]?.body).toContain(lines.join("\n"));
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
      ["drift", { AUDIT: "no" }, "AUDIT must be true or false."],
      [
        "drift",
        { AUDIT_STACKS: "prod --delete;id" },
        "AUDIT_STACKS must be stack names separated by spaces, each of which matches /^[A-Za-z0-9_.-]+(\\/[A-Za-z0-9_.-]+){0,2}$/.",
      ],
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

  describe("recover", () => {
    const stateWith = (...types: string[]): string => {
      const operations = types.map((type) => ({ type: "creating", resource: { urn: "urn", type } }));
      return JSON.stringify({ version: 3, deployment: { pending_operations: operations } });
    };
    const ours = stateWith("random:index/randomId:RandomId", "pulumi-nodejs:dynamic/authentik:Invitation");
    const commands = async (): Promise<string[]> =>
      (await pipeline.runs()).map(({ program, args }) => [program, ...args.slice(0, 3)].join(" "));

    test("up recovers pending operations of the package first, with the write token, and logs the output sanitized", async () => {
      pipeline = await Pipeline.fake(resources, 0);
      await pipeline.writeFile("state", ours);
      await pipeline.npx({ code: 0, stdout: "::add-mask::x\nwriter-t0ken \u001b[31mrecovered\n" });
      const { code, log } = await pipeline.run("up", {
        AUTHENTIK_TOKEN: "writer-t0ken",
        AUTHENTIK_READ_TOKEN: "reader-t0ken",
        GITHUB_ACTIONS: "true",
      });
      expect(code).toBe(0);
      const runs = await pipeline.runs();
      expect(runs.map(({ program, args }) => [program, ...args].join(" "))).toEqual([
        "pulumi stack export --stack staff --non-interactive",
        "npx --no-install pulumi-authentik-invitations recover --yes --stack staff",
        "pulumi up --yes --diff --stack staff --suppress-progress --non-interactive --color never",
      ]);
      for (const { env } of runs) {
        expect(env).toMatchObject({ AUTHENTIK_TOKEN: "writer-t0ken" });
        expect(env).not.toHaveProperty("GH_TOKEN");
      }
      expect(log).toMatch(/\n::stop-commands::(\S+)\n::add-mask::x\n\[redacted\] recovered\n::\1::\n/);
      // The state is not printed.
      expect(log).not.toContain("pending_operations");
    });

    test.each([
      ["no pending operations", stateWith()],
      ["pending operations of other packages", stateWith("random:index/randomId:RandomId", "")],
      ["a state that is not JSON", "error: no such stack"],
      ["a state of an unknown shape", '{"deployment":{"pending_operations":[null,1,{}]}}'],
      ["a state that cannot be exported", undefined],
    ])("up runs without recover after %s", async (_, state) => {
      pipeline = await Pipeline.fake(resources, 4);
      if (state !== undefined) await pipeline.writeFile("state", state);
      expect((await pipeline.run("up")).code).toBe(4);
      expect(await commands()).toEqual(["pulumi stack export --stack", "pulumi up --yes --diff"]);
    });

    test("up is not run if recover fails, and the script exits with its code", async () => {
      pipeline = await Pipeline.fake(resources, 0);
      await pipeline.writeFile("state", ours);
      await pipeline.npx({ code: 3, stderr: 'Invitation "jane": unclear\n' });
      const { code, log } = await pipeline.run("up");
      expect(code).toBe(3);
      expect(log).toContain('Invitation "jane": unclear\n');
      expect(log).toContain("recover failed with exit code 3: its output says why.");
      expect(log).toContain("`pulumi up` was not run, because it could create again");
      await pipeline.npx({ code: 1, stderr: 'npm error npx canceled due to missing packages: ["x@1"]\n' });
      expect(await pipeline.run("up")).toMatchObject({
        code: 1,
        log: expect.stringContaining("the command pulumi-authentik-invitations is not installed"),
      });
      expect((await commands()).filter((command) => command.startsWith("pulumi up"))).toEqual([]);
    });
  });

  describe("audit", () => {
    const row = {
      id: "7ab4bb3303d2b368",
      name: "contractor",
      flow: null,
      expires: "2027-01-31T23:59:59Z",
      singleUse: true,
      createdBy: "akadmin",
      created: "2026-11-24T19:57:27Z",
      stack: null,
      isPending: false,
    };
    const found = (...rows: object[]): { code: number; stdout: string } => ({ code: 7, stdout: JSON.stringify(rows) });
    const drift = ['Invitation "x": expires changed outside Pulumi, last by ann on 2026-11-23T02:01:21Z'];

    test("drift lists undeclared invitations in an issue, and closes it when there are none", async () => {
      pipeline = await Pipeline.fake(resources, 0);
      await pipeline.npx(found(row, { ...row, name: "jane", stack: "team/staff", isPending: true }));
      const secrets = { AUTHENTIK_TOKEN: "writer-t0ken", AUTHENTIK_READ_TOKEN: "reader-t0ken" };
      const { code, log } = await pipeline.run("drift", { ...secrets, AUDIT_STACKS: " dev  team/prod " });
      expect(code).toBe(7);
      const audit = (await pipeline.runs()).at(-1);
      expect([audit?.program, ...(audit?.args ?? [])].join(" ")).toBe(
        "npx --no-install pulumi-authentik-invitations audit --json --stack staff --stack dev --stack team/prod",
      );
      expect(audit?.env).toMatchObject({ AUTHENTIK_TOKEN: "reader-t0ken" });
      expect(audit?.env).not.toHaveProperty("GH_TOKEN");
      const table = [
        "ID                NAME        FLOW  EXPIRES               CREATED BY  CREATED               STACK",
        "7ab4bb3303d2b368  contractor  any   2027-01-31T23:59:59Z  akadmin     2026-11-24T19:57:27Z",
        "7ab4bb3303d2b368  jane        any   2027-01-31T23:59:59Z  akadmin     2026-11-24T19:57:27Z  team/staff (interrupted, run recover)",
      ].join("\n");
      expect(log).toContain(`\n${table}\n`);
      const [issue] = await pipeline.posts();
      expect(issue).toMatchObject({ title: "Undeclared invitations for stack staff", open: true });
      expect(issue?.body).toContain(`\n\`\`\`\n${table}\n\`\`\`\n`);
      await pipeline.npx({ code: 0, stdout: "[]" });
      expect((await pipeline.run("drift")).code).toBe(0);
      expect(await pipeline.posts()).toMatchObject([
        { open: false, comments: [expect.stringContaining("No drift and no undeclared invitations found.")] },
      ]);
    });

    test("the title of the issue says which of both was found", async () => {
      pipeline = await Pipeline.fake(drift, 7);
      expect((await pipeline.run("drift")).code).toBe(7);
      await pipeline.npx(found(row));
      expect((await pipeline.run("drift")).code).toBe(7);
      const [issue] = await pipeline.posts();
      expect(issue?.title).toBe("Drift detected in stack staff, and undeclared invitations");
      expect(issue?.body).toContain("last by ann");
      expect(issue?.body).toContain("contractor");
      const writes = (await pipeline.calls()).filter(({ input }) => input !== "");
      expect(writes.map(({ input }) => (JSON.parse(input) as { title: string }).title)).toEqual([
        "Drift detected in stack staff",
        issue?.title,
      ]);
    });

    test("hostile names stay inside the code block, on one line, without secrets", async () => {
      pipeline = await Pipeline.fake(resources, 0);
      const name = "a\n```\n</details> @everyone ````` \u202e\u001b[31m itoken=6184365b-70c4 a passphrase for tests";
      await pipeline.npx(found({ ...row, name }, { ...row, name: "x".repeat(5_000) }));
      expect((await pipeline.run("drift")).code).toBe(7);
      const body = (await pipeline.posts())[0]?.body ?? "";
      expect(body.match(/^`+$/gm)).toEqual(["``````", "``````", "```", "```"]);
      expect(body).toContain("a```</details> @everyone `````  itoken=[redacted] [redacted]");
      expect(body).not.toContain("\n</details> @everyone");
      expect(body).not.toContain("x".repeat(101));
    });

    test.each([
      ["an error", { code: 1, stderr: "Permission denied\n" }, "audit failed with exit code 1. See the log."],
      ["invalid usage", { code: 2, stderr: "Unknown command audit\n" }, "audit failed with exit code 2. See the log."],
      ["output that is not JSON", { code: 7, stdout: "[" }, "audit failed with exit code 7. See the log."],
      ["exit code 7 without invitations", found(), "audit failed with exit code 7. See the log."],
      [
        "a missing command",
        { code: 1, stderr: "npm error npx canceled due to missing packages\n" },
        "The command pulumi-authentik-invitations is not installed.",
      ],
    ])("drift exits with 1 after %s, and leaves the issue open", async (_, result, reason) => {
      pipeline = await Pipeline.fake(resources, 0);
      await pipeline.npx(found(row));
      expect((await pipeline.run("drift")).code).toBe(7);
      const posts = await pipeline.posts();
      await pipeline.npx(result);
      const { code, log } = await pipeline.run("drift");
      expect([code, log]).toEqual([
        1,
        expect.stringContaining(`Could not check for undeclared invitations. ${reason}`),
      ]);
      if ("stderr" in result) expect(log).toContain(result.stderr);
      expect(await pipeline.posts()).toEqual(posts);
    });

    test("drift that was found is reported even if the audit fails", async () => {
      pipeline = await Pipeline.fake(drift, 7);
      await pipeline.npx({ code: 1 });
      expect((await pipeline.run("drift")).code).toBe(1);
      const [issue] = await pipeline.posts();
      expect(issue?.title).toBe("Drift detected in stack staff");
      expect(issue?.body).toContain("Could not check for undeclared invitations.");
    });

    test("is skipped with AUDIT=false, and if the preview failed", async () => {
      pipeline = await Pipeline.fake(resources, 0);
      expect((await pipeline.run("drift", { AUDIT: "false" })).code).toBe(0);
      await pipeline.remove();
      pipeline = await Pipeline.fake(["error: authentik"], 255);
      expect((await pipeline.run("drift")).code).toBe(255);
      expect((await pipeline.runs()).map(({ program }) => program)).toEqual(["pulumi"]);
      expect(await pipeline.calls()).toEqual([]);
    });
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
