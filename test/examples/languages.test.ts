/** The examples in YAML and Python, which use the plugin, and the SDKs that programs in Python, TypeScript and Go use. */
import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Authentik } from "../../sandbox";
import { findPythonHost } from "../../scripts/pulumi-cli";
import { generateSdks } from "../../scripts/sdks";
import { Project, packageRoot } from "../engine/project";
import { invitations } from "../engine/server";
import { listExamples, listTemplates, readPrograms, readTemplate, typeErrors, useTemplate } from "./example";

// Go and pip may have to download modules.
jest.setTimeout(10 * 60_000);

const run = promisify(execFile);
let sdks: string;
let server: Authentik;
let project: Project;

beforeAll(async () => {
  sdks = await mkdtemp(join(tmpdir(), "sdks-"));
  await generateSdks(sdks);
});
afterAll(() => rm(sdks, { recursive: true }));

beforeEach(async () => {
  server = await Authentik.start();
  project = await Project.create("", { authentik: server, plugin: true });
});
afterEach(async () => {
  await project.remove();
  await server.close();
});

const withoutPackage = ["python", "yaml"];

/** Creates the flow with its five stages and the invitations for these addresses, and finds no change. */
async function runStack(addresses: readonly string[]): Promise<void> {
  await project.up();
  const created = await invitations(server);
  expect(created.map(({ fixed_data }) => fixed_data["email"]).sort()).toEqual(addresses);
  const links = JSON.stringify(await project.outputs());
  for (const { pk } of created) expect(links).toContain(`${server.url}/if/flow/staff-enrollment/?itoken=${pk}`);
  const { body } = await server.request("GET", `/api/v3/flows/bindings/?target=${created[0]?.flow}&ordering=order`);
  const { results } = body as { results: { order: number; stage_obj: { name: string } }[] };
  expect(results.map(({ order, stage_obj }) => [order, stage_obj.name])).toEqual([
    [0, "staff-invitation"],
    [10, "default-source-enrollment-prompt"],
    [20, "default-password-change-prompt"],
    [30, "default-source-enrollment-write"],
    [40, "default-source-enrollment-login"],
  ]);
  await project.expectNoChanges("--refresh");
}

/** Previews the program in the plugin's guide instead of the project's, and returns it. */
async function previewGuide(language: string, main: string): Promise<string> {
  const [guide = ""] = await readPrograms("plugin.md", language);
  const file = join(project.folder, main);
  const program = await readFile(file, "utf8");
  await writeFile(file, guide);
  const { code, output } = await project.preview();
  expect([code, output]).toEqual([0, expect.stringContaining("+ 10 to create")]);
  await writeFile(file, program);
  return guide;
}

test("the examples without a package.json ask for the plugin's URL and token, and encrypt the token", async () => {
  const inTypeScript = await listExamples();
  expect((await listTemplates()).filter((name) => !inTypeScript.includes(name))).toEqual(withoutPackage);
  for (const example of withoutPackage)
    expect(await readTemplate(example)).toEqual({
      description: expect.stringMatching(/authentik/),
      config: {
        "authentik-invitations:url": { description: expect.stringContaining("https://") },
        "authentik-invitations:token": { description: expect.stringContaining("API token"), secret: true },
      },
    });
});

test("yaml creates an enrollment, an invitation and a batch from a CSV file", async () => {
  await useTemplate(project, "yaml");
  await runStack(["ada@example.com", "alan@example.com", "grace@example.com", "jane@example.com"]);
});

test("python creates an enrollment and an invitation for each person, with the generated SDK", async () => {
  const venv = join(project.folder, "venv");
  project.prependPath(join(venv, "bin"), await findPythonHost());
  await useTemplate(project, "python");
  // As `pulumi package add` does, which the language host here does not support.
  await cp(join(sdks, "python"), join(project.folder, "sdks", "authentik-invitations"), { recursive: true });
  const requirements = join(project.folder, "requirements.txt");
  await writeFile(requirements, `${await readFile(requirements, "utf8")}./sdks/authentik-invitations\n`);
  await run("python3", ["-m", "venv", venv]);
  const install = ["install", "--quiet", "--no-compile", "-r", requirements];
  await run(join(venv, "bin", "pip"), install, { cwd: project.folder });
  await previewGuide("python", "__main__.py");
  await runStack(["ada@example.com", "grace@example.com"]);
});

