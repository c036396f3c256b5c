import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as ts from "typescript";
import { setUpFixture } from "./fixture";
import { packageRoot } from "./project";
import { invitations } from "./server";

jest.setTimeout(180_000);

describe("with disabled default providers", () => {
  const fixture = setUpFixture();

  beforeEach(async () => {
    await fixture.project.succeed("config", "set", "pulumi:disable-default-providers", '["*"]');
  });

  test("the program in docs/configuration.md works, refreshes and destroys", async () => {
    const { server, project } = fixture;
    const page = await readFile(join(packageRoot, "docs", "configuration.md"), "utf8");
    const [, program = ""] = /## Explicit providers[\s\S]*?```ts\n([\s\S]*?)```/.exec(page) ?? [];
    const { outputText } = ts.transpileModule(program, { compilerOptions: { module: ts.ModuleKind.CommonJS } });
    // The prelude of a test's program declares both.
    await project.write(`{ ${outputText} }`);
    await project.up();
    expect(await invitations(server)).toMatchObject([{ name: "jane" }]);
    await project.expectNoChanges("--refresh");
    await project.destroy();
    expect(await invitations(server)).toEqual([]);
  });

  test.each([
    ["of a resource", 'new authentik.InvitationStage("x", {}, { provider });', 'InvitationStage "x"'],
    ["of its component", 'new authentik.InviteOnlyEnrollment("x", {}, { providers: [provider] });', 'Flow "x"'],
    [
      "and a connection that is an output",
      'new authentik.InvitationStage("x", { connection: pulumi.output("authentik") }, { provider });',
      'InvitationStage "x"',
    ],
  ])("a provider without the settings %s is an error at preview", async (_case, resource, name) => {
    const { project } = fixture;
    await project.write(`
      class DynamicProvider extends pulumi.ProviderResource {}
      const provider = new DynamicProvider("pulumi-nodejs", "authentik", {});
      ${resource}`);
    const { code, output } = await project.preview();
    expect(code).not.toBe(0);
    expect(output).toContain(
      `${name} has an explicit provider without authentik:url and authentik:token. An explicit provider does not have the stack's configuration.`,
    );
  });
});
