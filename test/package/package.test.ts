/**
 * The package as users get it: packed, installed from the tarball into empty projects, and run by the real `pulumi` against the embedded
 * authentik. Requires npm's registry, also for pnpm and for other versions of Node.js.
 *
 * The tarball is packed from a copy of the sources, because other tests use the `dist` folder of the work tree at the same time.
 */

import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { cp, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, posix, relative, sep } from "node:path";
import { promisify } from "node:util";
import * as ts from "typescript";
import { Authentik } from "../../sandbox";
import { namedCommands, relativeLinks, sectionsWithUnexplainedScripts } from "../docs/links";
import { Project, packageRoot } from "../engine/project";
import { invitations, invitationsPath } from "../engine/server";
import { findNode } from "./node";

jest.setTimeout(180_000);

const run = promisify(execFile);

/** Appears in the User-Agent header only if the provider process runs the tarball. */
const packedVersion = "0.0.0-packed";

const manifest = JSON.parse(ts.sys.readFile(join(packageRoot, "package.json")) ?? "") as {
  version: string;
  peerDependencies: { "@pulumi/pulumi": string };
};
const readVersion = (name: string): string => (require(`${name}/package.json`) as { version: string }).version;
const oldestPulumi = /^>=(\S+) /.exec(manifest.peerDependencies["@pulumi/pulumi"])?.[1] ?? "";
/** The newest release, which requires Node.js 22. The lockfile has the newest one for Node.js 20. */
const newestPulumi = "3.276.0";

interface Installation {
  readonly manager: "npm" | "pnpm";
  readonly pulumi: string;
  /** The compiler for the program. Without it, Pulumi uses the one in its SDK. */
  readonly typescript?: string;
  readonly languages: readonly (keyof typeof programs)[];
  /** The version of Node.js that runs the program and the provider. Defaults to that of the tests. */
  readonly node?: string;
}

/** The bounds of what is supported. All other tests run the version in the lockfile. */
const installations: readonly Installation[] = [
  { manager: "npm", pulumi: oldestPulumi, languages: ["CommonJS", "TypeScript"] },
  {
    manager: "pnpm",
    pulumi: newestPulumi,
    typescript: readVersion("typescript"),
    languages: ["ES-modules", "TypeScript"],
    node: "24.21.0",
  },
];

const installCommands = {
  npm: ["npm", "install", "--prefer-offline", "--no-audit", "--no-fund"],
  pnpm: ["npx", "--yes", "pnpm@10", "add", "--prefer-offline"],
} as const;

let folder: string;
let source: string;
let tarball: string;
let files: string[];
let size: number;

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "authentik-invitations-package-")));
  source = join(folder, "source");
  await pack();
});

afterAll(() => rm(folder, { recursive: true, force: true }));

interface PackResult {
  filename: string;
  size: number;
  files: { path: string }[];
}

/** Files that may exist in a work tree and must not be packed. */
const unpackedFiles = [
  "build/test/stale.js",
  "dist/stale.js",
  "dist/stale.js.map",
  "examples/links/Pulumi.dev.yaml",
  "examples/links/node_modules/stale/index.js",
  "test/stale.test.ts",
];

async function pack(): Promise<void> {
  const sources = [
    "package.json",
    "scripts/bundle.mjs",
    "provider",
    "test/bundle-internals.ts",
    "docs",
    "examples",
    "README.md",
    "LICENSE",
    "CHANGELOG.md",
    "SECURITY.md",
  ];
  for (const name of sources) {
    const filter = (path: string): boolean => isCommitted(relative(packageRoot, path));
    await cp(join(packageRoot, name), join(source, name), { recursive: true, filter });
  }
  for (const name of unpackedFiles) await cp(__filename, join(source, name));
  const packageJson = await readFile(join(source, "package.json"), "utf8");
  const version = (value: string): string => `"version": "${value}"`;
  await writeFile(join(source, "package.json"), packageJson.replace(version(manifest.version), version(packedVersion)));
  await symlink(join(packageRoot, "node_modules"), join(source, "node_modules"), "junction");
  const { stdout } = await run("npm", ["pack", "--json", "--silent"], { cwd: source, env: packageManagerEnv() });
  // npm 10 prints an array, npm 11 an object with package names as keys.
  const [result] = Object.values(JSON.parse(stdout) as Record<string, PackResult>);
  if (result === undefined) throw new Error(`npm pack printed ${stdout}`);
  tarball = join(source, result.filename);
  files = result.files.map(({ path }) => path).sort();
  size = result.size;
}

