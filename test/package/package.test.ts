/**
 * The package as its users get it: packed, installed from the tarball into empty projects, and run by the real `pulumi` against
 * the embedded authentik. The installs are real ones, so that this file needs npm's registry (pnpm itself comes from there, too).
 *
 * What is packed is a copy of the sources: the work tree's `dist` is in use by the tests that run at the same time.
 */
import { execFile } from "node:child_process";
import { cp, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative, sep } from "node:path";
import { promisify } from "node:util";
import * as ts from "typescript";
import { Project, packageRoot } from "../engine/project";
import { invitations } from "../engine/server";
import { Authentik } from "../sandbox";

jest.setTimeout(180_000);

const run = promisify(execFile);

/** In the tarball only, so that the server sees from which package the provider process runs. */
const packedVersion = "0.0.0-packed";

const manifest = JSON.parse(ts.sys.readFile(join(packageRoot, "package.json")) ?? "") as {
  peerDependencies: { "@pulumi/pulumi": string };
};
const versionOf = (name: string): string => (require(`${name}/package.json`) as { version: string }).version;
const lowestPulumi = /^>=(\S+) /.exec(manifest.peerDependencies["@pulumi/pulumi"])?.[1] ?? "";

let folder: string;
let source: string;
let tarball: string;
let files: string[];
let size: number;

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "authentik-invitations-package-")));
  source = join(folder, "source");
  const sources = ["package.json", "tsconfig.json", "provider", "README.md", "LICENSE", "CHANGELOG.md"];
  for (const name of sources) await cp(join(packageRoot, name), join(source, name), { recursive: true });
  const packed = {
    ...(JSON.parse(await readFile(join(source, "package.json"), "utf8")) as object),
    version: packedVersion,
  };
  await writeFile(join(source, "package.json"), JSON.stringify(packed));
  await symlink(join(packageRoot, "node_modules"), join(source, "node_modules"), "junction");
  // Left over from an earlier build: `prepack` builds from clean.
  await cp(__filename, join(source, "dist", "stale.js"));
  const { stdout } = await run("npm", ["pack", "--json", "--silent"], { cwd: source, env: environment() });
  // A list, and from npm 11 on an object by name.
  const [told] = Object.values(JSON.parse(stdout) as Record<string, Packed>);
  if (told === undefined) throw new Error(`npm pack said ${stdout}`);
  tarball = join(source, told.filename);
  files = told.files.map(({ path }) => path).sort();
  size = told.size;
});

afterAll(() => rm(folder, { recursive: true, force: true }));

interface Packed {
  filename: string;
  size: number;
  files: { path: string }[];
}

/** Without what `npm test` hands down of its own project. */
function environment(): NodeJS.ProcessEnv {
  const own = /^npm_(package|lifecycle|command|config_local_prefix)|^NODE_ENV$/i;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !own.test(name)));
}

describe("the tarball", () => {
  test("holds the compiled package, its types and its texts, and nothing else", async () => {
    const provider = join(packageRoot, "provider");
    const sources = await readdir(provider, { recursive: true });
    const compiled = sources
      .filter((name) => name.endsWith(".ts"))
      .map((name) => `dist/${name.split(sep).join("/").replace(/\.ts$/, "")}`)
      .flatMap((name) => [`${name}.js`, `${name}.d.ts`]);
    expect(files).toEqual(["CHANGELOG.md", "LICENSE", "README.md", "package.json", ...compiled].sort());
    expect(size).toBeLessThan(100_000);
  });

  test("names no path of the machine that packed it", async () => {
    for (const file of files) {
      const text = await readFile(join(source, file), "utf8");
      expect([file, text.includes(packageRoot), text.includes(folder)]).toEqual([file, false, false]);
    }
  });
});

interface Installation {
  readonly manager: string;
  /** Installs the packages in the current directory. */
  readonly command: readonly string[];
  readonly pulumi: string;
  /** What the program's TypeScript is compiled with; nothing leaves it to the compiler inside Pulumi's SDK. */
  readonly typescript: string | undefined;
}

const installations: Installation[] = [
  {
    manager: "npm",
    command: ["npm", "install", "--prefer-offline", "--no-audit", "--no-fund"],
    pulumi: lowestPulumi,
    typescript: undefined,
  },
  {
    manager: "pnpm",
    command: ["npx", "--yes", "pnpm@10", "add", "--prefer-offline"],
    pulumi: versionOf("@pulumi/pulumi"),
    typescript: versionOf("typescript"),
  },
];

/** The same stack in each language: what it makes, what it gives out. */
const resources = `
const stage = new authentik.InvitationStage("invitation");
const jane = new Invitation("jane", {
  flow: "default-source-enrollment",
  validFor: "14d",
  fixedData: { email: "jane@example.com", attributes: { stage: stage.id } },
});
`;