test("a TypeScript program uses the generated SDK", async () => {
  const sdk = join(project.folder, "node_modules", "@pulumi", "authentik-invitations");
  await cp(join(sdks, "nodejs"), sdk, { recursive: true });
  const compiler = join(packageRoot, "node_modules", "typescript", "bin", "tsc");
  const typeRoots = join(packageRoot, "node_modules", "@types");
  await run(process.execPath, [compiler, "--project", sdk, "--typeRoots", typeRoots]);
  // As the SDK's own script does when npm installs it.
  await cp(join(sdk, "package.json"), join(sdk, "bin", "package.json"));
  const program = await project.writeTypeScript(`
import * as authentik from "@pulumi/authentik-invitations";

const flow = new authentik.Flow("flow", {
  slug: "staff-enrollment",
  title: "Welcome",
  designation: authentik.Designation.ENROLLMENT,
});
const invitation = new authentik.InvitationStage("invitation", { name: "staff-invitation" });
const names = ["source-enrollment-prompt", "password-change-prompt", "source-enrollment-write", "source-enrollment-login"];
const stages = names.map((name) => authentik.getStageOutput({ name: \`default-\${name}\` }).pk);
for (const [index, stage] of [invitation.id, ...stages].entries())
  new authentik.FlowStageBinding(\`binding-\${index}\`, { target: flow.id, stage, order: index * 10 });
const jane = new authentik.Invitation("jane", {
  flow: flow.slug,
  validFor: "14d",
  onRetired: "keep",
  fixedData: { email: "jane@example.com" },
});
const intake = new authentik.InvitationBatch("intake", {
  flow: flow.slug,
  validFor: "14d",
  invitations: { ada: { fixedData: { email: "ada@example.com" } } },
});
export const link = jane.link;
export const links = intake.links;
`);
  const guide = join(project.folder, "guide.ts");
  await writeFile(guide, await previewGuide("typescript", "index.ts"));
  expect(typeErrors([program, guide])).toEqual([]);
  await runStack(["ada@example.com", "jane@example.com"]);
});

test("a Go program with the generated SDK compiles, after it replaces the SDK's path by the folder", async () => {
  const sdk = "example.com/pulumi-authentik-invitations/sdk/go";
  // Instead of `go mod tidy`, which would look for newer modules: those that the generator needs include those of the SDK.
  const pins = join(packageRoot, "scripts", "sdks");
  const manifest = (await readFile(join(pins, "go.mod"), "utf8")).replace(/^module .*/, "module test");
  await writeFile(join(project.folder, "go.mod"), manifest);
  await cp(join(pins, "go.sum"), join(project.folder, "go.sum"));
  await writeFile(
    join(project.folder, "main.go"),
    `package main

import (
	authentik "${sdk}/authentikinvitations"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

func main() {
	pulumi.Run(func(ctx *pulumi.Context) error {
		jane, err := authentik.NewInvitation(ctx, "jane", &authentik.InvitationArgs{ValidFor: pulumi.String("14d")})
		if err != nil {
			return err
		}
		ctx.Export("link", jane.Link)
		return nil
	})
}
`,
  );
  const go = (...args: readonly string[]): Promise<unknown> =>
    run("go", args, { cwd: project.folder, env: { ...process.env, GOWORK: "off" } });
  await go("mod", "edit", "-require", `${sdk}@v0.0.0`, "-replace", `${sdk}=${join(sdks, "go")}`);
  // Compiles it, but does not link an executable.
  await go("list", "-mod=mod", "-export", ".");
});
