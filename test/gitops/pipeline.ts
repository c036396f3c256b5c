import { spawn } from "node:child_process";
import { chmod, mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { commandFile } from "../commands/fixture";
import { packageRoot, preload } from "../engine/project";
import { findPulumi } from "../pulumi-cli";
import { kit } from "./kit";

/** An issue or a pull request comment, as the fake `gh` stores it. */
export interface Post {
  readonly number: number;
  readonly title?: string;
  body: string;
  readonly bot: boolean;
  open: boolean;
  comments: string[];
}

export interface Result {
  readonly code: number;
  /** Both output streams, in order. */
  readonly log: string;
}

export interface StateResource {
  readonly urn: string;
  readonly type: string;
  inputs?: Record<string, unknown>;
  outputs?: Record<string, unknown>;
}

/** The arguments and standard input of a call of the fake `gh`. */
export interface GhCall {
  readonly args: readonly string[];
  readonly input: string;
}

/**
 * A fake of the `gh api` calls that the script makes. It records its calls in one file, and stores issues and comments in another. Of `--jq`, it
 * supports only the script's own filter.
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

/** A run of a fake program. */
export interface ProgramRun {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** What a fake `npx` prints and exits with. */
export interface NpxResult {
  readonly code: number;
  readonly stdout?: string;
  readonly stderr?: string;
}

/** Runs the script as a CI pipeline does, with a fake `gh`, and with the real Pulumi or a fake one. */
export class Pipeline {
  private constructor(
    readonly folder: string,
    private readonly path: string,
  ) {}

  /** Creates a pipeline with the real Pulumi, for a project that has the package installed. */
  static async real(program: string): Promise<Pipeline> {
    const pipeline = await Pipeline.create((await findPulumi()).path);
    const { folder } = pipeline;
    await mkdir(join(folder, "node_modules", "@pulumi"), { recursive: true });
    await symlink(packageRoot, join(folder, "node_modules", "pulumi-authentik-invitations"));
    await symlink(
      join(packageRoot, "node_modules", "@pulumi", "pulumi"),
      join(folder, "node_modules", "@pulumi", "pulumi"),
    );
    // npm links the command there when it installs the package.
    await mkdir(join(folder, "node_modules", ".bin"));
    await pipeline.installProgram(
      "../node_modules/.bin/pulumi-authentik-invitations",
      `#!/usr/bin/env node\nrequire(${JSON.stringify(commandFile)});\n`,
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

  /**
   * Creates a pipeline with a fake Pulumi that prints these lines and exits with this code. Its arguments and environment are in `pulumi.json`.
   * A fake `npx` finds nothing to recover and no undeclared invitations, unless `recover()` and `npx()` set its results.
   */
  static async fake(lines: readonly string[], code: number): Promise<Pipeline> {
    const pipeline = await Pipeline.create(dirname(process.execPath));
    await pipeline.installProgram(
      "pulumi",
      `#!/usr/bin/env node
const fs = require("node:fs");
${recordRun(pipeline.folder, "pulumi")}
fs.writeFileSync(${JSON.stringify(join(pipeline.folder, "pulumi.json"))}, JSON.stringify({ args: process.argv.slice(2), env: process.env }));
fs.writeSync(1, fs.readFileSync(${JSON.stringify(join(pipeline.folder, "lines"))}));
process.exitCode = ${code};
`,
    );
    await pipeline.installProgram(
      "npx",
      `#!/usr/bin/env node
const fs = require("node:fs");
${recordRun(pipeline.folder, "npx")}
const file = process.argv.includes("recover") ? "recover.json" : "npx.json";
const { code, stdout = "", stderr = "" } = JSON.parse(fs.readFileSync(${JSON.stringify(`${pipeline.folder}/`)} + file, "utf8"));
fs.writeSync(1, stdout);
fs.writeSync(2, stderr);
process.exitCode = code;
`,
    );
    await pipeline.npx({ code: 0, stdout: "[]" });
    await pipeline.recover({ code: 0 });
    await writeFile(join(pipeline.folder, "lines"), lines.map((line) => `${line}\n`).join(""));
    return pipeline;
  }

  private static async create(pulumi: string): Promise<Pipeline> {
    const folder = await realpath(await mkdtemp(join(tmpdir(), "gitops-")));
    // The real npx starts a shell.
    const path = [join(folder, "bin"), dirname(process.execPath), pulumi, "/usr/bin", "/bin"].join(delimiter);
    const pipeline = new Pipeline(folder, path);
    await mkdir(join(folder, "bin"));
    await mkdir(join(folder, "backend"));
    await pipeline.installProgram("gh", fakeGh);
    return pipeline;
  }

  private async installProgram(name: string, source: string): Promise<void> {
    const file = join(this.folder, "bin", name);
    await writeFile(file, source);
    await chmod(file, 0o755);
  }

  /** Sets what the fake `npx` prints and exits with for `recover`. */
  async recover(result: NpxResult): Promise<void> {
    await this.writeFile("recover.json", JSON.stringify(result));
  }

  /** Sets what the fake `npx` prints and exits with for other commands. */
  async npx(result: NpxResult): Promise<void> {
    await this.writeFile("npx.json", JSON.stringify(result));
  }

  /** The runs of the fake Pulumi and `npx` so far. */
  async runs(): Promise<ProgramRun[]> {
    const lines = (await this.readFile("runs.jsonl")).split("\n").filter((line) => line !== "");
    return lines.map((line) => JSON.parse(line) as ProgramRun);
  }

  /** The variables that the workflow and the runner set. */
  private environment(): Record<string, string> {
    const { folder } = this;
    return {
      PATH: this.path,
      HOME: folder,
      NODE_OPTIONS: preload,
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

  /** Runs a command of the script, such as `preview` or `report preview`. */
  async run(command: string, env: Readonly<Record<string, string>> = {}): Promise<Result> {
    return await this.execute(process.execPath, [join(kit, "ci", "pulumi-gitops.mjs"), ...command.split(" ")], env);
  }

  /** Runs Pulumi directly, as for the setup of a stack. */
  async pulumi(...args: string[]): Promise<Result> {
    return await this.execute("pulumi", [...args, "--non-interactive"], {});
  }

  /** Changes the state as a run does that is killed before it sends the request to create a resource. */
  async addPendingCreation(name: string): Promise<void> {
    const file = join(this.folder, "backend", ".pulumi", "stacks", "team", "staff.json");
    const state = JSON.parse(await readFile(file, "utf8")) as {
      checkpoint: { latest: { resources: { urn: string }[]; pending_operations?: object[] } };
    };
    const { latest } = state.checkpoint;
    const existing = latest.resources.find(({ urn }) => urn.endsWith(`authentik:Invitation::${name}`));
    const {
      id: _id,
      outputs: _outputs,
      created: _created,
      ...resource
    } = { id: "", outputs: {}, created: "", ...existing };
    latest.pending_operations = [{ resource, type: "creating" }];
    await writeFile(file, JSON.stringify(state));
  }

  /** Changes the resources in the state, as anyone can who can write it. */
  async changeState(change: (resources: StateResource[]) => void): Promise<void> {
    await this.pulumi("stack", "export", "--stack", "staff", "--file", "state.json");
    const state = JSON.parse(await this.readFile("state.json")) as { deployment: { resources: StateResource[] } };
    change(state.deployment.resources);
    await this.writeFile("state.json", JSON.stringify(state));
    const { code, log } = await this.pulumi("stack", "import", "--stack", "staff", "--file", "state.json");
    if (code !== 0) throw new Error(log);
  }

  private async execute(command: string, args: string[], env: Readonly<Record<string, string>>): Promise<Result> {
    const child = spawn(command, args, {
      cwd: this.folder,
      env: { ...this.environment(), ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let log = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (chunk: string) => {
        log += chunk;
      });
    }
    const code = await new Promise<number>((resolve, reject) => {
      child.on("error", reject).on("close", (status) => resolve(status ?? -1));
    });
    return { code, log };
  }

  async readFile(file: string): Promise<string> {
    return await readFile(join(this.folder, file), "utf8").catch(() => "");
  }

  /** The calls of `gh` so far. */
  async calls(): Promise<GhCall[]> {
    const lines = (await this.readFile("calls.jsonl")).split("\n").filter((line) => line !== "");
    return lines.map((line) => JSON.parse(line) as GhCall);
  }

  /** The issues and comments in the fake repository, which anyone can read. */
  async posts(): Promise<Post[]> {
    return JSON.parse((await this.readFile("posts.json")) || "[]") as Post[];
  }

  async writeFile(file: string, content: string): Promise<void> {
    await writeFile(join(this.folder, file), content);
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** JavaScript that records the run of a fake program. */
function recordRun(folder: string, program: string): string {
  const run = `{ program: ${JSON.stringify(program)}, args: process.argv.slice(2), env: process.env }`;
  return `fs.appendFileSync(${JSON.stringify(join(folder, "runs.jsonl"))}, JSON.stringify(${run}) + "\\n");`;
}

/** A fake of the part of GitLab's API that the script uses: the notes of merge request 3, and issues. */
export class FakeGitLab {
  readonly requests: string[] = [];
  readonly notes: { id: number; body: string; author: { id: number } }[] = [];
  readonly issues: { iid: number; title: string; description: string; state: string; author: { id: number } }[] = [];

  private constructor(private readonly server: Server) {}

  static async start(): Promise<FakeGitLab> {
    const server = createServer();
    const fake = new FakeGitLab(server);
    server.on("request", (request, response) => {
      void fake.respond(request).then(
        (json) => {
          response.setHeader("content-type", "application/json");
          // All items are on page 2, to test pagination.
          const isFirstPage = /[?&]page=1$/.test(request.url ?? "");
          if (isFirstPage) response.setHeader("x-next-page", "2");
          response.statusCode = json === undefined ? 404 : 200;
          response.end(JSON.stringify(isFirstPage ? [] : (json ?? {})));
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

  private async respond(request: IncomingMessage): Promise<unknown> {
    let body = "";
    for await (const chunk of request.setEncoding("utf8")) body += String(chunk);
    const fields = body === "" ? {} : (JSON.parse(body) as Partial<Record<string, string>>);
    const path = (request.url ?? "").split("?")[0]?.replace("/api/v4", "") ?? "";
    const endpoint = `${request.method} ${path}`;
    this.requests.push(endpoint);
    const author = { id: 42 };
    const itemId = Number(/\d+$/.exec(path)?.[0]);
    if (request.headers["private-token"] !== "gitlab-t0ken") return undefined;
    if (endpoint === "GET /user") return author;
    if (endpoint === "GET /projects/9/merge_requests/3/notes") return this.notes;
    if (endpoint === "POST /projects/9/merge_requests/3/notes") {
      return this.notes.push({ id: 500 + this.notes.length, body: fields["body"] ?? "", author });
    }
    if (endpoint.startsWith("PUT /projects/9/merge_requests/3/notes/")) {
      return Object.assign(this.notes.find(({ id }) => id === itemId) ?? {}, fields);
    }
    if (endpoint === "GET /projects/9/issues") return this.issues.filter(({ state }) => state === "opened");
    if (endpoint === "POST /projects/9/issues") {
      const { title = "", description = "" } = fields;
      return this.issues.push({ iid: 60 + this.issues.length, title, description, state: "opened", author });
    }
    if (/^POST \/projects\/9\/issues\/\d+\/notes$/.test(endpoint)) return {};
    if (/^PUT \/projects\/9\/issues\/\d+$/.test(endpoint)) {
      const state = fields["state_event"] === "close" ? { state: "closed" } : {};
      return Object.assign(this.issues.find(({ iid }) => iid === itemId) ?? {}, fields, state);
    }
    return undefined;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }
}