const programs = {
  TypeScript: {
    file: "index.ts",
    text: `import * as pulumi from "@pulumi/pulumi";
import * as authentik from "pulumi-authentik-invitations";
import { Invitation } from "pulumi-authentik-invitations";
${resources}
const link: pulumi.Output<string | undefined> = jane.link;
export { link };`,
  },
  CommonJS: {
    file: "program.cjs",
    text: `const authentik = require("pulumi-authentik-invitations");
const { Invitation } = authentik;
${resources}
exports.link = jane.link;`,
  },
  "ES modules": {
    file: "program.mjs",
    text: `import * as authentik from "pulumi-authentik-invitations";
import { Invitation } from "pulumi-authentik-invitations";
${resources}
export const link = jane.link;`,
  },
};

describe.each(installations)("installed by $manager, beside @pulumi/pulumi $pulumi", (installation) => {
  const { command, pulumi, typescript } = installation;
  let authentik: Authentik;
  let project: Project;
  let installed: string;

  beforeAll(async () => {
    authentik = await Authentik.start();
    project = await Project.create("", { authentik, link: false });
    await rm(join(project.folder, "index.js"));
    const packages = [tarball, `@pulumi/pulumi@${pulumi}`, ...(typescript ? [`typescript@${typescript}`] : [])];
    const [program = "", ...first] = command;
    await run(program, [...first, ...packages], { cwd: project.folder, env: environment() });
    installed = await realpath(join(project.folder, "node_modules", "pulumi-authentik-invitations"));
  });

  afterAll(async () => {
    await project.remove();
    await authentik.close();
  });

  async function write(file: string, text: string): Promise<void> {
    await writeFile(join(project.folder, "Pulumi.yaml"), `name: test\nruntime: nodejs\nmain: ${file}\n`);
    await writeFile(join(project.folder, file), text);
  }

  test("it is the tarball's content, inside the project", async () => {
    expect(relative(project.folder, installed)).toMatch(/^node_modules/);
    expect((await readdir(installed, { recursive: true })).filter((name) => name.endsWith(".js")).length).toBe(
      files.filter((name) => name.endsWith(".js")).length,
    );
  });

  test.each(Object.entries(programs))("a program in %s makes, compares and deletes", async (_, { file, text }) => {
    await write(file, text);
    await project.up();
    const [jane, ...others] = await invitations(authentik);
    expect(others).toEqual([]);
    expect(jane).toMatchObject({ name: "jane", fixed_data: { email: "jane@example.com" } });
    expect(await project.outputs()).toEqual({
      link: `${authentik.url}/if/flow/default-source-enrollment/?itoken=${jane?.pk}`,
    });
    const preview = await project.preview("--refresh", "--expect-no-changes");
    expect([preview.code, preview.output]).toEqual([0, expect.stringContaining("3 unchanged")]);
    await project.destroy();
    expect(await invitations(authentik)).toEqual([]);
    const agents = new Set(authentik.requests.flatMap(({ userAgent }) => userAgent?.match(/^pulumi\S+/) ?? []));
    expect([...agents]).toEqual([`pulumi-authentik-invitations/${packedVersion}`]);
  });

  test("an argument of a wrong type does not compile", async () => {
    const text = programs.TypeScript.text.replace(`validFor: "14d"`, "validFor: 14");
    await write("index.ts", text);
    const { code, output } = await project.preview();
    expect(code).not.toBe(0);
    expect(output).toMatch(/TS2322: Type 'number' is not assignable to type 'Input<string>( \| undefined)?'/);
  });

  test.each(["require('pulumi-authentik-invitations')", "await import('pulumi-authentik-invitations')"])(
    "%s loads neither undici nor zod",
    async (statement) => {
      const script = `(async () => {
        const { Invitation, InvitationStage } = ${statement};
        const loaded = Object.keys(require('module')._cache).filter((path) => /[\\\\/](undici|zod)[\\\\/]/.test(path));
        console.log(JSON.stringify([typeof Invitation, typeof InvitationStage, loaded]));
      })()`;
      const { stdout } = await run(process.execPath, ["--eval", script], { cwd: project.folder, env: environment() });
      expect(JSON.parse(stdout)).toEqual(["function", "function", []]);
    },
  );
});

