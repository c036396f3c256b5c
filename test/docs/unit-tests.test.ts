import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import * as ts from "typescript";
import { packageRoot } from "../engine/project";

test("the test in docs/unit-tests.md passes, with the built package and without any setting", async () => {
  const page = await readFile(join(packageRoot, "docs", "unit-tests.md"), "utf8");
  const [, program = ""] = /```ts\n([\s\S]*?)```/.exec(page) ?? [];
  const { outputText } = ts.transpileModule(program, {
    compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022, esModuleInterop: true },
  });
  const folder = await mkdtemp(join(tmpdir(), "unit-tests-"));
  try {
    await mkdir(join(folder, "node_modules", "@pulumi"), { recursive: true });
    await symlink(packageRoot, join(folder, "node_modules", "pulumi-authentik-invitations"));
    await symlink(
      join(packageRoot, "node_modules", "@pulumi", "pulumi"),
      join(folder, "node_modules", "@pulumi", "pulumi"),
    );
    await writeFile(join(folder, "program.test.js"), outputText);
    const { stdout } = await promisify(execFile)(process.execPath, ["--test", "program.test.js"], {
      cwd: folder,
      env: { PATH: process.env["PATH"] },
    });
    expect(stdout).toMatch(/pass 1\n/);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}, 60_000);