/** Whether a path is not one of those that working on an example creates. */
function isCommitted(path: string): boolean {
  return !/(^|[\\/])(node_modules([\\/]|$)|Pulumi\.[^\\/]+\.yaml$)/.test(path);
}

/** The environment without the variables that `npm test` sets for this project. */
function packageManagerEnv(): NodeJS.ProcessEnv {
  const ownVariables = /^npm_(package|lifecycle|command|config_local_prefix)|^NODE_ENV$/i;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !ownVariables.test(name)));
}

async function install({ manager, pulumi, typescript }: Installation, cwd: string): Promise<void> {
  const [command, ...args] = installCommands[manager];
  const packages = [tarball, `@pulumi/pulumi@${pulumi}`, ...(typescript ? [`typescript@${typescript}`] : [])];
  await run(command, [...args, ...packages], { cwd, env: packageManagerEnv() });
}

describe("the tarball", () => {
  test("contains the bundled package, its types, the docs and the examples, and nothing else", async () => {
    // Those that a program can reach.
    const sources = (await listFiles("provider")).filter((path) =>
      /^provider\/(index|(common|csv|program)\/(?!lookup\.).*)\.ts$/.test(path),
    );
    const types = sources.map((path) => path.replace(/^provider/, "dist").replace(/\.ts$/, ".d.ts"));
    const bundles = [
      "dist/index.js",
      "dist/objects/index.js",
      "dist/commands/main.js",
      "dist/plugin/main.js",
      "dist/THIRD-PARTY-LICENSES",
    ];
    const others = ["CHANGELOG.md", "LICENSE", "README.md", "SECURITY.md", "package.json"];
    const expected = [...others, ...bundles, ...types, ...(await listFiles("docs")), ...(await listFiles("examples"))];
    expect(files.filter((file) => !/^dist\/chunks\/[\w-]+\.js$/.test(file))).toEqual(expected.sort());
    expect(size).toBeLessThan(1_200_000);
  });

  test("has no page that refers to a page, a script or a command that it does not have", async () => {
    const pages = files.filter((file) => file.endsWith(".md"));
    const isPacked = (path: string): boolean => files.some((file) => file === path || file.startsWith(`${path}/`));
    const dead: string[] = [];
    for (const page of pages) {
      const markdown = await readPacked(page);
      const targets = relativeLinks(markdown).map((link) => posix.join(posix.dirname(page), link.split("#")[0] ?? ""));
      dead.push(
        ...targets
          .filter((target) => !isPacked(target.replace(/\/$/, "")) && target !== posix.dirname(page))
          .map((target) => `${page}: ${target}`),
      );
      // The changelog describes the repository as well.
      if (page !== "CHANGELOG.md") {
        dead.push(...sectionsWithUnexplainedScripts(markdown).map((section) => `${page}: ${section}`));
      }
      const commands = namedCommands(markdown).filter((name) => !/^(audit|ci|export|recover|report)$/.test(name));
      dead.push(...commands.map((name) => `${page}: command ${name}`));
    }
    expect(pages.length).toBeGreaterThan(40);
    expect(dead).toEqual([]);
  });

  test("contains the code that jest bundled for the other tests, except for the version", async () => {
    const isBundled = (file: string): boolean => /^dist\/.*\.js$/.test(file);
    // The names of chunks, and of the variables for them, contain a hash, which depends on the version.
    const withoutHashes = (code: string): string => code.replaceAll(/[-_][0-9A-Z]{8}\b/g, "");
    const describe = (file: string, code: string): string =>
      `${withoutHashes(file)} ${createHash("sha256").update(withoutHashes(code)).digest("hex")}`;
    const packed = files
      .filter(isBundled)
      .map(async (file) => describe(file, (await readPacked(file)).replaceAll(packedVersion, manifest.version)));
    const tested = (await listFiles("dist"))
      .filter((file) => isBundled(file) && file !== "dist/bundle-internals.js")
      .map(async (file) => describe(file, await readFile(join(packageRoot, file), "utf8")));
    expect((await Promise.all(packed)).sort()).toEqual((await Promise.all(tested)).sort());
  });

  test("has no dependencies, because everything but the peer is bundled, and types that import nothing else", async () => {
    const manifest = JSON.parse(await readPacked("package.json")) as Record<string, unknown>;
    expect(manifest["dependencies"]).toBeUndefined();
    expect(Object.keys(manifest["peerDependencies"] as object)).toEqual(["@pulumi/pulumi"]);
    const reached = new Set<string>();
    const modules = new Set<string>();
    const follow = async (file: string): Promise<void> => {
      if (reached.has(file)) return;
      reached.add(file);
      const code = (await readPacked(file)).replaceAll(/\/\*[\s\S]*?\*\//g, "");
      for (const [, name = ""] of code.matchAll(/(?:from|import\()\s*"([^"]+)"/g)) {
        if (name.startsWith(".")) await follow(posix.join(posix.dirname(file), `${name}.d.ts`));
        else modules.add(name);
      }
    };
    await follow("dist/index.d.ts");
    expect([...modules]).toEqual(["@pulumi/pulumi"]);
    expect(files).toEqual(expect.arrayContaining([...reached]));
  });

  test("contains the licenses of what is bundled", async () => {
    const licenses = await readFile(join(packageRoot, "dist", "THIRD-PARTY-LICENSES"), "utf8");
    for (const name of ["csv-parse", "undici", "zod"])
      expect(licenses).toMatch(new RegExp(`^${name} \\d+\\.\\d+\\.\\d+$`, "m"));
  });

  test("contains neither source maps nor references to them", async () => {
    expect(files.filter((file) => file.endsWith(".map"))).toEqual([]);
    for (const file of files)
      expect([file, await readPacked(file)]).not.toEqual([file, expect.stringContaining("sourceMappingURL")]);
  });

  test("contains no paths of the machine that packed it", async () => {
    for (const file of files) {
      const content = await readPacked(file);
      expect([file, content.includes(packageRoot), content.includes(folder)]).toEqual([file, false, false]);
    }
  });

  async function listFiles(name: string): Promise<string[]> {
    const entries = await readdir(join(packageRoot, name), { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => relative(packageRoot, join(entry.parentPath, entry.name)).split(sep).join("/"))
      .filter(isCommitted);
  }

  async function readPacked(file: string): Promise<string> {
    return await readFile(join(source, file), "utf8");
  }
});

/** The same stack in each language. */
const resources = `
const stage = new authentik.InvitationStage("invitation");
const jane = new Invitation("jane", {
  flow: "default-source-enrollment",
  validFor: "14d",
  fixedData: { email: "jane@example.com", attributes: { stage: stage.id } },
});
`;

const programs = {
  CommonJS: {
    file: "program.cjs",
    source: `const authentik = require("pulumi-authentik-invitations");
const { Invitation } = authentik;
${resources}
exports.link = jane.link;`,
  },
  // Pulumi compiles it, with a compiler that does not have to know `@ts-expect-error`.
  TypeScript: {
    file: "index.ts",
    source: `import * as pulumi from "@pulumi/pulumi";
import * as authentik from "pulumi-authentik-invitations";
import { Invitation } from "pulumi-authentik-invitations";
${resources}
const rejectsNumber: { validFor: number } extends authentik.InvitationArgs ? false : true = true;
const link: pulumi.Output<string | undefined> = jane.link;
export { link };`,
  },
  "ES-modules": {
    file: "program.mjs",
    source: `import * as authentik from "pulumi-authentik-invitations";
import { Invitation } from "pulumi-authentik-invitations";
${resources}
export const link = jane.link;`,
  },
};

describe.each(installations)("installed by $manager, with @pulumi/pulumi $pulumi", (installation) => {
  let authentik: Authentik;
  let project: Project;
  let nodeLog: string;

  beforeAll(async () => {
    const { node } = installation;
    const preload = join(folder, "log-version.cjs");
    const line = 'process.version + " " + process.argv[1] + "\\n"';
    await writeFile(preload, `require("node:fs").appendFileSync(process.env.NODE_LOG, ${line});`);
    nodeLog = join(folder, `${installation.manager}.log`);
    authentik = await Authentik.start();
    project = await Project.create("", {
      authentik,
      link: false,
      env: { NODE_OPTIONS: `--require=${preload}`, NODE_LOG: nodeLog },
      ...(node === undefined ? {} : { node: await findNode(node, packageManagerEnv()) }),
    });
    await rm(join(project.folder, "index.js"));
    await install(installation, project.folder);
  });

  afterAll(async () => {
    await project.remove();
    await authentik.close();
  });

  test("has the plugin as a command, which prints its port", async () => {
    const plugin = spawn(join(project.folder, "node_modules", ".bin", "pulumi-resource-authentik-invitations"), {
      stdio: ["ignore", "pipe", "inherit"],
    });
    try {
      const [line] = (await once(plugin.stdout, "data")) as [Buffer];
      expect(String(line)).toMatch(/^\d+\n$/);
    } finally {
      plugin.kill();
    }
  });

  test("has the files of the tarball, inside the project", async () => {
    const installed = await realpath(join(project.folder, "node_modules", "pulumi-authentik-invitations"));
    expect(relative(project.folder, installed)).toMatch(/^node_modules/);
    expect((await readdir(installed, { recursive: true })).filter((name) => name.endsWith(".js")).length).toBe(
      files.filter((name) => name.endsWith(".js")).length,
    );
  });

  // Changes the language at each step: the same stack in another language is no change, and each language adds an invitation.
  test(`previews, creates, detects drift and deletes, with programs in ${installation.languages.join(" and ")}`, async () => {
    let more = "";
    for (const name of installation.languages) {
      const { file, source } = programs[name];
      const isFirst = more === "";
      const skipPreview = isFirst ? [] : ["--skip-preview"];
      more += `\nnew Invitation("${name}", { validFor: "14d" });`;
      await writeFile(join(project.folder, "Pulumi.yaml"), `name: test\nruntime: nodejs\nmain: ${file}\n`);
      await writeFile(join(project.folder, file), source + more);
      const output = await project.succeed("up", "--yes", "--suppress-progress", ...skipPreview);
      // The first one also creates the stack, and what all programs declare.
      expect(output).toContain(`+ ${isFirst ? 4 : 1} created`);
      expect(output).toMatch(/Outputs:\s+\+? *link *: \[secret\]/);
      expect((await invitations(authentik)).map((invitation) => invitation.name)).toContain(name);
    }
    const jane = (await invitations(authentik)).find((invitation) => invitation.name === "jane");
    expect(jane).toMatchObject({ fixed_data: { email: "jane@example.com" } });
    expect(await project.outputs()).toEqual({
      link: `${authentik.url}/if/flow/default-source-enrollment/?itoken=${jane?.pk}`,
    });

    await authentik.request("PATCH", `${invitationsPath}${jane?.pk}/`, { single_use: true });
    const drift = await project.preview("--refresh", "--expect-no-changes");
    expect([drift.code, drift.output]).toEqual([7, expect.stringMatching(/~ 1 to update\n +4 unchanged/)]);
    expect(drift.output).toContain('Invitation "jane": singleUse changed outside Pulumi, last by akadmin');

    await project.destroy();
    expect(await invitations(authentik)).toEqual([]);
    // All requests came from the tarball.
    const userAgents = authentik.requests.flatMap(({ userAgent }) => userAgent?.match(/^pulumi\S+/) ?? []);
    expect([...new Set(userAgents)]).toEqual([`pulumi-authentik-invitations/${packedVersion}`]);

    const processes = (await readFile(nodeLog, "utf8")).trim().split("\n");
    const version = installation.node === undefined ? process.version : `v${installation.node}`;
    expect(new Set(processes.map((line) => line.split(" ")[0]))).toEqual(new Set([version]));
    expect(processes).toContainEqual(expect.stringContaining("dynamic-provider"));
  });

  test("loads neither undici nor zod, with require and with import", async () => {
    const script = `(async () => {
      const name = "pulumi-authentik-invitations";
      const types = [require(name), await import(name)].map(({ Invitation }) => typeof Invitation);
      const loaded = Object.keys(require("module")._cache).filter((path) => path.includes("pulumi-authentik-invitations/dist"));
      const sources = loaded.map((path) => require("fs").readFileSync(path, "utf8"));
      console.log(JSON.stringify([types, sources.length > 1, sources.some((source) => /ZodError|undici/.test(source))]));
    })()`;
    const options = { cwd: project.folder, env: packageManagerEnv() };
    const { stdout } = await run(process.execPath, ["--eval", script], options);
    expect(JSON.parse(stdout)).toEqual([["function", "function"], true, false]);
  });
});

describe("the types", () => {
  let program: ts.Program;

  beforeAll(async () => {
    // A project with the package installed. The program is only compiled, not run.
    const project = join(folder, "types");
    const modules = join(project, "node_modules");
    await cp(join(source, "dist"), join(modules, "pulumi-authentik-invitations", "dist"), { recursive: true });
    await cp(join(source, "package.json"), join(modules, "pulumi-authentik-invitations", "package.json"));
    await symlink(join(packageRoot, "node_modules", "@pulumi"), join(modules, "@pulumi"), "junction");
    await writeFile(join(project, "index.ts"), typedProgram);
    const options: ts.CompilerOptions = {
      strict: true,
      noEmit: true,
      exactOptionalPropertyTypes: true,
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.Node16,
      moduleResolution: ts.ModuleResolutionKind.Node16,
      // Checks the .d.ts files of the package as well.
      skipLibCheck: false,
      types: [],
    };
    program = ts.createProgram([join(project, "index.ts")], options);
  });

  test("accept valid programs and reject invalid ones", () => {
    // Only those of the program and the package: checking Pulumi's own types takes long.
    const checkedFiles = program
      .getSourceFiles()
      .filter(({ fileName }) => fileName.startsWith(ts.sys.resolvePath(folder)));
    expect(checkedFiles.length).toBeGreaterThan(3);
    const diagnostics = checkedFiles.flatMap((file) => [
      ...program.getSyntacticDiagnostics(file),
      ...program.getSemanticDiagnostics(file),
    ]);
    expect(diagnostics.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"))).toEqual([]);
  });

  // test/docs verifies that each argument, output and class has one.
  test("have doc comments", async () => {
    const types = await readFile(join(source, "dist/program/invitation.d.ts"), "utf8");
    expect(types).toMatch(/\*\/\n\s+validFor\?:/);
  });
});

/** An `@ts-expect-error` is an error itself if the next line compiles. */
const typedProgram = `
import * as pulumi from "@pulumi/pulumi";
import * as authentik from "pulumi-authentik-invitations";
import { Invitation, type InvitationArgs, InvitationStage, type InvitationStageArgs } from "pulumi-authentik-invitations";

const stage = new InvitationStage("stage");
const stageArgs: InvitationStageArgs = { name: "stage", continueFlowWithoutInvitation: pulumi.output(true), connection: "other" };
const args: InvitationArgs = { name: pulumi.output("jane"), flow: stage.id, expires: "2030-01-01T00:00:00Z",
  singleUse: true, fixedData: { email: "jane@example.com", attributes: { stage: stage.id, list: [1, null] } }, connection: "other" };
const invitation = new authentik.Invitation("jane", args, { import: "x", protect: true, dependsOn: [stage] });
const link: pulumi.Output<string | undefined> = invitation.link;
const status: pulumi.Output<string> = invitation.status;
const existing: authentik.Invitation = Invitation.get("existing", invitation.pk, { connection: "other" }, { protect: true });
const existingStage: authentik.InvitationStage = InvitationStage.get("existing", stage.id);
const secretArgs: InvitationArgs = { validFor: "14d", fixedData: pulumi.secret({ password: "x" }) };

// @ts-expect-error args are required
new Invitation("x");
// @ts-expect-error validFor must be a string
new Invitation("x", { validFor: 14 });
// @ts-expect-error singleUse must be a boolean
new Invitation("x", { validFor: "14d", singleUse: "yes" });
// @ts-expect-error expires must be a string
new Invitation("x", { expires: new Date() });
// @ts-expect-error fixedData must be an object
new Invitation("x", { validFor: "14d", fixedData: "x" });
// @ts-expect-error flow must be a string
new Invitation("x", { validFor: "14d", flow: stage });
// @ts-expect-error single_use does not exist
new Invitation("x", { validFor: "14d", single_use: true });
// @ts-expect-error continueFlowWithoutInvitation must be a boolean
new InvitationStage("x", { continueFlowWithoutInvitation: "yes" });
// @ts-expect-error flowSet is not an input
new InvitationStage("x", { flowSet: [] });
// @ts-expect-error name is read-only
invitation.name = stage.name;
// @ts-expect-error pk is an output
const pk: string = invitation.pk;
// @ts-expect-error imports is not a resource option
new Invitation("x", { validFor: "14d" }, { imports: "x" });
`;
