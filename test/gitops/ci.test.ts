import { join } from "node:path";
import { canary } from "../secrecy/canary";
import { FakeGitHub, type Post } from "./fake-github";
import { FakeGitLab, gitlabToken } from "./fake-gitlab";
import { Pipeline, step } from "./pipeline";

jest.setTimeout(60_000);

const resources = ["intake-2027 (200 invitations): 3 to create, 2 to delete"];
const summary = "1 invitation to create, 2 to update, 4 unchanged";

describe("ci, with a fake Pulumi", () => {
  let pipeline: Pipeline;

  afterEach(async () => {
    await pipeline.remove();
  });

  test("preview posts one comment, updates it on the next run, and leaves comments of others unchanged", async () => {
    pipeline = await Pipeline.fake(resources, 0);
    const commentOfAnotherUser: Post = {
      kind: "comment",
      number: 1,
      user: { type: "User" },
      state: "open",
      comments: [],
      body: "<!-- pulumi-preview: staff -->",
    };
    pipeline.github.posts.push(commentOfAnotherUser);
    for (const _ of [1, 2]) expect((await pipeline.run("preview")).code).toBe(0);
    const [first, ...posts] = pipeline.github.posts;
    expect(first).toEqual(commentOfAnotherUser);
    expect(posts).toHaveLength(1);
    expect(posts[0]?.body.split("\n")).toEqual([
      "<!-- pulumi-preview: staff -->",
      "",
      "### Pulumi preview for `staff`",
      "",
      "**1 invitation to create, 2 to update, 3 of 200 entries of `intake-2027` to create, 2 to delete**, 4 unchanged",
      "",
      "> [!WARNING]",
      "> - **2 links stop working:** `intake-2027` (2)",
      "",
      "| | resource | changes |",
      "| :-- | :-- | :-- |",
      "| 🟢 create | `jane`<br>Invitation |  |",
      '| 🟡 update | `bob`<br>Invitation | `name`: `"bob"` → `"bob"` |',
      '| 🟡 update | `eve`<br>Invitation | `name`: `"eve"` → `"eve"` |',
      "",
      "[Pipeline run](https://github.example/team/invitations/actions/runs/4711) for commit 0a1b2c3d",
      "",
      "<details><summary>Diff</summary>",
      "",
      "```diff",
      '+ Invitation "jane" (create)',
      '! Invitation "bob" (update)',
      '-   name: "bob"',
      '+   name: "bob"',
      '! Invitation "eve" (update)',
      '-   name: "eve"',
      '+   name: "eve"',
      "```",
      "",
      "</details>",
      "",
      "<details><summary>Messages</summary>",
      "",
      "```",
      ...resources,
      "```",
      "",
      "</details>",
    ]);
    expect(pipeline.github.writes.map(({ endpoint }) => endpoint)).toEqual([
      "POST /repos/team/invitations/issues/7/comments",
      "PATCH /repos/team/invitations/issues/comments/101",
    ]);
  });

  test("the comment says which links stop working, what is emailed, and what expires late", async () => {
    const input = (kind: string) => ({ kind, inputDiff: true });
    const inOneYear = new Date(Date.now() + 365 * 24 * 60 * 60 * 1000).toISOString();
    const pending = { custom: true, inputs: { expires: "2035-01-01T00:00:00Z" }, outputs: { status: "pending" } };
    const used = { ...pending, outputs: { status: "used" } };
    const email = { to: ["jane@example.com", "ann@example.com"] };
    const entries = (...keys: string[]) => Object.fromEntries(keys.map((key) => [key, {}]));
    pipeline = await Pipeline.fake(
      [
        "intake-2027 (1,203 invitations): 1,200 to create, 2 to reissue, 1 to delete, 1,202 to email",
        "jane (2 invitations): is no batch",
      ],
      0,
      [
        step("create", "jane", {
          oldState: undefined,
          newState: { inputs: { name: "jane", expires: inOneYear, email } },
        }),
        step("create", "soon", { oldState: undefined, newState: { inputs: { validFor: "14d", fixedData: {} } } }),
        step("replace", "bob", {
          oldState: pending,
          newState: { ...pending, inputs: { validFor: "14d", name: "[secret]", keepers: { "cost center": 2 } } },
          detailedDiff: {
            'keepers["cost center"]': input("add-replace"),
            name: input("update"),
            __origin: input("update"),
          },
        }),
        step("delete", "old", { oldState: pending, newState: undefined }),
        step("delete", "used", { oldState: used, newState: undefined }),
        step("update", "mail", {
          oldState: { inputs: { email: { to: ["ann@example.com"] } } },
          newState: { inputs: { email } },
          detailedDiff: { "email.to[1]": input("add") },
        }),
        step("update", "hidden", {
          newState: { inputs: { email: { to: "[secret]" } } },
          diffReasons: ["email"],
        }),
        step(
          "update",
          "intake",
          {
            oldState: { inputs: { validFor: "1y", invitations: entries("a", "b") } },
            newState: { inputs: { validFor: "1y", invitations: entries("b", "c") } },
            detailedDiff: { "invitations.a": input("delete"), "invitations.c": input("add") },
          },
          "InvitationBatch",
        ),
        step("update", "b | c ```` @everyone", { detailedDiff: { "fixedData.x": { kind: "update" } } }, "Flow"),
        { op: "refresh", urn: "urn:pulumi:staff::team::pulumi-nodejs:dynamic/authentik:Invitation::jane" },
      ],
    );
    expect((await pipeline.run("preview")).code).toBe(0);
    const body = pipeline.github.posts[0]?.body ?? "";
    expect(body.slice(body.indexOf("**"), body.indexOf("[Pipeline run]")).trimEnd().split("\n")).toEqual([
      "**2 invitations to create, 2 to update, 1 to replace, 2 to delete, 1 batch to update, 1 flow to update, " +
        "1,200 of 1,203 entries of `intake-2027` to create, 2 to reissue, 1 to delete, 1,202 to email**, 4 unchanged",
      "",
      "> [!WARNING]",
      "> - **5 links stop working:** `bob`, `old`, `intake-2027` (3)",
      "> - **Emails will be sent:** `jane` (2), `mail`, `hidden`, `intake-2027` (1,202)",
      "> - **3 invitations expire in more than 90 days:** `jane`, `intake` (2)",
      "",
      "| | resource | changes |",
      "| :-- | :-- | :-- |",
      `| 🟢 create | \`jane\`<br>Invitation | \`expires\`: \`"${inOneYear}"\`<br>\`email.to\`: \`["jane@example.com","ann@example.com"]\` |`,
      '| 🟢 create | `soon`<br>Invitation | `validFor`: `"14d"` |',
      '| 🟡 update | `hidden`<br>Invitation | `email`: `(unknown)` → `{"to":"[secret]"}` |',
      "| 🟡 update | `intake`<br>InvitationBatch | `invitations`: 2 entries |",
      '| 🟡 update | `mail`<br>Invitation | `email.to[1]`: `"ann@example.com"` |',
      "| 🟡 update | ````` b \\| c ```` @everyone `````<br>Flow | `fixedData.x`: `(unknown)` → `(unknown)` |",
      '| 🟠 replace | `bob`<br>Invitation | `keepers["cost center"]`: `2`<br>`name`: `(unknown)` → `[secret]` |',
      "| 🔴 delete | `old`<br>Invitation | pending: its link stops working |",
      "| 🔴 delete | `used`<br>Invitation | used or expired |",
    ]);
  });

  test("the comment and the issue name what was changed outside Pulumi, and who did it", async () => {
    const on = "on 2026-11-23T02:01:21Z";
    const warnings = [
      `Invitation "jane": expires, singleUse changed outside Pulumi, last by ann ${on}`,
      `warning: Invitation "jane": expires, singleUse changed outside Pulumi, last by ann ${on}`,
      'Flow "staff": title changed outside Pulumi',
      `Invitation "a \`b\`": deleted by eve | @all ${on}`,
      `Invitation "x": its flow was removed (the flow was deleted by ann ${on}). Until \`pulumi up\` restores it, any flow accepts it.`,
      `Invitation "y": deleted by an earlier run of this stack, by pulumi ${on}`,
      "warning: using pulumi-resource-authentik-invitations from $PATH at /home/runner/node_modules/.bin/x",
    ];
    const items = [
      "- **Changed outside Pulumi:** `expires`, `singleUse` of `jane`, last by `ann` on 2026-11-23 at 02:01 UTC",
      "- **Changed outside Pulumi:** `title` of `staff`",
      "- **Deleted outside Pulumi:** `` a `b` ``, by `eve | @all` on 2026-11-23 at 02:01 UTC",
      `- **Changed outside Pulumi:** \`\` ${warnings[4]} \`\``,
      "- **Deleted outside Pulumi:** `y`, by an earlier run of this stack, by `pulumi` on 2026-11-23 at 02:01 UTC",
    ];
    pipeline = await Pipeline.fake(warnings, 0);
    expect((await pipeline.run("preview", { REFRESH: "true" })).code).toBe(0);
    expect((await pipeline.lastRun())?.args.slice(0, 3)).toEqual(["preview", "--refresh", "--json"]);
    const [comment] = pipeline.github.posts;
    expect(comment?.body).toContain(["> [!WARNING]", ...items.map((item) => `> ${item}`), ""].join("\n"));
    expect(comment?.body).not.toContain("$PATH");
    await pipeline.remove();
    pipeline = await Pipeline.fake(warnings, 7);
    expect((await pipeline.run("drift")).code).toBe(7);
    expect(pipeline.github.posts[0]?.body).toContain(`\n\n${items.join("\n")}\n\n`);
  });

  test("preview reports a failure and exits with its code", async () => {
    pipeline = await Pipeline.fake(["error: flow: no such flow"], 255);
    expect((await pipeline.run("preview")).code).toBe(255);
    const [post] = pipeline.github.posts;
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
    pipeline = await Pipeline.fake([...hostile, ...many], 255);
    const { log } = await pipeline.run("preview", { GITHUB_ACTIONS: "true" });
    const body = pipeline.github.posts[0]?.body ?? "";
    expect(Buffer.byteLength(body)).toBeLessThan(60_000);
    expect(Buffer.byteLength(body)).toBeGreaterThan(50_000);
    expect(body).toContain("\n``````\nred gnp.exe\n`````\n</details> @everyone\n");
    expect(body.match(/^`{6,}.*$/gm)).toEqual(["``````", "``````"]);
    expect(body).toMatch(/\n\[… \d+ lines omitted, see the log …\]\n/);
    expect(body).toContain('\n+   name: "eve"\n``````\n\n</details>');
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
    const lines = log.split("\n+ Invitation")[0]?.split("\n") ?? [];
    expect(lines.slice(0, encodings.length)).toEqual(encodings.map(() => "([redacted])"));
    for (const line of lines.slice(encodings.length, -2)) expect(line).toMatch(/^.{2,8}\[redacted\].{0,4}$/);
    expect(lines.slice(-2)).toEqual([
      "postgres://db:[redacted]@other.example.com",
      "team AccountName sa db.example.com",
    ]);
    expect(pipeline.github.posts[0]?.body).toContain(lines.join("\n"));
  });

  test("redacts secrets and links that a program prints, and hides the token that writes comments from Pulumi", async () => {
    const secrets = { AUTHENTIK_TOKEN: "writer-t0ken", AUTHENTIK_READ_TOKEN: "reader-t0ken" };
    const tokens = Object.values(secrets).join(" and ");
    const link = "https://auth.example/if/flow/x/?itoken=6184365b-70c4-4848-be37-5086db15eb52";
    pipeline = await Pipeline.fake([`a ${tokens} b a passphrase for tests c ${link} d gh-t0ken-of-the-run`], 0);
    const { log } = await pipeline.run("preview", secrets);
    const redacted =
      "a [redacted] and [redacted] b [redacted] c https://auth.example/if/flow/x/?itoken=[redacted] d [redacted]";
    expect(log.split("\n")[0]).toBe(redacted);
    expect(pipeline.github.posts[0]?.body).toContain(`\n${redacted}\n`);
    const previewEnv = (await pipeline.lastRun())?.env;
    expect(previewEnv).toMatchObject({ AUTHENTIK_TOKEN: "reader-t0ken" });
    expect(previewEnv).not.toHaveProperty("GITHUB_TOKEN");
    await pipeline.run("up", secrets);
    expect((await pipeline.lastRun())?.env).toMatchObject({ AUTHENTIK_TOKEN: "writer-t0ken" });
  });

  test("up refreshes only if REFRESH is true, and posts nothing", async () => {
    pipeline = await Pipeline.fake(resources, 3);
    const common = ["--stack", "staff", "--suppress-progress", "--non-interactive", "--color", "never"];
    for (const [REFRESH, more] of [
      ["", []],
      ["false", []],
      ["true", ["--refresh"]],
    ] as const) {
      expect((await pipeline.run("up", { REFRESH })).code).toBe(3);
      expect((await pipeline.lastRun())?.args).toEqual(["up", "--yes", "--diff", ...more, ...common]);
    }
    expect(pipeline.github.requests).toEqual([]);
  });

  test("drift exits with 1 if the issue cannot be written", async () => {
    pipeline = await Pipeline.fake(['Invitation "x": expires changed outside Pulumi'], 7);
    pipeline.github.status = 403;
    const { code, log } = await pipeline.run("drift");
    expect([code, log]).toEqual([
      1,
      expect.stringContaining(
        "GET /api/v3/repos/team/invitations/issues failed with status 403. Resource not accessible by integration\n",
      ),
    ]);
  });

  test("reports missing and invalid settings before Pulumi runs", async () => {
    pipeline = await Pipeline.fake(resources, 0);
    const gitlab = { GITLAB_CI: "true", CI_API_V4_URL: "https://gitlab.example/api/v4", CI_PROJECT_ID: "9" };
    const invalidSettings = [
      ["drift", { PULUMI_STACK: "$(id)" }, "PULUMI_STACK must match ^[A-Za-z0-9_.-]+(\\/[A-Za-z0-9_.-]+){0,2}$."],
      ["drift", { PULUMI_STACK: "" }, "PULUMI_STACK is not set."],
      ["drift", { GITHUB_REPOSITORY: "", GITHUB_ACTIONS: "true" }, "GITHUB_REPOSITORY is not set."],
      ["drift", gitlab, "GITLAB_TOKEN is not set."],
      ["drift", { AUDIT: "no" }, "AUDIT must be true or false."],
      ["up", { REFRESH: "yes" }, "REFRESH must be true or false."],
      ["up", { STRICT_STATE: "1" }, "STRICT_STATE must be true or false."],
      ["drift", { AUDIT_FLOW: "--delete staff" }, "AUDIT_FLOW must match ^[\\w-]+$."],
      [
        "drift",
        { AUDIT_STACKS: "prod --delete;id" },
        "AUDIT_STACKS must be stack names separated by spaces, each of which matches ^[A-Za-z0-9_.-]+(\\/[A-Za-z0-9_.-]+){0,2}$.",
      ],
      ["preview", { GITHUB_EVENT_PATH: "" }, "PULL_REQUEST is not set."],
      ["preview", { GITHUB_EVENT_PATH: "", PULL_REQUEST: "7/../8" }, "PULL_REQUEST must match ^\\d+$."],
      ["preview", { GITHUB_TOKEN: "" }, "GITHUB_TOKEN is not set."],
      ["up --stack $(id)", {}, "--stack must match ^[A-Za-z0-9_.-]+(\\/[A-Za-z0-9_.-]+){0,2}$."],
      ["preview", { ...gitlab, GITLAB_TOKEN: gitlabToken }, "CI_MERGE_REQUEST_IID is not set."],
    ] as const;
    for (const [command, env, message] of invalidSettings) {
      expect(await pipeline.run(command, { ...env })).toMatchObject({
        code: 2,
        log: expect.stringContaining(`pulumi-authentik-invitations: ${message}\n\nUsage: `),
      });
    }
    for (const command of ["destroy", "report", "report up", "preview drift"]) {
      expect(await pipeline.run(command)).toMatchObject({
        code: 2,
        log: expect.stringContaining("ci requires one of preview, up, drift, report preview and report drift"),
      });
    }
    expect(await pipeline.runs()).toEqual([]);
  });

  describe("in two jobs", () => {
    /** Of the job that runs the program: no token that can write comments. */
    const program = { GITHUB_TOKEN: "", REPORT_FILE: "report.json" };
    /** Of the job that reports: no other secret. */
    const report = { PULUMI_CONFIG_PASSPHRASE: "", REPORT_FILE: "report.json" };

    test("preview writes its result to a file, and report posts what preview alone would post", async () => {
      pipeline = await Pipeline.fake(["a passphrase for tests", "</details> @everyone", ...resources], 0);
      expect((await pipeline.run("preview", program)).code).toBe(0);
      expect(pipeline.github.requests).toEqual([]);
      expect(await pipeline.project.readFile("report.json")).not.toContain("a passphrase for tests");
      expect(await pipeline.run("report preview", report)).toMatchObject({ code: 0, log: "" });
      const [inTwoJobs] = pipeline.github.posts;
      expect(inTwoJobs?.body).toContain("\n[redacted]\n</details> @everyone\n");
      pipeline.github.posts.length = 0;
      expect((await pipeline.run("preview")).code).toBe(0);
      expect(pipeline.github.posts[0]?.body).toBe(inTwoJobs?.body);
    });

    test("the result of a preview does not close the drift issue, and drift is not posted as a preview", async () => {
      pipeline = await Pipeline.fake(resources, 0);
      for (const [written, read, message] of [
        ["preview", "drift", "REPORT_FILE has the result of preview, not of drift."],
        ["drift", "preview", "REPORT_FILE has the result of drift, not of preview."],
      ]) {
        await pipeline.run(`${written}`, program);
        const { code, log } = await pipeline.run(`report ${read}`, report);
        expect([code, log]).toEqual([1, `pulumi-authentik-invitations: ${message}\n`]);
      }
      expect(pipeline.github.requests).toEqual([]);
    });

    test("a failed preview is reported by a job that succeeds", async () => {
      pipeline = await Pipeline.fake(["error: flow: no such flow"], 255);
      expect((await pipeline.run("preview", program)).code).toBe(255);
      expect((await pipeline.run("report preview", report)).code).toBe(0);
      expect(pipeline.github.posts[0]?.body).toContain("failed with exit code 255");
    });

    test("drift and undeclared invitations are reported, and a failed audit", async () => {
      pipeline = await Pipeline.fake(['Invitation "x": expires changed outside Pulumi, last by ann'], 7);
      await pipeline.audit({ code: 1 });
      expect((await pipeline.run("drift", program)).code).toBe(1);
      expect(pipeline.github.requests).toEqual([]);
      expect((await pipeline.run("report drift", report)).code).toBe(0);
      const [issue] = pipeline.github.posts;
      expect(issue).toMatchObject({ title: "Drift detected in stack staff", state: "open" });
      expect(issue?.body).toContain("Could not check for undeclared invitations.");

      await pipeline.remove();
      pipeline = await Pipeline.fake(resources, 0);
      await pipeline.audit({ code: 7, stdout: '[{ "id": "7ab4bb3303d2b368", "name": "contractor" }]' });
      expect((await pipeline.run("drift", program)).code).toBe(7);
      expect((await pipeline.run("report drift", report)).code).toBe(0);
      expect(pipeline.github.posts[0]).toMatchObject({
        title: "Undeclared invitations for stack staff",
        body: expect.stringMatching(/^7ab4bb3303d2b368 {2}contractor/m),
      });
    });

    test("a file that the program has replaced cannot leave the code block", async () => {
      pipeline = await Pipeline.fake(resources, 0);
      const hostile = "a\n```\n</details> @everyone \u202e\u001b[31m?itoken=6184365b-70c4";
      const result = { code: 7, lines: [hostile, "Resources:", "    + 1 to @everyone"] };
      for (const audited of [{ table: [hostile] }, { table: [], unchecked: hostile }, { failure: hostile }]) {
        for (const kind of ["preview", "drift"]) {
          await pipeline.project.writeFile("report.json", JSON.stringify({ kind, result, audited }));
          expect(await pipeline.run(`report ${kind}`, report)).toMatchObject({ code: 0, log: "" });
        }
      }
      for (const { title = "", body } of pipeline.github.posts) {
        expect(`${title}${body.replaceAll(/^(`{3,})$.*?^\1$/gms, "")}`).not.toMatch(/everyone|itoken=6/);
        expect(body).toContain("a```</details> @everyone ?itoken=[redacted]");
      }
    });

    test.each([
      ["missing", undefined],
      ["empty", ""],
      ["not JSON", "a secret"],
      ["null", "null"],
      ["without a kind", '{"result":{"code":0,"lines":[]}}'],
      ["of another shape", '{"kind":"drift","result":{"code":"0","lines":[]}}'],
      ["without lines", '{"kind":"drift","result":{"code":0,"lines":[1]}}'],
      ["with another audit", '{"kind":"drift","result":{"code":0,"lines":[]},"audited":{}}'],
    ])("a file that is %s is an error", async (_, content) => {
      pipeline = await Pipeline.fake(resources, 0);
      if (content !== undefined) await pipeline.project.writeFile("report.json", content);
      const { code, log } = await pipeline.run("report drift", report);
      const message = content === undefined ? "ENOENT" : "REPORT_FILE was not written by this version of the command.";
      expect([code, log]).toEqual([1, expect.stringContaining(message)]);
      expect(log).not.toContain("a secret");
      expect(pipeline.github.posts).toEqual([]);
    });
  });

  describe("recover", () => {
    const commands = async (): Promise<string[]> =>
      (await pipeline.runs()).map(({ program, args }) => [program, ...args.slice(0, 3)].join(" "));

    test("up checks the state and recovers first, with the read token, and logs the output sanitized", async () => {
      pipeline = await Pipeline.fake(resources, 4);
      await pipeline.recover({ code: 0, stdout: "::add-mask::x\nwriter-t0ken \u001b[31mrecovered\n" });
      const { code, log } = await pipeline.run("up", {
        AUTHENTIK_TOKEN: "writer-t0ken",
        AUTHENTIK_READ_TOKEN: "reader-t0ken",
        GITHUB_ACTIONS: "true",
      });
      expect(code).toBe(4);
      const runs = await pipeline.runs();
      expect(runs.map(({ program, args }) => [program, ...args].join(" "))).toEqual([
        "command recover --yes --stack staff",
        "pulumi up --yes --diff --stack staff --suppress-progress --non-interactive --color never",
      ]);
      expect(runs.map(({ env }) => env["AUTHENTIK_TOKEN"])).toEqual(["reader-t0ken", "writer-t0ken"]);
      for (const { env } of runs) {
        for (const name of ["GITHUB_TOKEN", "AUTHENTIK_READ_TOKEN"]) expect(env).not.toHaveProperty(name);
      }
      expect(log).toMatch(/^::stop-commands::(\S+)\n::add-mask::x\n\[redacted\] recovered\n::\1::\n/);
    });

    test("drift checks the state first, and changes nothing", async () => {
      pipeline = await Pipeline.fake(resources, 0);
      expect((await pipeline.run("drift", { AUDIT: "false" })).code).toBe(0);
      const [check] = await pipeline.runs();
      expect([check?.program, ...(check?.args ?? [])].join(" ")).toBe("command recover --check --stack staff");
      expect(check?.env).not.toHaveProperty("GITHUB_TOKEN");
    });

    test.each([
      ["up", 1, 'Invitation "jane": unclear', "It could create again what an interrupted run created."],
      ["up", 3, "other source code", "It would have run code that someone has put into the state"],
      ["drift", 3, "other source code", "It would have run code that someone has put into the state"],
      ["drift", 1, "no stack named", "The output says why."],
    ])("%s does not run Pulumi if recover exits with %d: %s", async (command, code, stderr, reason) => {
      pipeline = await Pipeline.fake(resources, 0);
      await pipeline.recover({ code, stderr: `${stderr}\n` });
      const result = await pipeline.run(command);
      expect(result.code).toBe(code);
      expect(result.log).toContain(`${stderr}\n`);
      expect(result.log).toContain(`recover failed with exit code ${code}, so Pulumi was not run. ${reason}`);
      expect(await commands()).toEqual([expect.stringMatching(/^command recover/)]);
      expect(pipeline.github.requests).toEqual([]);
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
      await pipeline.audit(found(row, { ...row, name: "jane", stack: "team/staff", isPending: true }));
      const secrets = { AUTHENTIK_TOKEN: "writer-t0ken", AUTHENTIK_READ_TOKEN: "reader-t0ken" };
      const { code, log } = await pipeline.run("drift", { ...secrets, AUDIT_STACKS: " dev  team/prod " });
      expect(code).toBe(7);
      const audit = await pipeline.lastRun();
      expect([audit?.program, ...(audit?.args ?? [])].join(" ")).toBe(
        "command audit --json --stack staff --stack dev --stack team/prod",
      );
      expect(audit?.env).toMatchObject({ AUTHENTIK_TOKEN: "reader-t0ken" });
      expect(audit?.env).not.toHaveProperty("GITHUB_TOKEN");
      const table = [
        "ID                NAME        FLOW  EXPIRES               CREATED BY  CREATED               STACK",
        "7ab4bb3303d2b368  contractor  any   2027-01-31T23:59:59Z  akadmin     2026-11-24T19:57:27Z",
        "7ab4bb3303d2b368  jane        any   2027-01-31T23:59:59Z  akadmin     2026-11-24T19:57:27Z  team/staff (interrupted, run recover)",
      ].join("\n");
      expect(log).toContain(`\n${table}\n`);
      const [issue] = pipeline.github.posts;
      expect(issue).toMatchObject({ title: "Undeclared invitations for stack staff", state: "open" });
      expect(issue?.body).toContain(`\n\`\`\`\n${table}\n\`\`\`\n`);
      await pipeline.audit({ code: 0, stdout: "[]" });
      expect((await pipeline.run("drift")).code).toBe(0);
      expect(pipeline.github.posts).toMatchObject([
        { state: "closed", comments: [expect.stringContaining("No drift and no undeclared invitations found.")] },
      ]);
    });

    test("drift reports invitations that authentik cannot return", async () => {
      pipeline = await Pipeline.fake(resources, 0);
      const stderr = "Not checked. 1 invitation: authentik responds with 500 @everyone\n";
      await pipeline.audit({ code: 7, stdout: "[]", stderr });
      expect(await pipeline.run("drift")).toMatchObject({ code: 7, log: expect.stringContaining(stderr) });
      const [issue] = pipeline.github.posts;
      expect(issue).toMatchObject({ title: "Unreadable invitations for stack staff", state: "open" });
      expect(issue?.body).toContain(`\n\`\`\`\n${stderr}\`\`\`\n`);
      expect(issue?.body).not.toContain("no stack declares them");
      await pipeline.audit({ ...found(row), stderr });
      expect((await pipeline.run("drift")).code).toBe(7);
      expect(issue?.title).toBe("Undeclared invitations for stack staff");
      expect(issue?.body).toContain("contractor");
      expect(issue?.body).toContain(stderr);
    });

    test("drift limits undeclared invitations by flow and creator", async () => {
      pipeline = await Pipeline.fake(resources, 0);
      await pipeline.audit({ code: 0, stdout: "[]" });
      const auditOf = async (env: Record<string, string>) => {
        expect((await pipeline.run("drift", env)).code).toBe(0);
        return (await pipeline.lastRun())?.args;
      };
      expect(await auditOf({ AUDIT_FLOW: "staff-enrollment", AUDIT_CREATED_BY: "--delete me" })).toEqual(
        expect.arrayContaining(["--flow=staff-enrollment", "--created-by=--delete me"]),
      );
      expect((await auditOf({ AUDIT_FLOW: "", AUDIT_CREATED_BY: "" }))?.join(" ")).toMatch(
        /audit --json --stack staff$/,
      );
    });

    test("the title of the issue says which of both was found", async () => {
      pipeline = await Pipeline.fake(drift, 7);
      expect((await pipeline.run("drift")).code).toBe(7);
      await pipeline.audit(found(row));
      expect((await pipeline.run("drift")).code).toBe(7);
      const [issue] = pipeline.github.posts;
      expect(issue?.title).toBe("Drift detected in stack staff, and undeclared invitations");
      expect(issue?.body).toContain("last by ann");
      expect(issue?.body).toContain("contractor");
      expect(pipeline.github.writes.map(({ body }) => body["title"])).toEqual([
        "Drift detected in stack staff",
        issue?.title,
      ]);
    });

    test("hostile names stay inside the code block, on one line, without secrets", async () => {
      pipeline = await Pipeline.fake(resources, 0);
      const name = "a\n```\n</details> @everyone ````` \u202e\u001b[31m itoken=6184365b-70c4 a passphrase for tests";
      await pipeline.audit(found({ ...row, name }, { ...row, name: "x".repeat(5_000) }));
      expect((await pipeline.run("drift")).code).toBe(7);
      const body = pipeline.github.posts[0]?.body ?? "";
      expect(body.match(/^`+$/gm)).toEqual(["``````", "``````", "```", "```", "```"]);
      expect(body).toContain("a```</details> @everyone `````  itoken=[redacted] [redacted]");
      expect(body).not.toContain("\n</details> @everyone");
      expect(body).not.toContain("x".repeat(101));
    });

    test.each([
      ["an error", { code: 1, stderr: "Permission denied\n" }, "audit failed with exit code 1. See the log."],
      ["invalid usage", { code: 2, stderr: "Unknown command audit\n" }, "audit failed with exit code 2. See the log."],
      ["output that is not JSON", { code: 7, stdout: "[" }, "audit failed with exit code 7. See the log."],
      ["exit code 7 without invitations", found(), "audit failed with exit code 7. See the log."],
    ])("drift exits with 1 after %s, and leaves the issue open", async (_, result, reason) => {
      pipeline = await Pipeline.fake(resources, 0);
      await pipeline.audit(found(row));
      expect((await pipeline.run("drift")).code).toBe(7);
      const posts = structuredClone(pipeline.github.posts);
      await pipeline.audit(result);
      const { code, log } = await pipeline.run("drift");
      expect([code, log]).toEqual([
        1,
        expect.stringContaining(`Could not check for undeclared invitations. ${reason}`),
      ]);
      if ("stderr" in result) expect(log).toContain(result.stderr);
      expect(pipeline.github.posts).toEqual(posts);
    });

    test("drift that was found is reported even if the audit fails", async () => {
      pipeline = await Pipeline.fake(drift, 7);
      await pipeline.audit({ code: 1 });
      expect((await pipeline.run("drift")).code).toBe(1);
      const [issue] = pipeline.github.posts;
      expect(issue?.title).toBe("Drift detected in stack staff");
      expect(issue?.body).toContain("Could not check for undeclared invitations.");
    });

    test("is skipped with AUDIT=false, and if the preview failed", async () => {
      pipeline = await Pipeline.fake(resources, 0);
      expect((await pipeline.run("drift", { AUDIT: "false" })).code).toBe(0);
      await pipeline.remove();
      pipeline = await Pipeline.fake(["error: authentik"], 255);
      expect((await pipeline.run("drift")).code).toBe(255);
      expect((await pipeline.runs()).map(({ program }) => program)).toEqual(["command", "pulumi"]);
      expect(pipeline.github.requests).toEqual([]);
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
      GITLAB_TOKEN: gitlabToken,
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
      expect(gitlab.notes[0]?.body).toContain("1 invitation to create, 2 to update, 3 of 200 entries of ");
      expect(gitlab.writes.map(({ endpoint }) => endpoint)).toEqual([
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
      expect([code, log]).toEqual([
        1,
        expect.stringContaining("GET /api/v4/user failed with status 401. Bad credentials"),
      ]);
      expect(log).not.toContain("wr0ng-token");
    });
  });

  describe("on Gitea", () => {
    let gitea: FakeGitHub;
    const env = (variable = "GITEA_ACTIONS"): Record<string, string> => ({
      GITHUB_ACTIONS: "true",
      [variable]: "true",
      GITHUB_API_URL: gitea.url,
      GITHUB_SERVER_URL: "https://git.example",
      GITHUB_RUN_NUMBER: "12",
    });

    beforeEach(async () => {
      pipeline = await Pipeline.fake(resources, 0);
      gitea = await FakeGitHub.start(join(pipeline.project.folder, "posts.json"), true);
    });

    afterEach(async () => {
      await gitea.close();
    });

    test.each(["GITEA_ACTIONS", "FORGEJO_ACTIONS"])(
      "preview posts one comment, and updates it on the next run, with %s",
      async (variable) => {
        const ofAnotherUser: Post = {
          kind: "comment",
          number: 1,
          user: { id: 5 },
          state: "open",
          comments: [],
          body: "<!-- pulumi-preview: staff -->",
        };
        gitea.posts.push(ofAnotherUser);
        for (const _ of [1, 2]) expect(await pipeline.run("preview", env(variable))).toMatchObject({ code: 0 });
        expect(gitea.writes.map(({ endpoint }) => endpoint)).toEqual([
          "POST /repos/team/invitations/issues/7/comments",
          "PATCH /repos/team/invitations/issues/comments/101",
        ]);
        expect(gitea.posts[0]).toEqual(ofAnotherUser);
        expect(gitea.posts[1]?.body).toContain("](https://git.example/team/invitations/actions/runs/12)");
      },
    );

    test("drift opens one issue, and closes it when there is none", async () => {
      await pipeline.audit({ code: 7, stdout: '[{ "id": "7ab4bb3303d2b368", "name": "contractor" }]' });
      for (const _ of [1, 2]) expect(await pipeline.run("drift", env())).toMatchObject({ code: 7 });
      expect(gitea.posts).toMatchObject([{ title: "Undeclared invitations for stack staff", state: "open" }]);
      await pipeline.audit({ code: 0, stdout: "[]" });
      expect(await pipeline.run("drift", env())).toMatchObject({ code: 0 });
      expect(gitea.posts).toMatchObject([{ state: "closed", comments: [expect.stringContaining("No drift")] }]);
    });
  });

  describe("without a forge", () => {
    const env = { GITHUB_REPOSITORY: "", GITHUB_API_URL: "", GITHUB_TOKEN: "" };

    test("preview and drift write Markdown to standard output, and the log to standard error", async () => {
      pipeline = await Pipeline.fake(resources, 0);
      const { code, stdout, stderr } = await pipeline.run("preview", env);
      expect(code).toBe(0);
      expect(stdout).toMatch(
        /^<!-- pulumi-preview: staff -->\n\n### Pulumi preview for `staff`\n\n\*\*1 invitation to create/,
      );
      expect(stdout).not.toContain("Pipeline run");
      expect(stderr).toContain(`${resources.join("\n")}\n`);
      expect(stderr.endsWith(`${summary}\n`)).toBe(true);
      const drift = await pipeline.run("drift", env);
      expect([drift.code, drift.stdout]).toEqual([0, "No drift and no undeclared invitations found.\n"]);
    });

    test("--markdown writes to the step summary, and posts nothing", async () => {
      pipeline = await Pipeline.fake(resources, 0);
      const GITHUB_STEP_SUMMARY = join(pipeline.project.folder, "summary.md");
      const { code, stdout } = await pipeline.run("preview --markdown", { GITHUB_TOKEN: "", GITHUB_STEP_SUMMARY });
      expect([code, stdout]).toEqual([0, ""]);
      expect(await pipeline.project.readFile("summary.md")).toContain(
        "### Pulumi preview for `staff`\n\n**1 invitation to create",
      );
      expect(pipeline.github.requests).toEqual([]);
    });
  });
});