describe("the types", () => {
  let program: ts.Program;

  beforeAll(async () => {
    // A user's project, in which the package is installed; what is compiled is not run.
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
      // Of the installed package, too: errors in its own .d.ts files count.
      skipLibCheck: false,
      types: [],
    };
    program = ts.createProgram([join(project, "index.ts")], options);
  });

  test("take what is right and refuse what is wrong", () => {
    // The program and the installed package; to check Pulumi's own types takes long, and is Pulumi's affair.
    const files = program.getSourceFiles().filter(({ fileName }) => fileName.startsWith(ts.sys.resolvePath(folder)));
    expect(files.length).toBeGreaterThan(3);
    const own = files.flatMap((file) => [
      ...program.getSyntacticDiagnostics(file),
      ...program.getSemanticDiagnostics(file),
    ]);
    expect(own.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"))).toEqual([]);
  });

  test("tell what each argument, output and class is", () => {
    const checker = program.getTypeChecker();
    const entry = program.getSourceFiles().find(({ fileName }) => fileName.endsWith("-invitations/dist/index.d.ts"));
    const module = entry && checker.getSymbolAtLocation(entry);
    const exported = module ? checker.getExportsOfModule(module) : [];
    expect(exported.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["Invitation", "InvitationArgs", "InvitationStage", "InvitationStageArgs"]),
    );
    const isDocumented = (symbol: ts.Symbol): boolean => symbol.getDocumentationComment(checker).length > 0;
    const symbols = exported.map((symbol) =>
      symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol,
    );
    expect(symbols.filter((symbol) => !isDocumented(symbol)).map(({ name }) => name)).toEqual([]);
    const argumentsOf = symbols.filter(({ name }) => /^Invitation(Stage)?Args$/.test(name));
    const undocumented = argumentsOf.flatMap((symbol) =>
      checker
        .getDeclaredTypeOfSymbol(symbol)
        .getProperties()
        .filter((property) => !isDocumented(property)),
    );
    expect(undocumented.map(({ name }) => name)).toEqual([]);
    // An output that is an argument, too, is told about there.
    const inputs = new Set(argumentsOf.flatMap((symbol) => [...(symbol.members?.keys() ?? [])]));
    const outputs = symbols
      .filter(({ flags }) => flags & ts.SymbolFlags.Class)
      .flatMap((symbol) => [...(symbol.members?.values() ?? [])])
      .filter(({ flags, escapedName }) => flags & ts.SymbolFlags.Property && !inputs.has(escapedName));
    expect(outputs.length).toBeGreaterThan(10);
    expect(outputs.filter((property) => !isDocumented(property)).map(({ name }) => name)).toEqual([]);
  });
});

/** Each `@ts-expect-error` is an error itself where the line below it compiles. */
const typedProgram = `
import * as pulumi from "@pulumi/pulumi";
import * as authentik from "pulumi-authentik-invitations";
import { Invitation, type InvitationArgs, InvitationStage, type InvitationStageArgs } from "pulumi-authentik-invitations";

const stage = new InvitationStage("stage");
const stageArgs: InvitationStageArgs = { name: "stage", continueFlowWithoutInvitation: pulumi.output(true), connection: "other" };
const args: InvitationArgs = { name: pulumi.output("jane"), flow: stage.flowSet[0].slug, expires: "2030-01-01T00:00:00Z",
  singleUse: true, fixedData: { email: "jane@example.com", attributes: { stage: stage.id, list: [1, null] } }, connection: "other" };
const invitation = new authentik.Invitation("jane", args, { import: "x", protect: true, dependsOn: [stage] });
const link: pulumi.Output<string | undefined> = invitation.link;
const status: pulumi.Output<string> = invitation.status;
const got: authentik.Invitation = Invitation.get("got", invitation.pk, { protect: true }, "other");
const gotStage: authentik.InvitationStage = InvitationStage.get("got", stage.id);
const whole: InvitationArgs = { validFor: "14d", fixedData: pulumi.secret({ password: "x" }) };

// @ts-expect-error no arguments
new Invitation("x");
// @ts-expect-error a number
new Invitation("x", { validFor: 14 });
// @ts-expect-error a text
new Invitation("x", { validFor: "14d", singleUse: "yes" });
// @ts-expect-error a Date
new Invitation("x", { expires: new Date() });
// @ts-expect-error a text
new Invitation("x", { validFor: "14d", fixedData: "x" });
// @ts-expect-error a resource
new Invitation("x", { validFor: "14d", flow: stage });
// @ts-expect-error no such argument
new Invitation("x", { validFor: "14d", single_use: true });
// @ts-expect-error a text
new InvitationStage("x", { continueFlowWithoutInvitation: "yes" });
// @ts-expect-error no such argument
new InvitationStage("x", { flowSet: [] });
// @ts-expect-error read only
invitation.name = stage.name;
// @ts-expect-error not a plain text
const text: string = invitation.pk;
// @ts-expect-error no such option
new Invitation("x", { validFor: "14d" }, { imports: "x" });
`;
