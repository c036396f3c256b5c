import { spawn } from "node:child_process";
import { chmod, mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { packageRoot } from "../engine/project";
import { findPulumi } from "../pulumi-cli";
import { kit } from "./kit";

/** Issues and comments of a repository or project, as the fake `gh` and the fake GitLab keep them. */
export interface Post {
  readonly number: number;
  readonly title?: string;
  body: string;
  readonly bot: boolean;
  open: boolean;
  comments: string[];
}

export interface Outcome {
  readonly code: number;
  /** All that landed in the log. */
  readonly log: string;
}

/** What every call of the fake `gh` was given. */
export interface Call {
  readonly args: readonly string[];
  readonly input: string;
}

/**
 * A stand-in for `gh api`, as far as the kit uses it: it keeps its calls in one file and issues and comments in another, and understands of
 * `--jq` what the kit asks for: the numbers of what a bot wrote with a marker.
 */
const fakeGh = `#!/usr/bin/env node
const fs = require("node:fs");
const args = process.argv.slice(2);
const folder = process.env.FAKE_GH;
const input = args.includes("--input") ? fs.readFileSync(0, "utf8") : "";
fs.appendFileSync(folder + "/calls.jsonl", JSON.stringify({ args, input, token: process.env.GH_TOKEN }) + "\\n");
if (fs.existsSync(folder + "/broken")) {
  console.error("HTTP 403: Resource not accessible by integration");
  process.exit(1);
}
const store = folder + "/posts.json";
const posts = fs.existsSync(store) ? JSON.parse(fs.readFileSync(store, "utf8")) : [];
const method = args.includes("--method") ? args[args.indexOf("--method") + 1] : "GET";
const path = args.find((arg) => arg.startsWith("repos/")).replace(/^repos\\/[^/]+\\/[^/]+\\//, "");
const kind = path.includes("comments") && !/^issues\\/\\d+\\/comments$/.test(path) || path === "issues/7/comments" ? "comment" : "issue";
if (method === "GET") {
  const marker = JSON.parse(/startswith\\(("[^"]*")\\)/.exec(args[args.indexOf("--jq") + 1])[1]);
  for (const post of posts) {
    if (post.kind === kind && post.bot && post.open && post.body.startsWith(marker)) console.log(post.number);
  }
} else {
  const body = JSON.parse(input);
  const [number] = /\\d+$/.exec(path.replace(/\\/comments$/, "")) ?? [];
  const post = posts.find((other) => other.kind === kind && String(other.number) === number);
  if (method === "POST" && /^issues\\/\\d+\\/comments$/.test(path) && kind === "issue") post.comments.push(body.body);
  else if (method === "POST") posts.push({ kind, number: 100 + posts.length, bot: true, open: true, comments: [], ...body });
  else Object.assign(post, body, body.state === "closed" ? { open: false } : {});
  fs.writeFileSync(store, JSON.stringify(posts));
}
`;

/** A place where the kit's script runs as it does in a pipeline: with a fake \`gh\`, and with the real Pulumi or a fake one. */
export class Pipeline {
  private constructor(
    readonly folder: string,
    private readonly path: string,
  ) {}

  /** With the real Pulumi, and this project's package in a project of its own. */
  static async real(program: string): Promise<Pipeline> {
    const pipeline = await Pipeline.create((await findPulumi()).path);
    const { folder } = pipeline;
    await mkdir(join(folder, "node_modules", "@pulumi"), { recursive: true });
    await symlink(packageRoot, join(folder, "node_modules", "pulumi-authentik-invitations"));
    await symlink(
      join(packageRoot, "node_modules", "@pulumi", "pulumi"),
      join(folder, "node_modules", "@pulumi", "pulumi"),
    );
    await writeFile(join(folder, "package.json"), JSON.stringify({ name: "team", private: true }));
    await writeFile(
      join(folder, "Pulumi.yaml"),
      "name: team\nruntime:\n  name: nodejs\n  options:\n    typescript: false\n",
    );
    await writeFile(
      join(folder, "index.js"),
      `const authentik = require("pulumi-authentik-invitations");\nconst pulumi = require("@pulumi/pulumi");\n${program}`,
    );
    return pipeline;
  }

  /** With a Pulumi that prints this and ends so, and keeps its arguments and environment in `pulumi.json`. */
  static async fake(lines: readonly string[], code: number): Promise<Pipeline> {
    const pipeline = await Pipeline.create(dirname(process.execPath));
    await pipeline.program(
      "pulumi",
      `#!/usr/bin/env node
const fs = require("node:fs");
fs.writeFileSync(${JSON.stringify(join(pipeline.folder, "pulumi.json"))}, JSON.stringify({ args: process.argv.slice(2), env: process.env }));
fs.writeSync(1, fs.readFileSync(${JSON.stringify(join(pipeline.folder, "lines"))}));
process.exitCode = ${code};
`,
    );
    await writeFile(join(pipeline.folder, "lines"), lines.map((line) => `${line}\n`).join(""));
    return pipeline;
  }

  private static async create(path: string): Promise<Pipeline> {
    const folder = await realpath(await mkdtemp(join(tmpdir(), "gitops-")));
    const pipeline = new Pipeline(folder, [join(folder, "bin"), dirname(process.execPath), path].join(delimiter));
    await mkdir(join(folder, "bin"));
    await mkdir(join(folder, "backend"));
    await pipeline.program("gh", fakeGh);
    return pipeline;
  }

  private async program(name: string, text: string): Promise<void> {
    const file = join(this.folder, "bin", name);
    await writeFile(file, text);
    await chmod(file, 0o755);
  }

  /** What a runner sets, for Pulumi and for GitHub. */
  private environment(): Record<string, string> {
    const { folder } = this;
    return {
      PATH: this.path,
      HOME: folder,
      PULUMI_HOME: join(folder, ".pulumi-home"),
      PULUMI_BACKEND_URL: `file://${folder}/backend`,
      PULUMI_CONFIG_PASSPHRASE: "a passphrase for tests",
      PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
      PULUMI_STACK: "staff",
      GITHUB_REPOSITORY: "team/invitations",
      GITHUB_SERVER_URL: "https://github.example",
      GITHUB_RUN_ID: "4711",
      GH_TOKEN: "gh-t0ken-of-the-run",
      FAKE_GH: folder,
      PULL_REQUEST: "7",
      COMMIT: "0a1b2c3d",
    };
  }

  /** `node ci/pulumi-gitops.mjs preview` and so on. */
  async run(command: string, env: Readonly<Record<string, string>> = {}): Promise<Outcome> {
    return await this.start(process.execPath, [join(kit, "ci", "pulumi-gitops.mjs"), command], env);
  }

  /** What a person does beforehand. */
  async pulumi(...args: string[]): Promise<Outcome> {
    return await this.start("pulumi", [...args, "--non-interactive"], {});
  }

  private async start(command: string, args: string[], env: Readonly<Record<string, string>>): Promise<Outcome> {
    const child = spawn(command, args, {
      cwd: this.folder,
      env: { ...this.environment(), ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let log = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        log += text;
      });
    }
    const code = await new Promise<number>((resolve, reject) => {
      child.on("error", reject).on("close", (status) => resolve(status ?? -1));
    });
    return { code, log };
  }

  async text(file: string): Promise<string> {
    return await readFile(join(this.folder, file), "utf8").catch(() => "");
  }

  /** The calls of \`gh\` so far. */
  async calls(): Promise<Call[]> {
    const lines = (await this.text("calls.jsonl")).split("\n").filter((line) => line !== "");
    return lines.map((line) => JSON.parse(line) as Call);
  }

  /** Everything in the repository that anybody can read. */
  async posts(): Promise<Post[]> {
    return JSON.parse((await this.text("posts.json")) || "[]") as Post[];
  }

  async write(file: string, text: string): Promise<void> {
    await writeFile(join(this.folder, file), text);
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** GitLab's API, as far as the kit uses it: notes of merge request 3, and issues. */
export class FakeGitLab {
  readonly requests: string[] = [];
  readonly notes: { id: number; body: string; author: { id: number } }[] = [];
  readonly issues: { iid: number; title: string; description: string; state: string; author: { id: number } }[] = [];

  private constructor(private readonly server: Server) {}

  static async start(): Promise<FakeGitLab> {
    const server = createServer();
    const fake = new FakeGitLab(server);
    server.on("request", (request, response) => {
      void fake.answer(request).then(
        (json) => {
          response.setHeader("content-type", "application/json");
          // Everything on page 2, so that paging is seen to work.
          const isFirst = /[?&]page=1$/.test(request.url ?? "");
          if (isFirst) response.setHeader("x-next-page", "2");
          response.statusCode = json === undefined ? 404 : 200;
          response.end(JSON.stringify(isFirst ? [] : (json ?? {})));
        },
        () => response.destroy(),
      );
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return fake;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/api/v4`;
  }

  private async answer(request: IncomingMessage): Promise<unknown> {
    let text = "";
    for await (const chunk of request.setEncoding("utf8")) text += String(chunk);
    const fields = text === "" ? {} : (JSON.parse(text) as Partial<Record<string, string>>);
    const path = (request.url ?? "").split("?")[0]?.replace("/api/v4", "") ?? "";
    const what = `${request.method} ${path}`;
    this.requests.push(what);
    const author = { id: 42 };
    const last = Number(/\d+$/.exec(path)?.[0]);
    if (request.headers["private-token"] !== "gitlab-t0ken") return undefined;
    if (what === "GET /user") return author;
    if (what === "GET /projects/9/merge_requests/3/notes") return this.notes;
    if (what === "POST /projects/9/merge_requests/3/notes") {
      return this.notes.push({ id: 500 + this.notes.length, body: fields["body"] ?? "", author });
    }
    if (what.startsWith("PUT /projects/9/merge_requests/3/notes/")) {
      return Object.assign(this.notes.find(({ id }) => id === last) ?? {}, fields);
    }
    if (what === "GET /projects/9/issues") return this.issues.filter(({ state }) => state === "opened");
    if (what === "POST /projects/9/issues") {
      const { title = "", description = "" } = fields;
      return this.issues.push({ iid: 60 + this.issues.length, title, description, state: "opened", author });
    }
    if (/^POST \/projects\/9\/issues\/\d+\/notes$/.test(what)) return {};
    if (/^PUT \/projects\/9\/issues\/\d+$/.test(what)) {
      const state = fields["state_event"] === "close" ? { state: "closed" } : {};
      return Object.assign(this.issues.find(({ iid }) => iid === last) ?? {}, fields, state);
    }
    return undefined;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }
}
